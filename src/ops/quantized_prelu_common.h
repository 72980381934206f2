// The numbers of a QuantizedPRelu node, for its reference and for the kernel.
#pragma once

#include "ops/quantized_common.h"

namespace whet::ops {

struct PReluRescale {
  Quantization x;
  QuantizedOutput y;
  float positive = 1;  // steps of x from its zero in steps of y
  float Negative(float slope) const { return positive * slope; }
};
PReluRescale PReluRescaleOf(const Attributes& attributes);

}  // namespace whet::ops
