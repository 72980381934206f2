// Whether two tensors agree.
#pragma once

#include "base/status.h"
#include "base/tensor_view.h"

namespace whet {

struct Tolerance {
  // |got - expected| <= absolute + relative * |expected|, elementwise; for floating point only.
  double relative = 1e-3;
  double absolute = 1e-7;
};

// Types and shapes must be equal, integers and booleans exact; NaN agrees with NaN and an infinity with
// itself. The error says how many elements disagree and shows the worst.
Status CompareTensors(const TensorView& expected, const TensorView& got, const Tolerance& tolerance);

}  // namespace whet
