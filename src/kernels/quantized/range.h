// Checks of quantization parameters, which may come from a damaged file.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace whet::kernels {

constexpr bool Is8Bit(DType type) { return type == DType::kI8 || type == DType::kU8; }

// Whether these are integers of the (8-bit) type.
constexpr bool InRange(DType type, int32_t least, int32_t most) {
  return type == DType::kU8 ? least >= 0 && most <= 255 : least >= -128 && most <= 127;
}
// A zero point of the type.
constexpr bool IsZeroPoint(DType type, int32_t zero) { return InRange(type, zero, zero); }

}  // namespace whet::kernels
