// The sizes of a 2-D convolution over NHWC and how its work is cut, whatever the elements are.
#pragma once

#include <cstdint>
#include <optional>

namespace whet::kernels::conv {

struct Geometry {
  int64_t batch = 1;
  int64_t in_h = 0;
  int64_t in_w = 0;
  int64_t out_h = 0;
  int64_t out_w = 0;
  int64_t groups = 1;
  int64_t cin = 0;        // of a group
  int64_t cout = 0;       // of a group
  int64_t in_stride = 0;  // elements from a pixel to the next; images follow each other without a gap
  int64_t out_stride = 0;
  int64_t kernel_h = 1;
  int64_t kernel_w = 1;
  int64_t stride_h = 1;
  int64_t stride_w = 1;
  int64_t dilation_h = 1;
  int64_t dilation_w = 1;
  int64_t pad_top = 0;  // what is missing at the bottom and right counts as padding
  int64_t pad_left = 0;
  int64_t m_tile = 0;   // filled by Choose: pixels computed at once
  int64_t m_block = 0;  // filled by Choose: pixels of a unit
  int64_t n_block = 0;  // filled by Choose: channels of a unit
};

// Every output pixel is made of the input pixel at the same place.
bool IsPointwise(const Geometry& geometry);

// Null, or what is wrong. Sizes are bounded such that positions do not overflow.
const char* CheckGeometry(const Geometry& geometry);
// Work units: (group, block of output channels, block of output pixels); nothing if 64 bits do not count
// them.
std::optional<int64_t> UnitsOf(const Geometry& geometry);
// Whether so many pixels of all groups' channels lie within `bytes`.
bool PixelsFit(int64_t pixels, int64_t groups, int64_t channels, int64_t stride, int64_t element_bytes,
               uint64_t bytes);

}  // namespace whet::kernels::conv
