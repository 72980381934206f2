#include <algorithm>

#include "ops/elements_common.h"
#include "ops/subgraph_common.h"

namespace whet::ops {
namespace {

// How many inputs and outputs are states, and how the others are walked.
struct Layout {
  size_t states = 0, scans = 0, stacks = 0;
  std::span<const int64_t> input_axes, output_axes, input_directions, output_directions;

  static int64_t At(std::span<const int64_t> values, size_t i) { return i < values.size() ? values[i] : 0; }
};

Result<Layout> LayoutOf(const Attributes& attributes, size_t inputs, size_t outputs) {
  Layout layout;
  const int64_t scans = attributes.Int("num_scan_inputs");
  if (scans < 1 || scans > static_cast<int64_t>(inputs)) {
    return Error(Code::kBadFile, "num_scan_inputs is %lld of %zu inputs", static_cast<long long>(scans),
                 inputs);
  }
  layout.scans = static_cast<size_t>(scans);
  layout.states = inputs - layout.scans;
  if (outputs < layout.states) {
    return Error(Code::kBadFile, "%zu outputs do not hold %zu states", outputs, layout.states);
  }
  layout.stacks = outputs - layout.states;
  layout.input_axes = attributes.Ints("scan_input_axes");
  layout.output_axes = attributes.Ints("scan_output_axes");
  layout.input_directions = attributes.Ints("scan_input_directions");
  layout.output_directions = attributes.Ints("scan_output_directions");
  return layout;
}

Status BadAxis(int64_t axis, int rank) {
  return Error(Code::kBadFile, "scan axis %lld is not one of %d dimensions", static_cast<long long>(axis),
               rank);
}

Status Infer(InferContext& context) {
  WHET_ASSIGN_OR_RETURN(const Layout layout,
                        LayoutOf(context.attributes(), context.input_count(), context.output_count()));
  std::vector<Type> given;
  Dim length;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.HasInput(i)) return Error(Code::kBadFile, "input %zu is missing", i);
    Type type = context.input(i);
    if (i >= layout.states && type.ranked) {
      const int64_t given_axis = Layout::At(layout.input_axes, i - layout.states);
      const int axis = NormalizeAxis(given_axis, type.rank());
      if (axis < 0) return BadAxis(given_axis, type.rank());
      const Dim& dim = type.dims[static_cast<size_t>(axis)];
      if (length.known() && dim.known() && length.lo != dim.lo) {
        return Error(Code::kBadFile, "the scanned inputs have lengths %lld and %lld",
                     static_cast<long long>(length.lo), static_cast<long long>(dim.lo));
      }
      if (!length.known()) length = dim;
      type.dims.erase(type.dims.begin() + axis);
    }
    given.push_back(std::move(type));
  }
  WHET_ASSIGN_OR_RETURN(const std::vector<Type> results, context.InferSubgraph(0, given));
  if (results.size() != context.output_count()) {
    return Error(Code::kBadFile, "the body gives %zu values; the node has %zu outputs", results.size(),
                 context.output_count());
  }
  for (size_t i = 0; i < results.size(); ++i) {
    Type type = results[i];
    if (i >= layout.states && type.ranked) {
      const int64_t given_axis = Layout::At(layout.output_axes, i - layout.states);
      const int axis = NormalizeAxis(given_axis, type.rank() + 1);
      if (axis < 0) return BadAxis(given_axis, type.rank() + 1);
      type.dims.insert(type.dims.begin() + axis, length);
    }
    context.SetOutput(i, std::move(type));
  }
  return {};
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  const Graph& body = *node.subgraphs[0];
  WHET_ASSIGN_OR_RETURN(const Layout layout,
                        LayoutOf(node.attributes, node.inputs().size(), node.outputs().size()));
  std::vector<TensorPtr> states, scanned;
  std::vector<int> axes;
  int64_t length = -1;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    TensorPtr tensor = evaluator.Input(node, i);
    if (i < layout.states) {
      states.push_back(std::move(tensor));
      continue;
    }
    const int64_t given_axis = Layout::At(layout.input_axes, i - layout.states);
    axes.push_back(NormalizeAxis(given_axis, tensor->shape().rank()));
    if (axes.back() < 0) return BadAxis(given_axis, tensor->shape().rank());
    const int64_t size = tensor->shape()[axes.back()];
    if (length >= 0 && size != length) {
      return Error(Code::kInvalidArgument, "the scanned inputs have lengths %lld and %lld",
                   static_cast<long long>(length), static_cast<long long>(size));
    }
    length = size;
    scanned.push_back(std::move(tensor));
  }
  std::vector<std::vector<TensorPtr>> stacked(layout.stacks);
  for (int64_t t = 0; t < length; ++t) {
    WHET_RETURN_IF_ERROR(evaluator.CountIteration());
    std::vector<TensorPtr> inputs = states;
    for (size_t i = 0; i < scanned.size(); ++i) {
      const bool backwards = Layout::At(layout.input_directions, i) != 0;
      inputs.push_back(SliceAt(scanned[i], axes[i], backwards ? length - 1 - t : t));
    }
    WHET_ASSIGN_OR_RETURN(const std::vector<TensorPtr> results, evaluator.RunSubgraph(body, inputs));
    for (size_t i = 0; i < layout.states; ++i) states[i] = results[i];
    for (size_t i = 0; i < layout.stacks; ++i) stacked[i].push_back(results[layout.states + i]);
  }
  for (size_t i = 0; i < layout.states; ++i) evaluator.SetOutput(node, i, states[i]);
  for (size_t i = 0; i < layout.stacks; ++i) {
    if (Layout::At(layout.output_directions, i) != 0) std::reverse(stacked[i].begin(), stacked[i].end());
    const Type& element = body.outputs()[layout.states + i]->type;
    const int rank = stacked[i].empty() ? element.rank() : stacked[i][0]->shape().rank();
    const int64_t given_axis = Layout::At(layout.output_axes, i);
    const int axis = NormalizeAxis(given_axis, rank + 1);
    if (axis < 0) return BadAxis(given_axis, rank + 1);
    WHET_ASSIGN_OR_RETURN(TensorPtr tensor, Stack(stacked[i], axis, element));
    evaluator.SetOutput(node, layout.states + i, std::move(tensor));
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"num_scan_inputs", AttributeKind::kInt, true},   {"scan_input_axes", AttributeKind::kInts},
    {"scan_output_axes", AttributeKind::kInts},       {"scan_input_directions", AttributeKind::kInts},
    {"scan_output_directions", AttributeKind::kInts},
};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "Scan", .since = 9}};

}  // namespace

extern const OpDef op_scan;
const OpDef op_scan = {
    .name = "Scan",
    .summary = "Runs a subgraph on each slice of its inputs, carrying states",
    .min_inputs = 1,
    .max_inputs = -1,
    .max_outputs = -1,
    .subgraphs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .evaluate = Evaluate,
    .onnx = kOnnx,
};

}  // namespace whet::ops
