#include "passes/quantized_match.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/elements_common.h"
#include "ops/quantize_common.h"

namespace whet {
namespace {

bool IsOneElement(const Value* value) {
  return value != nullptr && value->IsConstant() && value->constant()->view().elements() == 1;
}

// The bounds that an activation sets to what it lets through; false if it does more than that.
bool LimitsOf(const Node& node, double* low, double* high) {
  *low = -std::numeric_limits<double>::infinity();
  *high = std::numeric_limits<double>::infinity();
  if (node.Is("Relu")) {
    *low = 0;
    return true;
  }
  if (!node.Is("Clip")) return false;
  for (size_t i : {1u, 2u}) {
    if (node.input(i) == nullptr) continue;
    const auto bound = ScalarOf(node.input(i));
    if (!bound || std::isnan(*bound)) return false;
    (i == 1 ? *low : *high) = *bound;
  }
  return true;
}

// What QuantizeLinear makes of a bound.
int32_t StepsOf(const ops::QuantizedOutput& output, double bound) {
  return ops::ToSteps(static_cast<float>(bound) / output.quantization.scale, output);
}

}  // namespace

std::optional<ops::Quantization> TensorQuantization(const Node& node) {
  const bool quantizes = node.Is("QuantizeLinear");
  if (!quantizes && !node.Is("DequantizeLinear")) return std::nullopt;
  const Value* integers = quantizes ? node.output() : node.input(0);
  const Value* reals = quantizes ? node.input(0) : node.output();
  const DType type = integers->type.dtype;
  if ((!Is8Bit(type) && !Is16Bit(type)) || reals->type.dtype != DType::kF32) return std::nullopt;
  if (node.attributes.Int("block_size") != 0 || !IsOneElement(node.input(1))) return std::nullopt;
  if (node.input(1)->type.dtype != DType::kF32) return std::nullopt;
  ops::Quantization quantization;
  quantization.scale = *node.input(1)->constant()->view().as<float>();
  // One that is denormal, or whose multiples overflow, would not survive the arithmetic of integers.
  if (!std::isnormal(quantization.scale) || quantization.scale < 0 || quantization.scale > 1e30F)
    return std::nullopt;
  if (const Value* zero = node.input(2); zero != nullptr) {
    if (!IsOneElement(zero)) return std::nullopt;
    quantization.zero_point = static_cast<int32_t>(ops::LoadInt(zero->constant()->view(), 0));
  }
  return quantization;
}

std::optional<QuantizedTensor> Dequantized(const Value* real) {
  const Node* node = ProducerIs(real, "DequantizeLinear");
  if (node == nullptr) return std::nullopt;
  const auto quantization = TensorQuantization(*node);
  if (!quantization) return std::nullopt;
  return QuantizedTensor{node->input(0), *quantization};
}

std::optional<QuantizedResult> MatchQuantize(const Node& node) {
  if (!node.Is("QuantizeLinear")) return std::nullopt;
  const auto quantization = TensorQuantization(node);
  if (!quantization) return std::nullopt;
  QuantizedResult result;
  result.output.type = node.output()->type.dtype;
  result.output.quantization = *quantization;
  const auto [least, most] = ops::RangeOf(result.output.type);
  result.output.low = static_cast<int32_t>(least);
  result.output.high = static_cast<int32_t>(most);
  result.real = node.input(0);
  const Node* reader = &node;
  while (true) {
    result.producer = result.real->producer();
    if (result.producer == nullptr || OnlyReader(result.real) != reader) return std::nullopt;
    double low, high;
    if (!LimitsOf(*result.producer, &low, &high)) return result;
    // Rounding keeps the order, so limiting the real value is limiting the steps.
    ops::QuantizedOutput& output = result.output;
    const int32_t bottom = StepsOf(output, low), top = StepsOf(output, high);
    output.low = std::min(std::max(output.low, bottom), output.high);
    output.high = std::max(std::min(output.high, top), output.low);
    reader = result.producer;
    result.real = result.producer->input(0);
  }
}

bool AreComputedWith(const QuantizedTensor& x, const ops::QuantizedOutput& y) {
  const DType type = x.integers->type.dtype;
  return Is8Bit(type) ? Is8Bit(y.type) : type == y.type;
}

bool IsOperandOfIntegers(const Node& dequantize) {
  const Value* real = dequantize.output();
  const auto constant = Dequantized(real);
  if (!constant || !constant->integers->IsConstant()) return false;
  if (constant->integers->constant()->view().elements() < 2) return false;
  const Node* operation = OnlyReader(real);
  if (operation == nullptr || (!operation->Is("Add") && !operation->Is("Sub") && !operation->Is("Mul")))
    return false;
  const auto other = Dequantized(OtherInput(*operation, real));
  if (!other || other->integers->IsConstant()) return false;
  const Node* reader = OnlyReader(operation->output());
  while (reader != nullptr && (reader->Is("Relu") || reader->Is("Clip")))
    reader = OnlyReader(reader->output());
  if (reader == nullptr) return false;
  const auto result = MatchQuantize(*reader);
  return result && result->producer == operation && AreComputedWith(*constant, result->output) &&
         AreComputedWith(*other, result->output);
}

}  // namespace whet
