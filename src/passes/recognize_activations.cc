#include <cmath>
#include <numbers>

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

// HardSigmoid in general: clip(alpha * x + beta, 0, 1).
bool ClippedLine(Graph& graph, Node& node) {
  if (!node.Is("Clip") || !IsScalar(node.input(1), 0) || !IsScalar(node.input(2), 1)) return false;
  const Node* add = ProducerIs(node.input(0), "Add");
  for (size_t i : {0u, 1u}) {
    const auto beta = add != nullptr ? ScalarOf(add->input(i)) : std::nullopt;
    const Node* mul = beta ? ProducerIs(add->input(1 - i), "Mul") : nullptr;
    if (mul == nullptr) continue;
    for (size_t k : {0u, 1u}) {
      const auto alpha = ScalarOf(mul->input(k));
      Value* x = mul->input(1 - k);
      if (!alpha || x->type != node.output()->type) continue;
      Become(graph, node, "HardSigmoid", {x}, {{"alpha", *alpha}, {"beta", *beta}});
      return true;
    }
  }
  return false;
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

// 1 + e^-x: x, else null.
Value* LogisticDenominatorOf(Value* value) {
  Node* exp = ProducerIs(OperandBeside(ProducerIs(value, "Add"), 1), "Exp");
  if (exp == nullptr) return nullptr;
  if (Node* neg = ProducerIs(exp->input(0), "Neg")) return neg->input(0);
  return OperandBeside(ProducerIs(exp->input(0), "Mul"), -1);
}

// Sigmoid: 1 / (1 + e^-x).
bool Sigmoid(Graph& graph, Node& node) {
  Value* denominator = nullptr;
  if (node.Is("Reciprocal")) denominator = node.input(0);
  if (node.Is("Div") && IsScalar(node.input(0), 1)) denominator = node.input(1);
  Value* x = denominator != nullptr ? LogisticDenominatorOf(denominator) : nullptr;
  if (x == nullptr || x->type != node.output()->type) return false;
  Become(graph, node, "Sigmoid", {x}, {});
  return true;
}

// Silu: x * sigmoid(x), or x / (1 + e^-x).
bool Silu(Graph& graph, Node& node) {
  if (node.Is("Div") && LogisticDenominatorOf(node.input(1)) == node.input(0)) {
    Become(graph, node, "Silu", {node.input(0)}, {});
    return true;
  }
  if (!node.Is("Mul")) return false;
  for (Value* x : {node.input(0), node.input(1)}) {
    Node* sigmoid = ProducerIs(OtherInput(node, x), "Sigmoid");
    if (sigmoid == nullptr || sigmoid->input(0) != x) continue;
    Become(graph, node, "Silu", {x}, {});
    return true;
  }
  return false;
}

// Mish: x * tanh(softplus(x)).
bool Mish(Graph& graph, Node& node) {
  if (!node.Is("Mul")) return false;
  for (Value* x : {node.input(0), node.input(1)}) {
    Node* tanh = ProducerIs(OtherInput(node, x), "Tanh");
    Node* softplus = tanh != nullptr ? ProducerIs(tanh->input(0), "Softplus") : nullptr;
    if (softplus == nullptr || softplus->input(0) != x) continue;
    Become(graph, node, "Mish", {x}, {});
    return true;
  }
  return false;
}

// A value taken apart into scalar factors, multiplied together, and the others.
struct Product {
  double scalar = 1;
  std::vector<Value*> factors;
};
constexpr int kDeepestProduct = 4;

// `stop` is not taken apart.
void TakeApart(Value* value, const Value* stop, int depth, Product* product) {
  const Node* node = value->producer();
  if (value != stop && depth < kDeepestProduct && node != nullptr) {
    if (node->Is("Div") && ScalarOf(node->input(1)).value_or(0) != 0) {
      product->scalar /= *ScalarOf(node->input(1));
      return TakeApart(node->input(0), stop, depth + 1, product);
    }
    if (node->Is("Mul")) {
      for (Value* input : node->inputs()) {
        if (const auto scalar = ScalarOf(input)) {
          product->scalar *= *scalar;
        } else {
          TakeApart(input, stop, depth + 1, product);
        }
      }
      return;
    }
  }
  product->factors.push_back(value);
}
Product ProductOf(Value* value, const Value* stop) {
  Product product;
  TakeApart(value, stop, 0, &product);
  return product;
}

// The one of two factors that is not `factor`; null if neither is it.
Value* OtherFactor(const std::vector<Value*>& factors, const Value* factor) {
  if (factors.size() != 2) return nullptr;
  return factors[0] == factor ? factors[1] : factors[1] == factor ? factors[0] : nullptr;
}

// The operands of the products that `node` is the last of, except for scalars and `gate`.
void CollectCandidates(const Node& node, const Value* gate, int depth, std::vector<Value*>* candidates) {
  for (Value* input : node.inputs()) {
    if (input == gate || ScalarOf(input)) continue;
    candidates->push_back(input);
    const Node* inner = input->producer();
    if (depth < kDeepestProduct && inner != nullptr && (inner->Is("Mul") || inner->Is("Div")))
      CollectCandidates(*inner, gate, depth + 1, candidates);
  }
}
std::vector<Value*> CandidatesFor(const Node& node, const Value* gate) {
  std::vector<Value*> candidates;
  CollectCandidates(node, gate, 0, &candidates);
  return candidates;
}

// Scalars that a model was written with in few digits.
bool IsAbout(double value, double expected) {
  return std::fabs(value - expected) <= 1e-4 * std::fabs(expected);
}

// coefficient * x^exponent, in any factors.
bool IsMonomial(Value* value, const Value* x, double coefficient, int exponent) {
  const Product product = ProductOf(value, x);
  int found = 0;
  for (const Value* factor : product.factors) {
    const Node* pow = ProducerIs(factor, "Pow");
    if (factor == x) {
      found += 1;
    } else if (pow != nullptr && pow->input(0) == x && IsScalar(pow->input(1), 2)) {
      found += 2;
    } else if (pow != nullptr && pow->input(0) == x && IsScalar(pow->input(1), 3)) {
      found += 3;
    } else {
      return false;
    }
  }
  return found == exponent && IsAbout(product.scalar, coefficient);
}

// sqrt(2 / pi) * (x + 0.044715 * x^3), or with x before the brackets.
bool IsTanhArgument(Value* value, const Value* x) {
  constexpr double kCubic = 0.044715;
  const Product product = ProductOf(value, x);
  if (!IsAbout(product.scalar, std::sqrt(2 / std::numbers::pi))) return false;
  if (product.factors.size() == 1) {
    const Node* add = ProducerIs(product.factors[0], "Add");
    return add != nullptr && ((add->input(0) == x && IsMonomial(add->input(1), x, kCubic, 3)) ||
                              (add->input(1) == x && IsMonomial(add->input(0), x, kCubic, 3)));
  }
  if (product.factors.size() != 2) return false;
  Value* brackets = product.factors[product.factors[0] == x ? 1 : 0];
  Value* square = OperandBeside(ProducerIs(brackets, "Add"), 1);
  return OtherFactor(product.factors, brackets) == x && square != nullptr && IsMonomial(square, x, kCubic, 2);
}

// Gelu: x * (1 + erf(x / sqrt 2)) * 0.5, or with tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)) for erf, the
// factors in any order.
bool Gelu(Graph& graph, Node& node) {
  if (!node.Is("Mul") && !node.Is("Div")) return false;
  // The factors of everything, among which is 1 + erf or 1 + tanh, of an argument in which x is.
  for (Value* gate : ProductOf(node.output(), nullptr).factors) {
    Value* function = OperandBeside(ProducerIs(gate, "Add"), 1);
    const Node* erf = ProducerIs(function, "Erf");
    const Node* tanh = ProducerIs(function, "Tanh");
    if (erf == nullptr && tanh == nullptr) continue;
    // x may be a product itself: whichever of the candidates fits is it.
    for (Value* x : CandidatesFor(node, gate)) {
      if (x->type != node.output()->type) continue;
      const Product product = ProductOf(node.output(), x);
      if (product.factors.size() != 2 || OtherFactor(product.factors, gate) != x ||
          !IsAbout(product.scalar, 0.5))
        continue;
      const bool fits = erf != nullptr ? IsMonomial(erf->input(0), x, std::sqrt(0.5), 1)
                                       : IsTanhArgument(tanh->input(0), x);
      if (!fits) continue;
      Become(graph, node, "Gelu", {x},
             erf != nullptr ? Attributes() : Attributes{{"approximate", std::string("tanh")}});
      return true;
    }
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
  return HardSwish(graph, node) || HardSigmoid(graph, node) || ClippedLine(graph, node) ||
         Sigmoid(graph, node) || Silu(graph, node) || Mish(graph, node) || Gelu(graph, node) ||
         PRelu(graph, node) || LeakyRelu(graph, node) || Relu(graph, node) || Clip(graph, node);
}

}  // namespace

// Replaces activations that exporters spell out in smaller operators by the operator itself.
Result<int> RecognizeActivations(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
