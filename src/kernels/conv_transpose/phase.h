// Which taps reach the output positions of one phase; the packing and the kernels must agree.
#pragma once

#include <cstdint>

namespace whet::kernels::conv_transpose {

// Along one dimension: taps first, first + step, first + 2 step, … below the kernel size.
struct PhaseTaps {
  int64_t first;
  int64_t step;
  int64_t count;
};

// Of the positions that are `phase` modulo the stride.
inline PhaseTaps TapsOf(int64_t phase, int64_t kernel, int64_t stride, int64_t dilation, int64_t pad) {
  // The remainders of k * dilation modulo the stride repeat; their period is at most the stride.
  PhaseTaps taps = {0, 1, 0};
  int64_t period = 1;
  while (period * dilation % stride != 0) ++period;
  for (int64_t k = 0; k < period && k < kernel; ++k) {
    if ((phase + pad - k * dilation) % stride != 0) continue;
    taps = {k, period, (kernel - k + period - 1) / period};
    break;
  }
  return taps;
}

}  // namespace whet::kernels::conv_transpose
