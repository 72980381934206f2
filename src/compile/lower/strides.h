// How kernels walk tensors.
#pragma once

#include <vector>

#include "compile/lowering.h"

namespace whet {

// In elements, for each dimension of `to`; 0 where the tensor is broadcast to it.
std::vector<int64_t> StridesTo(const TensorDraft& tensor, const Shape& to);

}  // namespace whet
