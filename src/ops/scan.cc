#include <algorithm>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/subgraph_common.h"

namespace whet::ops {
namespace {

// How many inputs and outputs are states, and how the others are walked.
struct Layout {
  size_t states = 0, scans = 0, stacks = 0;
  bool batched = false;  // all inputs and outputs have a first dimension more, run sample by sample
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
  layout.batched = attributes.Int("batched") != 0;
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
  Dim length, batch;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.HasInput(i)) return Error(Code::kBadFile, "input %zu is missing", i);
    Type type = context.input(i);
    if (layout.batched && type.ranked) {
      if (type.rank() == 0) return Error(Code::kBadFile, "input %zu has no batch dimension", i);
      batch = type.dims[0];
      type.dims.erase(type.dims.begin());
    }
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
    if (!type.IsTensor()) {
      return Error(Code::kBadFile, "the body gives %s; a Scan carries and stacks tensors",
                   ToString(type).c_str());
    }
    if (i >= layout.states && type.ranked) {
      const int64_t given_axis = Layout::At(layout.output_axes, i - layout.states);
      const int axis = NormalizeAxis(given_axis, type.rank() + 1);
      if (axis < 0) return BadAxis(given_axis, type.rank() + 1);
      type.dims.insert(type.dims.begin() + axis, length);
    }
    if (layout.batched && type.ranked) type.dims.insert(type.dims.begin(), batch);
    context.SetOutput(i, std::move(type));
  }
  return {};
}

// `inputs` are states and scanned tensors; the outputs of all iterations.
Result<std::vector<TensorPtr>> RunScan(const Graph& body, const Layout& layout,
                                       std::span<const TensorPtr> inputs, GraphEvaluator& evaluator) {
  std::vector<TensorPtr> states(inputs.begin(), inputs.begin() + static_cast<int64_t>(layout.states));
  const auto scanned = inputs.subspan(layout.states);
  std::vector<int> axes;
  int64_t length = -1;
  for (const TensorPtr& tensor : scanned) {
    const int64_t given_axis = Layout::At(layout.input_axes, axes.size());
    axes.push_back(NormalizeAxis(given_axis, tensor->shape().rank()));
    if (axes.back() < 0) return BadAxis(given_axis, tensor->shape().rank());
    const int64_t size = tensor->shape()[axes.back()];
    if (length >= 0 && size != length) {
      return Error(Code::kInvalidArgument, "the scanned inputs have lengths %lld and %lld",
                   static_cast<long long>(length), static_cast<long long>(size));
    }
    length = size;
  }
  std::vector<std::vector<TensorPtr>> stacked(layout.stacks);
  for (int64_t t = 0; t < length; ++t) {
    WHET_RETURN_IF_ERROR(evaluator.CountIteration());
    std::vector<Datum> given(states.begin(), states.end());
    for (size_t i = 0; i < scanned.size(); ++i) {
      const bool backwards = Layout::At(layout.input_directions, i) != 0;
      given.push_back(SliceAt(scanned[i], axes[i], backwards ? length - 1 - t : t));
    }
    WHET_ASSIGN_OR_RETURN(const std::vector<Datum> results, evaluator.RunSubgraph(body, given));
    for (const Datum& result : results) {
      if (result.tensor() == nullptr) return Error(Code::kInvalidArgument, "the body must give tensors only");
    }
    for (size_t i = 0; i < layout.states; ++i) states[i] = results[i].tensor();
    for (size_t i = 0; i < layout.stacks; ++i) stacked[i].push_back(results[layout.states + i].tensor());
  }
  std::vector<TensorPtr> outputs = std::move(states);
  for (size_t i = 0; i < layout.stacks; ++i) {
    if (Layout::At(layout.output_directions, i) != 0) std::reverse(stacked[i].begin(), stacked[i].end());
    const Type& element = body.outputs()[layout.states + i]->type;
    const int rank = stacked[i].empty() ? element.rank() : stacked[i][0]->shape().rank();
    const int64_t given_axis = Layout::At(layout.output_axes, i);
    const int axis = NormalizeAxis(given_axis, rank + 1);
    if (axis < 0) return BadAxis(given_axis, rank + 1);
    WHET_ASSIGN_OR_RETURN(TensorPtr tensor, Stack(stacked[i], axis, element));
    outputs.push_back(std::move(tensor));
  }
  return outputs;
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  const Graph& body = *node.subgraphs[0];
  WHET_ASSIGN_OR_RETURN(const Layout layout,
                        LayoutOf(node.attributes, node.inputs().size(), node.outputs().size()));
  std::vector<TensorPtr> inputs;
  for (size_t i = 0; i < node.inputs().size(); ++i) inputs.push_back(evaluator.Input(node, i));
  if (!layout.batched) {
    WHET_ASSIGN_OR_RETURN(std::vector<TensorPtr> outputs, RunScan(body, layout, inputs, evaluator));
    for (size_t i = 0; i < outputs.size(); ++i) evaluator.SetOutput(node, i, std::move(outputs[i]));
    return {};
  }
  // Sample by sample.
  const int64_t batch = inputs[0]->shape().rank() > 0 ? inputs[0]->shape()[0] : -1;
  std::vector<std::vector<TensorPtr>> samples(node.outputs().size());
  for (const TensorPtr& input : inputs) {
    if (input->shape().rank() == 0 || input->shape()[0] != batch) {
      return Error(Code::kInvalidArgument, "the inputs do not have one batch size");
    }
  }
  for (int64_t b = 0; b < batch; ++b) {
    std::vector<TensorPtr> sample;
    for (const TensorPtr& input : inputs) sample.push_back(SliceAt(input, 0, b));
    WHET_ASSIGN_OR_RETURN(const std::vector<TensorPtr> outputs, RunScan(body, layout, sample, evaluator));
    for (size_t i = 0; i < outputs.size(); ++i) samples[i].push_back(outputs[i]);
  }
  for (size_t i = 0; i < samples.size(); ++i) {
    WHET_ASSIGN_OR_RETURN(TensorPtr tensor, Stack(samples[i], 0, body.outputs()[i]->type));
    evaluator.SetOutput(node, i, std::move(tensor));
  }
  return {};
}

// In opset 8 every input has a batch dimension, and the first is an optional list of lengths.
Status ImportScan8(ForeignNode& node, GraphBuilder& builder) {
  if (node.HasInput(0)) return node.Unsupported("sequence_lens");
  Attributes attributes = {{"batched", int64_t{1}},
                           {"num_scan_inputs", node.attributes.Int("num_scan_inputs")}};
  if (const Attribute* directions = node.attributes.Find("directions"); directions != nullptr) {
    attributes.Set("scan_input_directions", *directions);
  }
  if (node.inputs.empty()) return Error(Code::kBadFile, "there is nothing to scan");
  node.results = builder.EmitNode("Scan", std::span(node.inputs).subspan(1), node.output_names.size(),
                                  std::move(attributes), std::move(node.subgraphs));
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  if (node.attributes.Int("batched") != 0) {
    return Error(Code::kUnsupported, "a Scan over a batch, which ONNX has in opset 8 only");
  }
  std::vector<std::string> inputs, outputs;
  for (const Value* value : node.inputs()) inputs.push_back(sink.NameOf(value));
  for (const Value* value : node.outputs()) outputs.push_back(sink.NameOf(value));
  sink.Node("Scan", inputs, outputs, node.attributes);
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"num_scan_inputs", AttributeKind::kInt, true},   {"scan_input_axes", AttributeKind::kInts},
    {"scan_output_axes", AttributeKind::kInts},       {"scan_input_directions", AttributeKind::kInts},
    {"scan_output_directions", AttributeKind::kInts}, {"batched", AttributeKind::kInt},
};
constexpr OnnxSpelling kOnnx[] = {
    {.op_type = "Scan", .since = 9},
    {.op_type = "Scan", .since = 8, .until = 8, .import = ImportScan8, .min_inputs = 0}};

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
    .takes_strings = true,
};

extern const OpSpellings spellings_scan;
const OpSpellings spellings_scan = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
