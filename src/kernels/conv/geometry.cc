#include "kernels/conv/geometry.h"

#include "kernels/extent.h"

namespace whet::kernels::conv {

bool IsPointwise(const Geometry& p) {
  return p.kernel_h == 1 && p.kernel_w == 1 && p.stride_h == 1 && p.stride_w == 1 && p.pad_top == 0 &&
         p.pad_left == 0 && p.in_h == p.out_h && p.in_w == p.out_w;
}

const char* CheckGeometry(const Geometry& p) {
  constexpr int64_t kLimit = int64_t{1} << 31;
  for (int64_t size : {p.batch, p.in_h, p.in_w, p.out_h, p.out_w, p.groups, p.cin, p.cout}) {
    if (size < 1 || size > kLimit) return "conv: a size is out of range";
  }
  constexpr int64_t kKernelLimit = 1 << 12;
  for (int64_t size : {p.kernel_h, p.kernel_w}) {
    if (size < 1 || size > kKernelLimit) return "conv: a kernel size is out of range";
  }
  for (int64_t size : {p.stride_h, p.stride_w, p.dilation_h, p.dilation_w}) {
    if (size < 1 || size > kLimit / kKernelLimit) return "conv: a stride or dilation is out of range";
  }
  for (int64_t pad : {p.pad_top, p.pad_left}) {
    if (pad < 0 || pad > kLimit) return "conv: padding is out of range";
  }
  constexpr int64_t kBlockLimit = int64_t{1} << 61;
  if (p.m_block < 1 || p.m_block > kBlockLimit || p.n_block < 1 || p.n_block > kBlockLimit) {
    return "conv: a block size is out of range";
  }
  const int64_t in_pixels[] = {p.batch, p.in_h, p.in_w};
  const int64_t out_pixels[] = {p.batch, p.out_h, p.out_w};
  const std::optional<int64_t> in_count = Product(in_pixels);
  const std::optional<int64_t> out_count = Product(out_pixels);
  if (!in_count || !out_count || *out_count > kBlockLimit) return "conv: more pixels than 64 bits count";
  return nullptr;
}

std::optional<int64_t> UnitsOf(const Geometry& p) {
  const int64_t factors[] = {p.groups, CeilDiv(p.cout, p.n_block),
                             CeilDiv(p.batch * p.out_h * p.out_w, p.m_block)};
  return Product(factors);
}

bool PixelsFit(int64_t pixels, int64_t groups, int64_t channels, int64_t stride, int64_t element_bytes,
               uint64_t bytes) {
  const int64_t sizes[] = {pixels, groups, channels};
  const int64_t strides[] = {stride, channels, 1};
  return Fits(sizes, strides, element_bytes, bytes);
}

}  // namespace whet::kernels::conv
