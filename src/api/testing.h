// What the tests of this folder share.
#pragma once

#include "ir/evaluate.h"

namespace whet {

// Floats of -1 to 1, the same for the same seed.
inline TensorPtr RandomTensor(const Shape& shape, unsigned seed) {
  auto constant = Constant::Allocate(DType::kF32, shape);
  auto* values = static_cast<float*>(constant->mutable_data());
  for (int64_t i = 0; i < shape.elements(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = static_cast<float>(seed >> 8) / 8388608.0F - 1;
  }
  return constant;
}

}  // namespace whet
