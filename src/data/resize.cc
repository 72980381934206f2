#include "data/resize.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace whet::data {
namespace {

struct Named {
  Interpolation interpolation;
  std::string_view name;
};
constexpr Named kNames[] = {{Interpolation::kNearest, "nearest"},
                            {Interpolation::kBilinear, "bilinear"},
                            {Interpolation::kAntialias, "antialias"},
                            {Interpolation::kArea, "area"},
                            {Interpolation::kBicubic, "bicubic"}};

// The pixels of one axis that make one result pixel.
struct Taps {
  int first = 0;
  int count = 0;
  size_t weights = 0;  // index into Axis::weights
};
struct Axis {
  std::vector<Taps> taps;
  std::vector<float> weights;
};

float Triangle(float x) { return std::max(0.0f, 1.0f - std::abs(x)); }

float CatmullRom(float x) {
  x = std::abs(x);
  if (x < 1) return (1.5f * x - 2.5f) * x * x + 1;
  if (x < 2) return ((-0.5f * x + 2.5f) * x - 4) * x + 2;
  return 0;
}

// How much of the pixel `i` lies between `low` and `high`.
float Overlap(int i, double low, double high) {
  const double left = std::max(low, static_cast<double>(i));
  const double right = std::min(high, static_cast<double>(i) + 1);
  return static_cast<float>(std::max(0.0, right - left));
}

Axis MakeAxis(int from, int to, Interpolation interpolation) {
  const double scale = static_cast<double>(from) / to;
  const bool area = interpolation == Interpolation::kArea && scale > 1;
  const bool widened = interpolation == Interpolation::kAntialias || interpolation == Interpolation::kBicubic;
  const double filter_scale = widened ? std::max(scale, 1.0) : 1.0;
  const double support = (interpolation == Interpolation::kBicubic ? 2.0 : 1.0) * filter_scale;
  Axis axis;
  axis.taps.reserve(static_cast<size_t>(to));
  for (int i = 0; i < to; ++i) {
    Taps taps;
    taps.weights = axis.weights.size();
    const double center = (i + 0.5) * scale;
    if (interpolation == Interpolation::kNearest) {
      taps.first = std::min(static_cast<int>(center), from - 1);
      taps.count = 1;
      axis.weights.push_back(1);
      axis.taps.push_back(taps);
      continue;
    }
    const double low = area ? i * scale : center - support;
    const double high = area ? (i + 1) * scale : center + support;
    const int begin = std::max(0, static_cast<int>(std::floor(low)));
    const int end = std::min(from, static_cast<int>(std::ceil(high)));
    float sum = 0;
    taps.first = begin;
    for (int p = begin; p < end; ++p) {
      const auto distance = static_cast<float>((p + 0.5 - center) / filter_scale);
      const float weight = area                                       ? Overlap(p, low, high)
                           : interpolation == Interpolation::kBicubic ? CatmullRom(distance)
                                                                      : Triangle(distance);
      axis.weights.push_back(weight);
      sum += weight;
    }
    taps.count = end - begin;
    for (int p = 0; p < taps.count; ++p) axis.weights[taps.weights + static_cast<size_t>(p)] /= sum;
    axis.taps.push_back(taps);
  }
  return axis;
}

uint8_t ToByte(float value) { return static_cast<uint8_t>(std::clamp(value + 0.5f, 0.0f, 255.0f)); }

}  // namespace

std::string_view InterpolationName(Interpolation interpolation) {
  for (const Named& entry : kNames) {
    if (entry.interpolation == interpolation) return entry.name;
  }
  return "";
}

bool InterpolationFromName(std::string_view name, Interpolation* interpolation) {
  for (const Named& entry : kNames) {
    if (entry.name != name) continue;
    *interpolation = entry.interpolation;
    return true;
  }
  return false;
}

Result<Image> Resize(const Image& image, int width, int height, Interpolation interpolation) {
  WHET_ASSIGN_OR_RETURN(Image result, Image::Create(width, height, image.channels));
  if (width == image.width && height == image.height) {
    result.pixels = image.pixels;
    return result;
  }
  const Axis horizontal = MakeAxis(image.width, width, interpolation);
  const Axis vertical = MakeAxis(image.height, height, interpolation);
  const int channels = image.channels;
  const size_t row_size = static_cast<size_t>(width) * static_cast<size_t>(channels);

  // Rows are narrowed once, when a result row first needs them; the rows of one window are kept in a ring.
  int window = 1;
  for (const Taps& taps : vertical.taps) window = std::max(window, taps.count);
  std::vector<float> ring(static_cast<size_t>(window) * row_size);
  const auto ring_row = [&](int y) { return ring.data() + static_cast<size_t>(y % window) * row_size; };
  const auto narrow = [&](int y) {
    const uint8_t* from = image.at(0, y);
    float* to = ring_row(y);
    for (const Taps& taps : horizontal.taps) {
      float sums[4] = {};
      for (int p = 0; p < taps.count; ++p) {
        const float weight = horizontal.weights[taps.weights + static_cast<size_t>(p)];
        const uint8_t* pixel = from + (taps.first + p) * channels;
        for (int c = 0; c < channels; ++c) sums[c] += weight * static_cast<float>(pixel[c]);
      }
      for (int c = 0; c < channels; ++c) *to++ = sums[c];
    }
  };

  std::vector<float> sums(row_size);
  int narrowed = 0;
  for (int y = 0; y < height; ++y) {
    const Taps& taps = vertical.taps[static_cast<size_t>(y)];
    narrowed = std::max(narrowed, taps.first);
    for (; narrowed < taps.first + taps.count; ++narrowed) narrow(narrowed);
    std::fill(sums.begin(), sums.end(), 0.0f);
    for (int p = 0; p < taps.count; ++p) {
      const float weight = vertical.weights[taps.weights + static_cast<size_t>(p)];
      const float* row = ring_row(taps.first + p);
      for (size_t i = 0; i < row_size; ++i) sums[i] += weight * row[i];
    }
    uint8_t* to = result.at(0, y);
    for (size_t i = 0; i < row_size; ++i) to[i] = ToByte(sums[i]);
  }
  return result;
}

Result<Image> Crop(const Image& image, int x, int y, int width, int height, uint8_t fill) {
  WHET_ASSIGN_OR_RETURN(Image result, Image::Create(width, height, image.channels));
  std::fill(result.pixels.begin(), result.pixels.end(), fill);
  const int64_t left = std::max<int64_t>(x, 0);
  const int64_t right = std::min<int64_t>(int64_t{x} + width, image.width);
  if (right <= left) return result;
  for (int64_t row = std::max<int64_t>(y, 0); row < std::min<int64_t>(int64_t{y} + height, image.height);
       ++row) {
    const uint8_t* from = image.at(static_cast<int>(left), static_cast<int>(row));
    std::copy_n(from, (right - left) * image.channels,
                result.at(static_cast<int>(left - x), static_cast<int>(row - y)));
  }
  return result;
}

}  // namespace whet::data
