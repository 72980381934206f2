// Windows for the tests of pools.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "kernels/pool/pool.h"

namespace whet::kernels::pool {

// Any sizes, now and then global or with pixels side by side; `round` counts the calls.
inline Params RandomWindow(int round, int64_t most_channels, std::mt19937& random) {
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  Params p{};
  p.mode = static_cast<Mode>(below(3));
  p.batch = 1 + below(2);
  p.channels = 1 + below(round % 5 == 0 ? most_channels : 40);
  p.height = 1 + below(12);
  p.width = 1 + below(12);
  p.kernel_height = 1 + below(4);
  p.kernel_width = 1 + below(4);
  p.stride_height = 1 + below(3);
  p.stride_width = 1 + below(3);
  p.dilation_height = 1 + below(3);
  p.dilation_width = 1 + below(3);
  p.pad_top = below(p.kernel_height);
  p.pad_left = below(p.kernel_width);
  p.pad_bottom = below(3);
  p.pad_right = below(3);
  if (round % 7 == 0) {  // global
    p.kernel_height = p.height;
    p.kernel_width = p.width;
    p.dilation_height = p.dilation_width = 1;
    p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = 0;
  }
  const bool side_by_side = round % 3 == 0;
  if (side_by_side) p.stride_width = 1;
  // Rounded up, as ceil mode does; the last windows may hang over the edge.
  const auto out_size = [](int64_t size, int64_t kernel, int64_t stride, int64_t dilation, int64_t pad) {
    return std::max<int64_t>(1, (size + pad - dilation * (kernel - 1) - 1 + stride - 1) / stride + 1);
  };
  p.out_height =
      out_size(p.height, p.kernel_height, p.stride_height, p.dilation_height, p.pad_top + p.pad_bottom);
  p.out_width = out_size(p.width, p.kernel_width, p.stride_width, p.dilation_width, p.pad_left + p.pad_right);
  p.in_pixel_stride = p.channels + (side_by_side ? 0 : below(3));
  p.in_row_stride = p.in_pixel_stride * p.width + below(3);
  p.in_batch_stride = p.in_row_stride * p.height;
  p.out_pixel_stride = p.channels + (side_by_side ? 0 : below(3));
  p.out_row_stride = p.out_pixel_stride * p.out_width;
  p.out_batch_stride = p.out_row_stride * p.out_height + below(5);
  return p;
}

}  // namespace whet::kernels::pool
