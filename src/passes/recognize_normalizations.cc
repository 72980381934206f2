#include <algorithm>
#include <array>

#include "passes/match.h"
#include "passes/pass_list.h"

namespace whet {
namespace {

// A value's mean, sum or maximum over the last dimension, which is kept: the value, else null.
Value* ReducedOverLast(const Value* reduced, std::string_view op) {
  const Node* reduce = ProducerIs(reduced, op);
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

// x - mean(x), either way round: x, else null.
Value* CentredOf(const Value* value) {
  Node* sub = ProducerIs(value, "Sub");
  if (sub == nullptr) return nullptr;
  for (size_t i : {0u, 1u}) {
    Value* x = sub->input(i);
    if (ReducedOverLast(sub->input(1 - i), "ReduceMean") == x) return x;
  }
  return nullptr;
}

// sqrt(mean(squared ^ 2) + epsilon)
struct Root {
  Value* squared = nullptr;
  double epsilon = 0;
};
std::optional<Root> RootOf(const Value* mean_and_epsilon) {
  Node* add = ProducerIs(mean_and_epsilon, "Add");
  if (add == nullptr) return std::nullopt;
  for (size_t i : {0u, 1u}) {
    const auto epsilon = ScalarOf(add->input(i));
    Value* squares = ReducedOverLast(add->input(1 - i), "ReduceMean");
    Value* squared = squares != nullptr ? SquareOf(squares) : nullptr;
    if (epsilon && squared != nullptr) return Root{squared, *epsilon};
  }
  return std::nullopt;
}

std::optional<Root> RootIs(const Value* value) {
  const Node* sqrt = ProducerIs(value, "Sqrt");
  return sqrt != nullptr ? RootOf(sqrt->input(0)) : std::nullopt;
}

// 1 / such a root.
std::optional<Root> InverseRootIs(const Value* value) {
  if (const Node* reciprocal = ProducerIs(value, "Reciprocal")) return RootIs(reciprocal->input(0));
  const Node* div = ProducerIs(value, "Div");
  if (div != nullptr && IsScalar(div->input(0), 1)) return RootIs(div->input(1));
  const Node* pow = ProducerIs(value, "Pow");
  return pow != nullptr && IsScalar(pow->input(1), -0.5) ? RootOf(pow->input(0)) : std::nullopt;
}

bool IsVector(const Value* value, int64_t size) {
  return value->IsConstant() && value->type.dtype == DType::kF32 && value->type.rank() >= 1 &&
         value->type.dims.back() == Dim(size) && value->constant()->view().elements() == size;
}

int64_t LastDimension(const Node& node) { return node.output()->type.dims.back().lo; }

std::shared_ptr<const Constant> Combined(const Constant& a, const Constant& b,
                                         float (*combine)(float, float)) {
  const int64_t size = a.shape().elements();
  auto result = Constant::Allocate(DType::kF32, Shape{size});
  auto* to = static_cast<float*>(result->mutable_data());
  for (int64_t i = 0; i < size; ++i) to[i] = combine(a.view().as<float>()[i], b.view().as<float>()[i]);
  return result;
}

bool Become(Graph& graph, Node& node, std::string_view op, std::span<Value* const> inputs,
            Attributes attributes) {
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(node.name());
  Value* y = builder.Emit(op, inputs, std::move(attributes));
  if (!builder.ok()) return false;
  Replace(graph, node.output(), y);
  return true;
}

// What is divided by a root, or multiplied with its inverse.
struct Normalized {
  Value* x;
  Root root;
};
std::optional<Normalized> NormalizedIs(const Node& node) {
  if (node.Is("Div")) {
    const auto root = RootIs(node.input(1));
    return root ? std::optional(Normalized{node.input(0), *root}) : std::nullopt;
  }
  if (!node.Is("Mul")) return std::nullopt;
  for (size_t i : {0u, 1u}) {
    if (const auto root = InverseRootIs(node.input(i))) return Normalized{node.input(1 - i), *root};
  }
  return std::nullopt;
}

// (x - mean) / sqrt(mean((x - mean)^2) + epsilon)  ->  LayerNormalization(x, 1)
// x / sqrt(mean(x^2) + epsilon)                    ->  RMSNormalization(x, 1)
bool NormWithoutScale(Graph& graph, Node& node) {
  const auto normalized = NormalizedIs(node);
  if (!normalized) return false;
  Value* squared = normalized->root.squared;
  // Some exporters subtract the mean twice, for the square and for the result.
  const Node* sub = ProducerIs(normalized->x, "Sub");
  const bool layer = sub != nullptr && CentredOf(normalized->x) == sub->input(0) &&
                     (squared == normalized->x || CentredOf(squared) == sub->input(0));
  if (!layer && squared != normalized->x) return false;
  Value* x = layer ? sub->input(0) : normalized->x;
  if (x->type != node.output()->type) return false;
  GraphBuilder builder(graph, &node);
  auto ones = Constant::Allocate(DType::kF32, Shape{LastDimension(node)});
  std::fill_n(static_cast<float*>(ones->mutable_data()), LastDimension(node), 1.0F);
  Value* scale = builder.Const(std::move(ones), "scale");
  const std::array<Value*, 2> inputs = {x, scale};
  return Become(graph, node, layer ? "LayerNormalization" : "RMSNormalization", inputs,
                {{"axis", int64_t{-1}}, {"epsilon", normalized->root.epsilon}});
}

// x * (scale / root) + (shift - mean * (scale / root)), as Keras spells it  ->  LayerNormalization(x, scale,
// shift)
bool NormInOneProduct(Graph& graph, Node& node) {
  if (!node.Is("Add")) return false;
  for (size_t i : {0u, 1u}) {
    Node* product = ProducerIs(node.input(i), "Mul");
    Node* sub = ProducerIs(node.input(1 - i), "Sub");
    Node* shifted = sub != nullptr ? ProducerIs(sub->input(1), "Mul") : nullptr;
    if (product == nullptr || shifted == nullptr || !IsVector(sub->input(0), LastDimension(node))) continue;
    for (size_t k : {0u, 1u}) {
      Value* x = product->input(k);
      Value* factor = product->input(1 - k);
      Node* scaled = ProducerIs(factor, "Mul");
      if (scaled == nullptr || x->type != node.output()->type) continue;
      if (shifted->input(0) != factor && shifted->input(1) != factor) continue;
      if (ReducedOverLast(OtherInput(*shifted, factor), "ReduceMean") != x) continue;
      for (size_t j : {0u, 1u}) {
        const auto root = InverseRootIs(scaled->input(j));
        Value* scale = scaled->input(1 - j);
        if (!root || CentredOf(root->squared) != x || !IsVector(scale, LastDimension(node))) continue;
        const std::array<Value*, 3> inputs = {x, scale, sub->input(0)};
        return Become(graph, node, "LayerNormalization", inputs,
                      {{"axis", int64_t{-1}}, {"epsilon", root->epsilon}});
      }
    }
  }
  return false;
}

// norm(x, scale) * vector   ->  norm(x, scale * vector)
// norm(x, scale) + vector   ->  LayerNormalization(x, scale, vector)
bool ScaleOrShift(Graph& graph, Node& node) {
  if (!node.Is("Mul") && !node.Is("Add")) return false;
  for (size_t i : {0u, 1u}) {
    Node* norm = node.input(i)->producer();
    Value* vector = node.input(1 - i);
    if (norm == nullptr || (!norm->Is("LayerNormalization") && !norm->Is("RMSNormalization"))) continue;
    if (norm->outputs().size() != 1 || OnlyReader(norm->output()) != &node) continue;
    const int64_t size = LastDimension(node);
    const int64_t axis = norm->attributes.Int("axis", -1);
    Value* scale = norm->input(1);
    if (axis != -1 && axis != norm->output()->type.rank() - 1) continue;
    if (norm->output()->type != node.output()->type || !IsVector(vector, size) || !IsVector(scale, size))
      continue;
    GraphBuilder builder(graph, &node);
    std::vector<Value*> inputs(norm->inputs().begin(), norm->inputs().end());
    if (node.Is("Mul")) {
      if (inputs.size() > 2) continue;
      inputs[1] = builder.Const(
          Combined(*scale->constant(), *vector->constant(), [](float a, float b) { return a * b; }), "scale");
    } else {
      if (inputs.size() > 2 || norm->Is("RMSNormalization")) continue;
      inputs.push_back(vector);
    }
    return Become(graph, node, norm->op_name(), inputs, norm->attributes);
  }
  return false;
}

// The only axis that a reduction with its dimension kept is over, counted from the front.
std::optional<int> AxisOf(const Node* reduce) {
  if (reduce == nullptr || reduce->attributes.Int("keepdims", 1) == 0) return std::nullopt;
  const std::vector<int64_t> axes = IntsOf(reduce->input(1));
  const int rank = reduce->input(0)->type.rank();
  if (axes.size() != 1 || axes[0] < -rank || axes[0] >= rank) return std::nullopt;
  return static_cast<int>(axes[0] < 0 ? axes[0] + rank : axes[0]);
}

// x - max(x) over the axis: x. Any x otherwise: subtracting the same from all changes no softmax.
Value* BeforeShift(Value* value, int axis) {
  Node* sub = ProducerIs(value, "Sub");
  Node* max = sub != nullptr ? ProducerIs(sub->input(1), "ReduceMax") : nullptr;
  const bool shifts = max != nullptr && max->input(0) == sub->input(0) && AxisOf(max) == axis;
  return shifts ? sub->input(0) : value;
}

// exp(x) / sum(exp(x)), or times the inverse of the sum; x may be shifted by its maximum  ->  Softmax(x)
bool Softmax(Graph& graph, Node& node) {
  Value* exponential = node.input(0);
  const Node* sum = nullptr;
  if (node.Is("Div")) {
    sum = ProducerIs(node.input(1), "ReduceSum");
  } else if (node.Is("Mul")) {
    for (size_t i : {0u, 1u}) {
      const Node* reciprocal = ProducerIs(node.input(i), "Reciprocal");
      if (reciprocal == nullptr) continue;
      exponential = node.input(1 - i);
      sum = ProducerIs(reciprocal->input(0), "ReduceSum");
    }
  }
  const auto axis = AxisOf(sum);
  const Node* exp = ProducerIs(exponential, "Exp");
  if (!axis || exp == nullptr || sum->input(0) != exponential) return false;
  Value* x = BeforeShift(exp->input(0), *axis);
  if (x->type != node.output()->type) return false;
  const std::array<Value*, 1> inputs = {x};
  return Become(graph, node, "Softmax", inputs, {{"axis", int64_t{*axis}}});
}

// x - log(sum(exp(x))); x may be shifted by its maximum  ->  LogSoftmax(x)
// log(Softmax(x))                                        ->  LogSoftmax(x)
bool LogSoftmax(Graph& graph, Node& node) {
  if (node.Is("Log")) {
    const Node* softmax = ProducerIs(node.input(0), "Softmax");
    if (softmax == nullptr) return false;
    return Become(graph, node, "LogSoftmax", softmax->inputs(), softmax->attributes);
  }
  if (!node.Is("Sub")) return false;
  const Node* log = ProducerIs(node.input(1), "Log");
  const Node* sum = log != nullptr ? ProducerIs(log->input(0), "ReduceSum") : nullptr;
  const auto axis = AxisOf(sum);
  const Node* exp = axis ? ProducerIs(sum->input(0), "Exp") : nullptr;
  if (exp == nullptr || exp->input(0) != node.input(0)) return false;
  Value* x = BeforeShift(node.input(0), *axis);
  if (x->type != node.output()->type) return false;
  const std::array<Value*, 1> inputs = {x};
  return Become(graph, node, "LogSoftmax", inputs, {{"axis", int64_t{*axis}}});
}

Result<bool> Rewrite(Graph& graph, Node& node) {
  if (node.outputs().size() != 1 || node.inputs().empty() || node.inputs().size() > 2 ||
      node.output()->type.dtype != DType::kF32 || !node.output()->type.IsStatic() ||
      node.output()->type.rank() < 1) {
    return false;
  }
  for (const Value* input : node.inputs()) {
    if (input == nullptr || !input->type.IsStatic()) return false;
  }
  if (node.inputs().size() == 1) return LogSoftmax(graph, node);
  return NormWithoutScale(graph, node) || NormInOneProduct(graph, node) || ScaleOrShift(graph, node) ||
         Softmax(graph, node) || LogSoftmax(graph, node);
}

}  // namespace

// Replaces normalizations over the last dimension and softmaxes that exporters spell out in smaller operators
// by the operator itself. A normalization is recognized before its scale and its shift, which it then takes
// in.
Result<int> RecognizeNormalizations(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
