// Finding quantized patterns: what stands between DequantizeLinear and QuantizeLinear.
#pragma once

#include <optional>

#include "ops/quantized_common.h"
#include "passes/match.h"

namespace whet {

// A tensor of integers of 8 or 16 bits and, by one scale and zero point for all of it, the reals that they
// stand for.
struct QuantizedTensor {
  Value* integers = nullptr;
  ops::Quantization quantization;
};

// The quantization of a QuantizeLinear or DequantizeLinear node: nothing unless it is by tensor, constant, in
// f32, and of integers of 8 or 16 bits.
std::optional<ops::Quantization> TensorQuantization(const Node& node);

// Of a value that DequantizeLinear computes by tensor from integers of 8 or 16 bits.
std::optional<QuantizedTensor> Dequantized(const Value* real);

// A QuantizeLinear node to integers of 8 or 16 bits, by tensor, and what computes the real value that it
// reads. Relu and Clip in between that nobody else reads have become bounds of the output.
struct QuantizedResult {
  Node* producer = nullptr;  // null if the value is an input or constant
  Value* real = nullptr;     // the producer's output; nobody else reads it
  ops::QuantizedOutput output;
};
std::optional<QuantizedResult> MatchQuantize(const Node& node);

// Whether kernels make the one of the other: both are of 8 bits, or they are of one type of 16 bits.
bool AreComputedWith(const QuantizedTensor& x, const ops::QuantizedOutput& y);

// Whether a DequantizeLinear makes a constant, of several elements, the operand of a sum, difference or
// product with another dequantized tensor that is quantized again: FuseQuantizedBinary wants its integers.
bool IsOperandOfIntegers(const Node& dequantize);

}  // namespace whet
