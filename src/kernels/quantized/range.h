// Checks of quantization parameters, which may come from a damaged file.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace whet::kernels {

// Whether these are integers of the (8-bit or 16-bit) type.
constexpr bool InRange(DType type, int32_t least, int32_t most) {
  const int32_t span = Is16Bit(type) ? 65535 : 255;
  const int32_t first = type == DType::kU8 || type == DType::kU16 ? 0 : -(span + 1) / 2;
  return least >= first && most <= first + span;
}
// A zero point of the type.
constexpr bool IsZeroPoint(DType type, int32_t zero) { return InRange(type, zero, zero); }

// Kernels turn 8 bits into 8 bits of either sign, but 16 bits into the same type only.
constexpr bool AreTypes(DType from, DType to) {
  return (Is8Bit(from) && Is8Bit(to)) || (Is16Bit(from) && from == to);
}

}  // namespace whet::kernels
