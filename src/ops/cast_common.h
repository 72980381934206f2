// Conversion of tensors between element types.
#pragma once

#include "base/tensor_view.h"

namespace whet::ops {

// Floats to integers truncate, wrap if the integer is too narrow, and become 0 if NaN; anything to bool is
// "not zero". Only 4-bit integers, which stand for quantized numbers, are rounded and saturate.
void CastElements(const TensorView& from, const TensorView& to);

}  // namespace whet::ops
