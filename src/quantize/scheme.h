// Schemes: what becomes of a layer's weights and activations.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/dtype.h"
#include "base/status.h"

namespace whet::quantize {

enum class Scheme {
  kFloat,    // as it is
  kInt8,     // weights i8, activations 8 bits, from calibration
  kInt16,    // weights i8, activations i16
  kDynamic,  // weights i8, activations u8 with a range found while running
  kWeight8,  // weights i8 by group, computed in float
  kWeight4,  // weights i4 or u4 by group, computed in float
  kF16,      // weights stored as f16
  kBf16,     // weights stored as bf16
};
Result<Scheme> SchemeFromName(std::string_view name);
std::string_view NameOf(Scheme scheme);
inline constexpr std::string_view kSchemeNames = "int8, int16, dynamic, weight8, weight4, f16, bf16, float";

// Activations are integers with ranges known beforehand.
constexpr bool IsStatic(Scheme scheme) { return scheme == Scheme::kInt8 || scheme == Scheme::kInt16; }

// Weights are stored as integers, and computed with in floating point.
constexpr bool IsWeightOnly(Scheme scheme) {
  return scheme == Scheme::kWeight8 || scheme == Scheme::kWeight4;
}
constexpr bool HasIntegerWeights(Scheme scheme) {
  return scheme != Scheme::kFloat && scheme != Scheme::kF16 && scheme != Scheme::kBf16;
}

// Whose rules the quantized Graph keeps.
enum class Convention {
  // ONNX's QuantizeLinear and DequantizeLinear around every operator, each tensor with a range of its own.
  kOnnx,
  // TensorFlow Lite's 8-bit quantization specification (tensorflow.org/lite/performance/quantization_spec):
  // i8
  // activations, one scale for both sides of operators that only move data or pool, and fixed scales for the
  // outputs of softmax, sigmoid and tanh.
  kTflite,
};

}  // namespace whet::quantize
