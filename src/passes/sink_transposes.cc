#include <algorithm>
#include <array>

#include "ops/elementwise_program_common.h"
#include "passes/match.h"
#include "passes/pass_list.h"

namespace whet {
namespace {

using Permutation = std::vector<int64_t>;

Permutation PermutationOf(const Node& transpose) {
  const auto perm = transpose.attributes.Ints("perm");
  return {perm.begin(), perm.end()};
}

Permutation Inverse(const Permutation& perm) {
  Permutation inverse(perm.size());
  for (size_t i = 0; i < perm.size(); ++i) inverse[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
  return inverse;
}

// The permutation of the transpose that computes `value`, if one does.
Permutation TransposeOf(const Value* value) {
  const Node* transpose = ProducerIs(value, "Transpose");
  return transpose != nullptr ? PermutationOf(*transpose) : Permutation();
}

// `x` as it is before a transpose by `perm`: the transpose's input, or a constant permuted the other way
// (with leading 1s added up to the rank), or a scalar itself. Null if it is neither.
Value* Untransposed(GraphBuilder& builder, Value* x, const Permutation& perm) {
  if (TransposeOf(x) == perm) return x->producer()->input(0);
  if (!x->IsConstant()) return nullptr;
  const TensorView& view = x->constant()->view();
  if (view.elements() == 1) return x;
  const int rank = static_cast<int>(perm.size());
  if (view.shape.rank() > rank) return nullptr;
  Shape padded;
  for (int i = view.shape.rank(); i < rank; ++i) padded.push_back(1);
  for (int64_t dim : view.shape) padded.push_back(dim);
  Value* wide = builder.Const(Constant::Refer(view.dtype, padded, view.data, x->constant()), x->name());
  return builder.Transpose(wide, Inverse(perm));
}

bool IsElementwise(const Node& node) {
  constexpr std::array<std::string_view, 6> kOthers = {"Cast", "Clip", "QuantizeLinear", "DequantizeLinear",
                                                       "Pow",  "Mod"};
  if (std::find(kOthers.begin(), kOthers.end(), node.op_name()) != kOthers.end()) {
    // Per-axis quantization is tied to an axis.
    if (node.Is("QuantizeLinear") || node.Is("DequantizeLinear")) {
      return node.input(1)->type.IsStatic() && node.input(1)->type.ToShape().elements() == 1;
    }
    return true;
  }
  return ops::FindElementFunction(node.op_name()) != nullptr || node.Is("Swish");
}

// Rewrites node(T(x), …) as T(node(x, …)). `attributes` and further inputs are already those of the new node.
Value* EmitBelow(Graph& graph, Node& node, GraphBuilder& builder, std::vector<Value*> inputs,
                 Attributes attributes, const Permutation& perm) {
  builder.SetNodeName(node.name());
  Value* y = builder.Emit(node.op_name(), inputs, std::move(attributes));
  Value* transposed = builder.Transpose(y, perm);
  if (builder.ok()) Replace(graph, node.output(), transposed);
  return transposed;
}

bool SinkElementwise(Graph& graph, Node& node, const Permutation& perm) {
  GraphBuilder builder(graph, &node);
  std::vector<Value*> inputs;
  for (Value* input : node.inputs()) {
    // Clip's bounds and quantization parameters are scalars and stay as they are.
    if (input == nullptr || (input->type.IsStatic() && input->type.rank() == 0)) {
      inputs.push_back(input);
      continue;
    }
    inputs.push_back(Untransposed(builder, input, perm));
    if (inputs.back() == nullptr) return false;
  }
  EmitBelow(graph, node, builder, inputs, node.attributes, perm);
  return builder.ok();
}

bool SinkConcat(Graph& graph, Node& node, const Permutation& perm) {
  GraphBuilder builder(graph, &node);
  std::vector<Value*> inputs;
  for (Value* input : node.inputs()) {
    if (!input->type.ranked || input->type.rank() != static_cast<int>(perm.size())) return false;
    if (input->IsConstant() && input->constant()->view().elements() == 1) return false;
    inputs.push_back(Untransposed(builder, input, perm));
    if (inputs.back() == nullptr) return false;
  }
  int64_t axis = node.attributes.Int("axis");
  if (axis < 0) axis += static_cast<int64_t>(perm.size());
  EmitBelow(graph, node, builder, inputs, {{"axis", perm[static_cast<size_t>(axis)]}}, perm);
  return builder.ok();
}

// Operators with an "axis" attribute and one data input.
bool SinkAxis(Graph& graph, Node& node, const Permutation& perm) {
  GraphBuilder builder(graph, &node);
  std::vector<Value*> inputs(node.inputs().begin(), node.inputs().end());
  inputs[0] = node.input(0)->producer()->input(0);
  Attributes attributes = node.attributes;
  int64_t axis = attributes.Int("axis", node.Is("Split") ? 0 : -1);
  if (axis < 0) axis += static_cast<int64_t>(perm.size());
  attributes.Set("axis", perm[static_cast<size_t>(axis)]);
  builder.SetNodeName(node.name());
  const auto results = builder.EmitNode(node.op_name(), inputs, node.outputs().size(), std::move(attributes));
  std::vector<Value*> outputs(node.outputs().begin(), node.outputs().end());
  // The node goes with the last output that is read, and the others with it.
  for (Value*& output : outputs) {
    if (output != nullptr && output->uses().empty() && !graph.IsLive(output)) output = nullptr;
  }
  for (size_t i = 0; builder.ok() && i < outputs.size(); ++i) {
    if (outputs[i] == nullptr) continue;
    Value* transposed = builder.Transpose(results[i], perm);
    Replace(graph, outputs[i], transposed);
  }
  return builder.ok();
}

bool SinkPad(Graph& graph, Node& node, const Permutation& perm) {
  const std::vector<int64_t> pads = IntsOf(node.input(1));
  const size_t rank = perm.size();
  if (pads.size() != 2 * rank || node.input(3) != nullptr) return false;
  std::vector<int64_t> moved(2 * rank);
  for (size_t i = 0; i < rank; ++i) {
    moved[static_cast<size_t>(perm[i])] = pads[i];
    moved[static_cast<size_t>(perm[i]) + rank] = pads[i + rank];
  }
  GraphBuilder builder(graph, &node);
  std::vector<Value*> inputs = {node.input(0)->producer()->input(0), builder.Ints(moved, "pads")};
  if (node.input(2) != nullptr) inputs.push_back(node.input(2));
  EmitBelow(graph, node, builder, inputs, node.attributes, perm);
  return builder.ok();
}

bool SinkSlice(Graph& graph, Node& node, const Permutation& perm) {
  const std::vector<int64_t> starts = IntsOf(node.input(1));
  std::vector<int64_t> axes = IntsOf(node.input(3));
  if (starts.empty() || (node.input(3) != nullptr && axes.empty())) return false;
  for (size_t i = axes.size(); i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  for (int64_t& axis : axes)
    axis = perm[static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(perm.size()) : axis)];
  GraphBuilder builder(graph, &node);
  std::vector<Value*> inputs = {node.input(0)->producer()->input(0), node.input(1), node.input(2),
                                builder.Ints(axes, "axes")};
  if (node.input(4) != nullptr) inputs.push_back(node.input(4));
  EmitBelow(graph, node, builder, inputs, node.attributes, perm);
  return builder.ok();
}

// With keepdims, which keeps the rank.
bool SinkReduce(Graph& graph, Node& node, const Permutation& perm) {
  const std::vector<int64_t> axes = IntsOf(node.input(1));
  if (axes.empty() || node.attributes.Int("keepdims", 1) == 0) return false;
  std::vector<int64_t> moved;
  for (int64_t axis : axes) {
    moved.push_back(perm[static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(perm.size()) : axis)]);
  }
  GraphBuilder builder(graph, &node);
  EmitBelow(graph, node, builder, {node.input(0)->producer()->input(0), builder.Ints(moved, "axes")},
            node.attributes, perm);
  return builder.ok();
}

Result<bool> Rewrite(Graph& graph, Node& node) {
  if (node.inputs().empty() || node.output() == nullptr || !node.subgraphs.empty()) return false;
  // The transpose whose fate is decided here.
  Permutation perm;
  for (const Value* input : node.inputs()) {
    if (input != nullptr && input->graph() == &graph && perm.empty()) perm = TransposeOf(input);
  }
  if (perm.empty()) return false;
  if (node.Is("Transpose")) {
    // Two in a row are one, or none.
    GraphBuilder builder(graph, &node);
    const Permutation outer = PermutationOf(node);
    if (outer.empty()) return false;
    Permutation composed;
    for (int64_t axis : outer) composed.push_back(perm[static_cast<size_t>(axis)]);
    builder.SetNodeName(node.name());
    Value* x = node.input(0)->producer()->input(0);
    Value* y = builder.Transpose(x, composed);
    if (!builder.ok()) return builder.TakeStatus();
    // An output must not become an alias of an input or another output.
    if (y == x && graph.IsLive(node.output()) && (x->producer() == nullptr || graph.IsLive(x))) return false;
    Replace(graph, node.output(), y);
    return true;
  }
  if (!node.output()->type.ranked || node.output()->type.rank() != static_cast<int>(perm.size()))
    return false;
  if (IsElementwise(node)) return SinkElementwise(graph, node, perm);
  if (node.Is("Concat")) return SinkConcat(graph, node, perm);
  // In the rest, only the data input can be the transposed one.
  if (TransposeOf(node.input(0)) != perm) return false;
  if (node.Is("Softmax") || node.Is("LogSoftmax") || node.Is("Split")) return SinkAxis(graph, node, perm);
  if (node.Is("Pad")) return SinkPad(graph, node, perm);
  if (node.Is("Slice")) return SinkSlice(graph, node, perm);
  if (node.op_name().starts_with("Reduce")) return SinkReduce(graph, node, perm);
  return false;
}

}  // namespace

// Rewrites op(Transpose(x)) as Transpose(op(x)) for operators that don't care, so that the transposes around
// channels-first operators meet their inverses and vanish; two in a row become one.
Result<int> SinkTransposes(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
