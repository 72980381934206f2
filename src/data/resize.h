// Resampling and cropping of images.
#pragma once

#include <string_view>

#include "base/status.h"
#include "data/image.h"

namespace whet::data {

// Pixel centres are at i + 0.5 in all of them, and the border repeats.
enum class Interpolation {
  kNearest,    // the pixel that the centre falls in
  kBilinear,   // the four nearest, whatever the scale (OpenCV's INTER_LINEAR)
  kAntialias,  // bilinear, its triangle widened when shrinking (Pillow's BILINEAR)
  kArea,       // the mean of the covered pixels when shrinking, else bilinear (OpenCV's INTER_AREA)
  kBicubic,    // Catmull-Rom, widened when shrinking (Pillow's BICUBIC)
};

// "nearest", "bilinear", "antialias", "area", "bicubic".
std::string_view InterpolationName(Interpolation interpolation);
bool InterpolationFromName(std::string_view name, Interpolation* interpolation);

Result<Image> Resize(const Image& image, int width, int height, Interpolation interpolation);

// The part of `image` from (x, y); what lies outside of it is `fill` in every channel.
Result<Image> Crop(const Image& image, int x, int y, int width, int height, uint8_t fill = 0);

}  // namespace whet::data
