// Finding quantized patterns: what stands between DequantizeLinear and QuantizeLinear.
#pragma once

#include <optional>

#include "ops/quantized_common.h"
#include "passes/match.h"

namespace whet {

// A tensor of 8-bit integers and, by one scale and zero point for all of it, the reals that they stand for.
struct QuantizedTensor {
  Value* integers = nullptr;
  ops::Quantization quantization;
};

// The quantization of a QuantizeLinear or DequantizeLinear node: nothing unless it is by tensor, constant, in
// f32, and of 8-bit integers.
std::optional<ops::Quantization> TensorQuantization(const Node& node);

// Of a value that DequantizeLinear computes by tensor from 8-bit integers.
std::optional<QuantizedTensor> Dequantized(const Value* real);

// A QuantizeLinear node to 8-bit integers, by tensor, and what computes the real value that it reads. Relu
// and Clip in between that nobody else reads have become bounds of the output.
struct QuantizedResult {
  Node* producer = nullptr;  // null if the value is an input or constant
  Value* real = nullptr;     // the producer's output; nobody else reads it
  ops::QuantizedOutput output;
};
std::optional<QuantizedResult> MatchQuantize(const Node& node);

// Whether a DequantizeLinear makes a constant, of several elements, the operand of a sum, difference or
// product with another dequantized tensor that is quantized again: FuseQuantizedBinary wants its integers.
bool IsOperandOfIntegers(const Node& dequantize);

}  // namespace whet
