#include "passes/match.h"
#include "passes/pass_list.h"

namespace whet {
namespace {

// The input of a reduction over the last dimension that keeps it, else null.
Value* ReducedOverLast(const Node* reduce) {
  if (reduce == nullptr || reduce->attributes.Int("keepdims", 1) == 0) return nullptr;
  const std::vector<int64_t> axes = IntsOf(reduce->input(1));
  const int rank = reduce->input(0)->type.rank();
  if (axes.size() != 1 || (axes[0] != -1 && axes[0] != rank - 1)) return nullptr;
  return reduce->input(0);
}

// d * d or d ^ 2: d, else null.
Value* SquareOf(const Value* value) {
  if (Node* mul = ProducerIs(value, "Mul")) return mul->input(0) == mul->input(1) ? mul->input(0) : nullptr;
  Node* pow = ProducerIs(value, "Pow");
  return pow != nullptr && IsScalar(pow->input(1), 2) ? pow->input(0) : nullptr;
}

bool IsVector(const Value* value, const Dim& size) {
  return value->IsConstant() && value->type.dtype == DType::kF32 && value->type.rank() >= 1 &&
         value->type.dims.back() == size && value->constant()->view().elements() == size.lo;
}

// The operand of a commutative node that is a constant vector over the last dimension; `other` is the other
// one.
Value* VectorOperand(const Node* node, Value** other) {
  if (node == nullptr) return nullptr;
  for (size_t i : {0u, 1u}) {
    *other = node->input(1 - i);
    if (IsVector(node->input(i), node->output()->type.dims.back())) return node->input(i);
  }
  return nullptr;
}

// (x - mean) / sqrt(mean((x - mean)^2) + epsilon) * scale + shift
bool LayerNorm(Graph& graph, Node& node) {
  if (!node.Is("Add")) return false;
  Value* scaled = nullptr;
  Value* shift = VectorOperand(&node, &scaled);
  if (shift == nullptr) return false;
  Value* normal = nullptr;
  Value* scale = VectorOperand(ProducerIs(scaled, "Mul"), &normal);
  Node* div = scale != nullptr ? ProducerIs(normal, "Div") : nullptr;
  Node* sub = div != nullptr ? ProducerIs(div->input(0), "Sub") : nullptr;
  Node* sqrt = sub != nullptr ? ProducerIs(div->input(1), "Sqrt") : nullptr;
  Node* add = sqrt != nullptr ? ProducerIs(sqrt->input(0), "Add") : nullptr;
  if (add == nullptr) return false;
  for (size_t i : {0u, 1u}) {
    const auto epsilon = ScalarOf(add->input(i));
    Value* squares = ReducedOverLast(ProducerIs(add->input(1 - i), "ReduceMean"));
    if (!epsilon || squares == nullptr || SquareOf(squares) != div->input(0)) continue;
    Value* x = sub->input(0);
    if (ReducedOverLast(ProducerIs(sub->input(1), "ReduceMean")) != x || x->type != node.output()->type)
      continue;
    GraphBuilder builder(graph, &node);
    builder.SetNodeName(node.name());
    Value* y =
        builder.Emit("LayerNormalization", {x, scale, shift}, {{"axis", int64_t{-1}}, {"epsilon", *epsilon}});
    if (!builder.ok()) return false;
    Replace(graph, node.output(), y);
    return true;
  }
  return false;
}

// exp(x - max(x)) / sum(exp(x - max(x)))
bool Softmax(Graph& graph, Node& node) {
  if (!node.Is("Div")) return false;
  Node* exp = ProducerIs(node.input(0), "Exp");
  Node* sum = ProducerIs(node.input(1), "ReduceSum");
  if (exp == nullptr || ReducedOverLast(sum) != node.input(0)) return false;
  Node* sub = ProducerIs(exp->input(0), "Sub");
  if (sub == nullptr || ReducedOverLast(ProducerIs(sub->input(1), "ReduceMax")) != sub->input(0))
    return false;
  if (sub->input(0)->type != node.output()->type) return false;
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(node.name());
  Value* y = builder.Emit("Softmax", {sub->input(0)}, {{"axis", int64_t{-1}}});
  if (!builder.ok()) return false;
  Replace(graph, node.output(), y);
  return true;
}

Result<bool> Rewrite(Graph& graph, Node& node) {
  if (node.outputs().size() != 1 || node.inputs().size() != 2 || node.output()->type.dtype != DType::kF32 ||
      !node.output()->type.IsStatic() || node.output()->type.rank() < 1) {
    return false;
  }
  return LayerNorm(graph, node) || Softmax(graph, node);
}

}  // namespace

// Replaces layer normalization and softmax over the last dimension that exporters spell out in smaller
// operators by the operator itself.
Result<int> RecognizeNormalizations(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
