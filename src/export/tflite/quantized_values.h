// Which integers stand for a real value of a quantized Graph, and with what scale.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace whet {

// real = scale * (integer - zero point); one of each, or one for each index of `axis`.
struct QuantizationParameters {
  std::vector<float> scales;
  std::vector<int64_t> zero_points;
  int axis = 0;

  bool per_tensor() const { return scales.size() == 1; }
  bool operator==(const QuantizationParameters&) const = default;
};

// Those of a QuantizeLinear or DequantizeLinear node; false if they are not constants, or by blocks.
bool ParametersOf(const Node& node, QuantizationParameters* parameters);

// The integers that stand for `real`: what it is dequantized from, or what it becomes if all that reads it
// quantizes it alike. Null if there are none. `parameters` may be null.
const Value* IntegersFor(const Value* real, QuantizationParameters* parameters);
inline Value* IntegersFor(Value* real, QuantizationParameters* parameters) {
  return const_cast<Value*>(IntegersFor(static_cast<const Value*>(real), parameters));
}

// The parameters of a value of integers, from what quantizes or dequantizes it; false if it is plain.
bool ParametersOfIntegers(const Value* integers, QuantizationParameters* parameters);

}  // namespace whet
