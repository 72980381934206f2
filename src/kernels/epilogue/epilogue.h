// What a matrix-product-like kernel does to its sums before it stores them:
//
//   y = activation(sum + bias [+ residual]) [+ residual]
//
// Families that have it take bias, residual and slope as operands; each may be absent.
#pragma once

#include <cstdint>

namespace whet::kernels {

// Numbers are written to plans; append, never renumber.
enum class Activation : uint32_t {
  kNone = 0,
  kClip = 1,         // min(max(x, a), b); ReLU is a = 0, b = infinity
  kLeaky = 2,        // x < 0 ? a x : x
  kPRelu = 3,        // x < 0 ? slope[channel] x : x
  kHardSwish = 4,    // x min(max(x / 6 + 1/2, 0), 1)
  kHardSigmoid = 5,  // min(max(a x + b, 0), 1)
  kSigmoid = 6,
  kTanh = 7,
  kSilu = 8,      // x sigmoid(x)
  kGelu = 9,      // x (1 + erf(x / sqrt 2)) / 2
  kGeluTanh = 10  // x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
};
inline constexpr uint32_t kActivationCount = 11;

enum class Residual : uint32_t {
  kNone = 0,
  kBeforeActivation = 1,
  kAfterActivation = 2,
};

struct Epilogue {
  Activation activation = Activation::kNone;
  Residual residual = Residual::kNone;
  float a = 0;
  float b = 0;
};

// Null, or what is wrong. `has_residual` and `has_slope`: whether those operands are there.
const char* CheckEpilogue(const Epilogue& epilogue, bool has_residual, bool has_slope);

}  // namespace whet::kernels
