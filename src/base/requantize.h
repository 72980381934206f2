// How real numbers become steps of a quantized tensor: the one definition that references and kernels share,
// and the reason why integer results are the same bits on every instruction set.
//
//   steps(x)       = round to even(min(max(x, low - zero_point), high - zero_point)) + zero_point
//   requantize(n)  = steps(f32(n) * multiplier)
//
// in f32 throughout, every operation rounded by itself (no fused multiply-add), as ONNX Runtime and XNNPACK
// do it. `low` and `high` are the type's range, or narrower where an activation is folded into them. The
// bounds are whole numbers, so clamping before rounding is the same as after; NaN becomes `low`.
#pragma once

#include <cmath>
#include <cstdint>

namespace whet {

// low <= zero_point <= high need not hold; all three are within 17 bits.
inline int32_t ToSteps(float x, int32_t zero_point, int32_t low, int32_t high) {
  const auto bottom = static_cast<float>(low - zero_point);
  const auto top = static_cast<float>(high - zero_point);
  x = x > bottom ? x : bottom;
  x = x < top ? x : top;
  return static_cast<int32_t>(std::nearbyint(x)) + zero_point;
}

// Of a sum of products of quantized numbers with the scales `x_scale` and `w_scale`, for an output with the
// scale `y_scale`: sum * multiplier is the sum in steps of the output.
inline float RequantizeMultiplier(float x_scale, float w_scale, float y_scale) {
  return x_scale * w_scale / y_scale;
}

inline int32_t Requantize(int32_t sum, float multiplier, int32_t zero_point, int32_t low, int32_t high) {
  return ToSteps(static_cast<float>(sum) * multiplier, zero_point, low, high);
}
inline int32_t Requantize(int64_t sum, float multiplier, int32_t zero_point, int32_t low, int32_t high) {
  return ToSteps(static_cast<float>(sum) * multiplier, zero_point, low, high);
}

}  // namespace whet
