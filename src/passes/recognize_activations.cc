#include <cmath>

#include "passes/match.h"
#include "passes/pass_list.h"

namespace whet {
namespace {

// Of a commutative binary node: the other operand, if one operand is this constant scalar.
Value* OperandBeside(const Node* node, double scalar) {
  if (node == nullptr) return nullptr;
  if (IsScalar(node->input(1), scalar)) return node->input(0);
  if (IsScalar(node->input(0), scalar)) return node->input(1);
  return nullptr;
}

bool IsFloat32(const Value* value) { return value->type.dtype == DType::kF32; }

void Become(Graph& graph, Node& node, std::string_view op, std::initializer_list<Value*> inputs,
            Attributes attributes) {
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(node.name());
  Value* y = builder.Emit(op, inputs, std::move(attributes));
  if (builder.ok()) Replace(graph, node.output(), y);
}

// clip(x + 3, 0, 6): x, or null.
Value* HardGateOf(Value* gate) {
  Node* clip = ProducerIs(gate, "Clip");
  if (clip == nullptr || !IsScalar(clip->input(1), 0) || !IsScalar(clip->input(2), 6)) return nullptr;
  return OperandBeside(ProducerIs(clip->input(0), "Add"), 3);
}

// x / 6 or x * (1/6): x, or null.
Value* SixthOf(Value* value) {
  if (Node* div = ProducerIs(value, "Div")) return IsScalar(div->input(1), 6) ? div->input(0) : nullptr;
  return OperandBeside(ProducerIs(value, "Mul"), 1.0 / 6);
}

// HardSigmoid with slope 1/6: clip(x + 3, 0, 6) / 6.
bool HardSigmoid(Graph& graph, Node& node) {
  Value* gate = SixthOf(node.output());
  Value* x = gate != nullptr ? HardGateOf(gate) : nullptr;
  if (x == nullptr) return false;
  Become(graph, node, "HardSigmoid", {x}, {{"alpha", 1.0 / 6}, {"beta", 0.5}});
  return true;
}

// HardSwish: x * clip(x + 3, 0, 6) / 6, the factors in any order.
bool HardSwish(Graph& graph, Node& node) {
  if (Value* product = SixthOf(node.output())) {
    Node* mul = ProducerIs(product, "Mul");
    if (mul == nullptr) return false;
    for (Value* x : {mul->input(0), mul->input(1)}) {
      if (HardGateOf(OtherInput(*mul, x)) != x) continue;
      Become(graph, node, "HardSwish", {x}, {});
      return true;
    }
    return false;
  }
  if (!node.Is("Mul")) return false;
  for (Value* x : {node.input(0), node.input(1)}) {
    Value* gate = OtherInput(node, x);
    Node* sigmoid = ProducerIs(gate, "HardSigmoid");
    if (sigmoid == nullptr || sigmoid->input(0) != x) continue;
    if (std::fabs(sigmoid->attributes.Float("alpha", 0.2) - 1.0 / 6) > 1e-6 ||
        sigmoid->attributes.Float("beta", 0.5) != 0.5) {
      continue;
    }
    Become(graph, node, "HardSwish", {x}, {});
    return true;
  }
  return false;
}

// Silu: x * sigmoid(x).
bool Silu(Graph& graph, Node& node) {
  if (!node.Is("Mul")) return false;
  for (Value* x : {node.input(0), node.input(1)}) {
    Node* sigmoid = ProducerIs(OtherInput(node, x), "Sigmoid");
    if (sigmoid == nullptr || sigmoid->input(0) != x) continue;
    Become(graph, node, "Silu", {x}, {});
    return true;
  }
  return false;
}

// Gelu: x * (1 + erf(x / sqrt 2)) * 0.5, the factors in any order.
bool Gelu(Graph& graph, Node& node) {
  if (!node.Is("Mul")) return false;
  const auto one_plus_erf = [](Value* value) -> Value* {
    Value* erf_value = OperandBeside(ProducerIs(value, "Add"), 1);
    Node* erf = erf_value != nullptr ? ProducerIs(erf_value, "Erf") : nullptr;
    if (erf == nullptr) return nullptr;
    if (Node* div = ProducerIs(erf->input(0), "Div")) {
      return IsScalar(div->input(1), std::sqrt(2.0)) ? div->input(0) : nullptr;
    }
    return OperandBeside(ProducerIs(erf->input(0), "Mul"), std::sqrt(0.5));
  };
  // (x * (1 + erf)) * 0.5
  if (Value* product = OperandBeside(&node, 0.5)) {
    Node* mul = ProducerIs(product, "Mul");
    if (mul == nullptr) return false;
    for (Value* x : {mul->input(0), mul->input(1)}) {
      if (one_plus_erf(OtherInput(*mul, x)) != x) continue;
      Become(graph, node, "Gelu", {x}, {});
      return true;
    }
    return false;
  }
  // (x * 0.5) * (1 + erf)
  for (Value* half : {node.input(0), node.input(1)}) {
    Value* x = OperandBeside(ProducerIs(half, "Mul"), 0.5);
    if (x == nullptr || one_plus_erf(OtherInput(node, half)) != x) continue;
    Become(graph, node, "Gelu", {x}, {});
    return true;
  }
  return false;
}

bool IsConstantF32(const Value* value) { return value->IsConstant() && IsFloat32(value); }

std::shared_ptr<const Constant> Scaled(const Constant& from, float factor) {
  auto scaled = Constant::Allocate(DType::kF32, from.shape());
  const float* values = from.view().as<float>();
  for (int64_t i = 0; i < from.shape().elements(); ++i)
    static_cast<float*>(scaled->mutable_data())[i] = values[i] * factor;
  return scaled;
}

// The constant factor that a Mul applies to the other operand.
Value* ConstantFactor(const Node* mul, Value** operand) {
  if (mul == nullptr) return nullptr;
  for (size_t i : {0u, 1u}) {
    if (!IsConstantF32(mul->input(i))) continue;
    *operand = mul->input(1 - i);
    return mul->input(i);
  }
  return nullptr;
}

// PRelu as Keras and MTCNN spell it, relu(x) + slope * negative part, where the negative part is
//   -relu(-x) (the minus before the slope, or in it), or (x - |x|) / 2 with the half anywhere.
bool PRelu(Graph& graph, Node& node) {
  if (!node.Is("Add")) return false;
  for (Value* positive : {node.input(0), node.input(1)}) {
    Node* relu = ProducerIs(positive, "Relu");
    if (relu == nullptr) continue;
    Value* x = relu->input(0);
    // Peels factors and minus signs off the other summand.
    Value* rest = OtherInput(node, positive);
    float factor = 1;
    Value* slope = nullptr;
    for (;;) {
      Value* operand = nullptr;
      if (Node* neg = ProducerIs(rest, "Neg")) {
        factor = -factor;
        rest = neg->input(0);
      } else if (Value* constant = ConstantFactor(ProducerIs(rest, "Mul"), &operand)) {
        const auto scalar = ScalarOf(constant);
        if (scalar) {
          factor *= static_cast<float>(*scalar);
        } else if (slope == nullptr) {
          slope = constant;
        } else {
          break;
        }
        rest = operand;
      } else {
        break;
      }
    }
    if (Node* negative = ProducerIs(rest, "Relu")) {
      Node* neg = ProducerIs(negative->input(0), "Neg");
      if (neg == nullptr || neg->input(0) != x) continue;
      factor = -factor;  // relu(-x) is minus the negative part
    } else if (Node* sub = ProducerIs(rest, "Sub")) {
      Node* abs = ProducerIs(sub->input(1), "Abs");
      if (sub->input(0) != x || abs == nullptr || abs->input(0) != x) continue;
      factor *= 2;  // x - |x| is twice the negative part
    } else {
      continue;
    }
    GraphBuilder builder(graph, &node);
    builder.SetNodeName(node.name());
    Value* scaled = slope == nullptr ? builder.Const(Constant::ScalarF32(factor), "slope")
                                     : builder.Const(Scaled(*slope->constant(), factor), slope->name());
    Value* y = builder.Emit("PRelu", {x, scaled});
    if (!builder.ok()) return false;
    Replace(graph, node.output(), y);
    return true;
  }
  return false;
}

// LeakyRelu as max(x, slope * x) with 0 < slope < 1.
bool LeakyRelu(Graph& graph, Node& node) {
  if (!node.Is("Max") || node.inputs().size() != 2) return false;
  for (Value* x : {node.input(0), node.input(1)}) {
    Value* operand = nullptr;
    Value* factor = ConstantFactor(ProducerIs(OtherInput(node, x), "Mul"), &operand);
    const double slope = factor != nullptr ? ScalarOf(factor).value_or(0) : 0;
    if (operand != x || slope <= 0 || slope >= 1) continue;
    Become(graph, node, "LeakyRelu", {x}, {{"alpha", slope}});
    return true;
  }
  return false;
}

// A Clip from 0 upwards without end, and Max with 0, are Relu.
bool Relu(Graph& graph, Node& node) {
  if (node.Is("Max") && node.inputs().size() == 2) {
    Value* x = OperandBeside(&node, 0);
    if (x == nullptr || x->type != node.output()->type) return false;
    Become(graph, node, "Relu", {x}, {});
    return true;
  }
  if (!node.Is("Clip") || !IsScalar(node.input(1), 0)) return false;
  if (node.input(2) != nullptr && ScalarOf(node.input(2)).value_or(0) < 3.4e38) return false;
  Become(graph, node, "Relu", {node.input(0)}, {});
  return true;
}

// max(min(x, high), low) and min(max(x, low), high) with low <= high are Clip.
bool Clip(Graph& graph, Node& node) {
  if ((!node.Is("Max") && !node.Is("Min")) || node.inputs().size() != 2) return false;
  const bool outer_max = node.Is("Max");
  for (size_t i : {0u, 1u}) {
    Node* inner = ProducerIs(node.input(i), outer_max ? "Min" : "Max");
    if (inner == nullptr || inner->inputs().size() != 2 || !ScalarOf(node.input(1 - i))) continue;
    for (size_t k : {0u, 1u}) {
      if (!ScalarOf(inner->input(1 - k))) continue;
      Value* low = outer_max ? node.input(1 - i) : inner->input(1 - k);
      Value* high = outer_max ? inner->input(1 - k) : node.input(1 - i);
      if (*ScalarOf(low) > *ScalarOf(high) || inner->input(k)->type != node.output()->type) continue;
      GraphBuilder builder(graph, &node);
      Become(graph, node, "Clip",
             {inner->input(k), builder.Scalar(*ScalarOf(low), low->type.dtype),
              builder.Scalar(*ScalarOf(high), high->type.dtype)},
             {});
      return true;
    }
  }
  return false;
}

Result<bool> Rewrite(Graph& graph, Node& node) {
  if (node.outputs().size() != 1 || node.output() == nullptr || !IsFloat32(node.output())) return false;
  for (const Value* input : node.inputs()) {
    if (input == nullptr) return false;
  }
  return HardSwish(graph, node) || HardSigmoid(graph, node) || Silu(graph, node) || Gelu(graph, node) ||
         PRelu(graph, node) || LeakyRelu(graph, node) || Relu(graph, node) || Clip(graph, node);
}

}  // namespace

// Replaces activations that exporters spell out in smaller operators by the operator itself.
Result<int> RecognizeActivations(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
