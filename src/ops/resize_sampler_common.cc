#include "ops/resize_sampler_common.h"

#include <algorithm>
#include <cmath>

namespace whet::ops {
namespace {

// Where output position `i` lies in the input.
double SourcePosition(const ResizeAxis& axis, int64_t i, std::string_view mode) {
  const auto at = static_cast<double>(i);
  const auto in = static_cast<double>(axis.in);
  // What the scale alone gives; the output's size is this rounded down.
  const double resized = axis.scale * in;
  if (mode == "align_corners") return resized == 1 ? 0 : at * (in - 1) / (resized - 1);
  if (mode == "asymmetric") return at / axis.scale;
  if (mode == "tf_half_pixel_for_nn") return (at + 0.5) / axis.scale;
  if (mode == "pytorch_half_pixel") return axis.out > 1 ? (at + 0.5) / axis.scale - 0.5 : 0;
  if (mode == "tf_crop_and_resize") {
    if (axis.out <= 1) return 0.5 * (axis.start + axis.end) * (in - 1);
    return axis.start * (in - 1) +
           at * (axis.end - axis.start) * (in - 1) / (static_cast<double>(axis.out) - 1);
  }
  if (mode == "half_pixel_symmetric") {
    const double offset = in / 2 * (1 - static_cast<double>(axis.out) / resized);
    return offset + (at + 0.5) / axis.scale - 0.5;
  }
  return (at + 0.5) / axis.scale - 0.5;
}

double CubicWeight(double distance, double a) {
  const double x = std::abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

}  // namespace

ResizeTaps ResizeSampler::At(const ResizeAxis& axis, int64_t i) const {
  ResizeTaps taps;
  const double x = SourcePosition(axis, i, coordinates_);
  if (coordinates_ == "tf_crop_and_resize" && !(x >= 0 && x <= static_cast<double>(axis.in - 1))) {
    taps.outside = true;
    return taps;
  }
  if (mode_ == "nearest") {
    taps.first = Nearest(x);
    taps.weights = {1};
    return taps;
  }
  // The support of the kernel is [-radius, radius], wider when shrinking with antialias.
  const bool cubic = mode_ == "cubic";
  const double shrink = antialias_ ? std::min(axis.scale, 1.0) : 1.0;
  const int64_t reach = -(static_cast<int64_t>(std::floor((cubic ? -2 : -1) / shrink)) + 1);
  const auto base = static_cast<int64_t>(std::ceil(x)) - 1;  // so that base < x <= base + 1
  taps.first = base - reach;
  double sum = 0;
  for (int64_t k = taps.first; k <= base + 1 + reach; ++k) {
    const double distance = (static_cast<double>(k) - x) * shrink;
    double weight = cubic ? CubicWeight(distance, cubic_a_) : std::max(0.0, 1 - std::abs(distance));
    if (exclude_outside_ && (k < 0 || k >= axis.in)) weight = 0;
    taps.weights.push_back(weight);
    sum += weight;
  }
  for (double& weight : taps.weights) weight /= sum;
  return taps;
}

int64_t ResizeSampler::Nearest(double x) const {
  double at = std::floor(x);
  if (nearest_ == "ceil") {
    at = std::ceil(x);
  } else if (nearest_ == "round_prefer_floor") {
    at = std::ceil(x - 0.5);
  } else if (nearest_ == "round_prefer_ceil") {
    at = std::floor(x + 0.5);
  }
  return static_cast<int64_t>(at);
}

}  // namespace whet::ops
