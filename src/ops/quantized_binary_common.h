// The numbers of a QuantizedBinary node, for its reference and for the kernel.
#pragma once

#include "ops/quantized_common.h"

namespace whet::ops {

struct BinaryRescale {
  bool product = false;
  Quantization a, b;
  QuantizedOutput y;
  float a_ratio = 1, b_ratio = 1;  // as in kernels/quantized/binary.h
};
BinaryRescale BinaryRescaleOf(const Attributes& attributes);

}  // namespace whet::ops
