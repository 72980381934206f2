// Images read at given places, NHWC, f32: bilinear or nearest.
//
// The grid has two coordinates a point, x and y: -1 and 1 are the image's ends, which are the centres of the
// outermost pixels (align_corners) or their outer edges. Places are worked out in double, samples in f32. A
// pixel whose weight is 0 is not read, so that what is not a number there does not spread.
//
// Operands: 0 output [batch][points][channels]; 1 image [batch][height][width][channels], both without gaps
// but between pixels; 2 grid [batch][points][2]. Units: kPoints successive points of an image. No scratch.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::grid_sample {

inline constexpr int64_t kPoints = 32;

// Numbers are written to plans.
enum class Mode : uint8_t { kLinear = 0, kNearest = 1 };
// What is read beyond the image.
enum class Border : uint8_t { kZeros = 0, kEdge = 1, kReflect = 2 };

struct Params {
  Mode mode;
  Border border;
  uint8_t align_corners;
  uint8_t unused[5];
  int64_t batch, channels;
  int64_t height, width;
  int64_t points;  // of an image of the output
  // In elements; channels are contiguous.
  int64_t in_pixel_stride, out_pixel_stride;
};

Status Choose(Isa isa, const Params& params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::grid_sample
