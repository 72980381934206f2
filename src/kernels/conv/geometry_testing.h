// Problems for the tests of convolutions, whose params are a Geometry and more.
#pragma once

#include <cstdint>

namespace whet::kernels::conv {

// A problem with its sizes given, and the output's size that follows from the padding on all four sides;
// tensors without gaps.
template <typename Params>
Params Problem(int64_t batch, int64_t h, int64_t w, int64_t cin, int64_t cout, int64_t kernel_h,
               int64_t kernel_w, int64_t stride = 1, int64_t pad = 0, int64_t dilation = 1,
               int64_t groups = 1) {
  Params p;
  p.batch = batch;
  p.in_h = h;
  p.in_w = w;
  p.cin = cin;
  p.cout = cout;
  p.groups = groups;
  p.kernel_h = kernel_h;
  p.kernel_w = kernel_w;
  p.stride_h = p.stride_w = stride;
  p.dilation_h = p.dilation_w = dilation;
  p.pad_top = p.pad_left = pad;
  p.out_h = (h + 2 * pad - dilation * (kernel_h - 1) - 1) / stride + 1;
  p.out_w = (w + 2 * pad - dilation * (kernel_w - 1) - 1) / stride + 1;
  p.in_stride = groups * cin;
  p.out_stride = groups * cout;
  return p;
}

}  // namespace whet::kernels::conv
