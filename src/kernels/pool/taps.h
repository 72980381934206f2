// Which part of a window lies inside the image; for *_isa.cc files.
#pragma once

#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

// The taps of a window, along one dimension, that fall inside the image.
struct Taps {
  int64_t first;  // position of the first in the image
  int64_t count;
  int64_t padded;  // how many fall inside the padded image
};

// Taps start + k * dilation, 0 <= k < kernel, of an image of `size` with `pad_after` behind it.
WHET_INLINE Taps ClipTaps(int64_t start, int64_t kernel, int64_t dilation, int64_t size, int64_t pad_after) {
  // How many k have start + k * dilation < end.
  const auto below = [=](int64_t end) {
    if (start >= end) return int64_t{0};
    const int64_t n = (end - start + dilation - 1) / dilation;
    return n < kernel ? n : kernel;
  };
  const int64_t skipped = below(0), reached = below(size);
  return {start + skipped * dilation, reached > skipped ? reached - skipped : 0, below(size + pad_after)};
}

}  // namespace whet::kernels::WHET_ISA
