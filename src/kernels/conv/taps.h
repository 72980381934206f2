// Where the input pixels of a tile of output pixels lie: a list of pointers [tap][pixel].
// Include it only from *_isa.cc files.
#pragma once

#include "kernels/conv/geometry.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

// The output pixels of a tile, in turn.
struct Pixel {
  int64_t image;
  int64_t y;
  int64_t x;

  static Pixel At(const conv::Geometry& p, int64_t index) {
    return {index / (p.out_h * p.out_w), index / p.out_w % p.out_h, index % p.out_w};
  }
  void Next(const conv::Geometry& p) {
    if (++x < p.out_w) return;
    x = 0;
    if (++y < p.out_h) return;
    y = 0;
    ++image;
  }
};

// If the pixels of a tile are neighbours in one row and all their taps are inside the image, the pointers of
// a segment are equally far from each other. Returns whether that is so, and has filled the list then.
template <typename T>
bool FillInside(const conv::Geometry& p, const T* input, const T** list, const Pixel& first, int64_t count,
                int64_t segments_of_row) {
  const int64_t y = first.y * p.stride_h - p.pad_top;
  const int64_t x = first.x * p.stride_w - p.pad_left;
  const int64_t last_x = x + (count - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w;
  if (first.x + count > p.out_w || y < 0 || y + (p.kernel_h - 1) * p.dilation_h >= p.in_h || x < 0 ||
      last_x >= p.in_w) {
    return false;
  }
  const T** slot = list;
  const T* row = input + ((first.image * p.in_h + y) * p.in_w + x) * p.in_stride;
  for (int64_t ky = 0; ky < p.kernel_h; ++ky) {
    const T* tap = row;
    for (int64_t kx = 0; kx < segments_of_row; ++kx) {
      for (int64_t r = 0; r < count; ++r) slot[r] = tap + r * p.stride_w * p.in_stride;
      slot += count;
      tap += p.dilation_w * p.in_stride;
    }
    row += p.dilation_h * p.in_w * p.in_stride;
  }
  return true;
}

// Where a tap is in the padding, the pointer is `padding`.
template <typename T>
void FillTaps(const conv::Geometry& p, const T* input, const T* padding, const T** list, Pixel pixel,
              int64_t count) {
  for (int64_t r = 0; r < count; ++r) {
    const T** slot = list + r;
    const T* image = input + pixel.image * p.in_h * p.in_w * p.in_stride;
    int64_t y = pixel.y * p.stride_h - p.pad_top;
    const int64_t x0 = pixel.x * p.stride_w - p.pad_left;
    for (int64_t ky = 0; ky < p.kernel_h; ++ky, y += p.dilation_h) {
      const bool inside = y >= 0 && y < p.in_h;
      const T* row = inside ? image + y * p.in_w * p.in_stride : nullptr;
      int64_t x = x0;
      for (int64_t kx = 0; kx < p.kernel_w; ++kx, x += p.dilation_w) {
        *slot = inside && x >= 0 && x < p.in_w ? row + x * p.in_stride : padding;
        slot += count;
      }
    }
    pixel.Next(p);
  }
}

// The pieces of memory under the kernels of the pixels index, index + 1, …: listed [piece][pixel].
struct Pieces {
  int64_t count;   // of a pixel: its taps, or rows of the kernel
  int64_t length;  // in channels
};
// `pointwise` is IsPointwise(p). With whole_rows, what is under a row of the kernel lies side by side, and is
// one piece where all is inside the image.
template <typename T>
Pieces ListPieces(const conv::Geometry& p, bool pointwise, bool whole_rows, const T* input, const T* padding,
                  const T** list, int64_t index, int64_t count) {
  if (pointwise) {
    for (int64_t r = 0; r < count; ++r) list[r] = input + (index + r) * p.in_stride;
    return {1, p.cin};
  }
  const Pixel first = Pixel::At(p, index);
  if (FillInside(p, input, list, first, count, whole_rows ? 1 : p.kernel_w)) {
    return whole_rows ? Pieces{p.kernel_h, p.kernel_w * p.cin} : Pieces{p.kernel_h * p.kernel_w, p.cin};
  }
  FillTaps<T>(p, input, padding, list, first, count);
  return {p.kernel_h * p.kernel_w, p.cin};
}

}  // namespace whet::kernels::WHET_ISA
