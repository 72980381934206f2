// Resampling of images, NHWC, f32: nearest, linear, cubic and their antialiased forms.
//
// Whatever the interpolation, an output position along an axis is a weighted sum of a fixed number of input
// positions. The compiler works these out once (AxisTable) and passes them as constants.
//
// Operands: 0 output [batch, out_height, out_width, channels]; 1 input [batch, height, width, channels]; 2
// taps Tap[out_height][y_taps]; 3 taps Tap[out_width][x_taps]. Units: output rows. Scratch: one input row.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::resize {

struct Tap {
  int32_t index;  // one out of range takes the nearest position
  float weight;
};

struct Params {
  int64_t batch, channels;
  int64_t height, width;
  int64_t out_height, out_width;
  int64_t y_taps, x_taps;  // 1 and 1: weights are taken as 1
  // In elements; channels are contiguous.
  int64_t in_batch_stride, in_row_stride, in_pixel_stride;
  int64_t out_batch_stride, out_row_stride, out_pixel_stride;
};

Status Choose(Isa isa, const Params& params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

// How an axis is resampled, in ONNX's terms.
enum class Interpolation { kNearest, kLinear, kCubic };
enum class Coordinates {
  kHalfPixel,
  kHalfPixelSymmetric,
  kPytorchHalfPixel,
  kAlignCorners,
  kAsymmetric,
  kTfHalfPixelForNn,
  kTfCropAndResize,  // without extrapolation: positions outside take the edge
};
enum class Rounding { kPreferFloor, kPreferCeil, kFloor, kCeil };
struct Axis {
  Interpolation interpolation = Interpolation::kLinear;
  Coordinates coordinates = Coordinates::kHalfPixel;
  Rounding rounding = Rounding::kPreferFloor;  // of kNearest
  bool exclude_outside = false;
  bool antialias = false;
  double cubic_a = -0.75;
  int64_t size = 0, out_size = 0;
  double scale = 1;  // out_size / size, or what the model says instead
  double roi_start = 0, roi_end = 1;
};
// out_size times *taps entries. Both sizes at least 1 and below 2^31.
std::vector<Tap> AxisTable(const Axis& axis, int64_t* taps);

}  // namespace whet::kernels::resize
