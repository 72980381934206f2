#include <algorithm>
#include <cmath>

#include "kernels/resize/resize.h"

namespace whet::kernels::resize {
namespace {

// Where the output position lies among the input's.
double InputPosition(const Axis& axis, int64_t position) {
  const double x = static_cast<double>(position), size = static_cast<double>(axis.size);
  const double out_size = static_cast<double>(axis.out_size);
  switch (axis.coordinates) {
    case Coordinates::kHalfPixel: return (x + 0.5) / axis.scale - 0.5;
    case Coordinates::kHalfPixelSymmetric: {
      const double adjustment = out_size / (axis.scale * size);
      return size / 2 * (1 - adjustment) + (x + 0.5) / axis.scale - 0.5;
    }
    case Coordinates::kPytorchHalfPixel: return axis.out_size > 1 ? (x + 0.5) / axis.scale - 0.5 : 0;
    case Coordinates::kAlignCorners: return axis.out_size > 1 ? x * (size - 1) / (out_size - 1) : 0;
    case Coordinates::kAsymmetric: return x / axis.scale;
    case Coordinates::kTfHalfPixelForNn: return (x + 0.5) / axis.scale;
    case Coordinates::kTfCropAndResize:
      return axis.out_size > 1 ? axis.roi_start * (size - 1) +
                                     x * (axis.roi_end - axis.roi_start) * (size - 1) / (out_size - 1)
                               : 0.5 * (axis.roi_start + axis.roi_end) * (size - 1);
  }
  return 0;
}

double RoundPosition(Rounding rounding, double x) {
  switch (rounding) {
    case Rounding::kPreferFloor: return std::ceil(x - 0.5);
    case Rounding::kPreferCeil: return std::floor(x + 0.5);
    case Rounding::kFloor: return std::floor(x);
    case Rounding::kCeil: return std::ceil(x);
  }
  return x;
}

// The weight of a position `distance` away.
double Kernel(const Axis& axis, double distance) {
  const double t = std::abs(distance), a = axis.cubic_a;
  if (axis.interpolation == Interpolation::kLinear) return std::max(0.0, 1 - t);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return 0;
}

}  // namespace

std::vector<Tap> AxisTable(const Axis& axis, int64_t* taps) {
  std::vector<Tap> table;
  const auto clamp = [&](double x) {
    return static_cast<int32_t>(std::clamp(x, 0.0, static_cast<double>(axis.size - 1)));
  };
  if (axis.interpolation == Interpolation::kNearest) {
    *taps = 1;
    for (int64_t i = 0; i < axis.out_size; ++i) {
      table.push_back({clamp(RoundPosition(axis.rounding, InputPosition(axis, i))), 1.0f});
    }
    return table;
  }
  // Shrinking with antialiasing widens the kernel, so that every input position counts.
  const double stretch = axis.antialias ? std::min(1.0, axis.scale) : 1.0;
  const double reach = std::ceil((axis.interpolation == Interpolation::kLinear ? 1 : 2) / stretch);
  const int64_t count = 2 * static_cast<int64_t>(std::min(reach, static_cast<double>(axis.size) + 2));
  *taps = count;
  std::vector<double> weights(static_cast<size_t>(count));
  for (int64_t i = 0; i < axis.out_size; ++i) {
    const double x = InputPosition(axis, i);
    const double first = std::floor(x) - static_cast<double>(count / 2) + 1;
    double sum = 0;
    for (int64_t k = 0; k < count; ++k) {
      const double position = first + static_cast<double>(k);
      const bool outside = position < 0 || position > static_cast<double>(axis.size - 1);
      double weight = Kernel(axis, (position - x) * stretch);
      if (outside && axis.exclude_outside) weight = 0;
      weights[static_cast<size_t>(k)] = weight;
      sum += weight;
    }
    for (int64_t k = 0; k < count; ++k) {
      const double weight = sum != 0 ? weights[static_cast<size_t>(k)] / sum : 0;
      table.push_back({clamp(first + static_cast<double>(k)), static_cast<float>(weight)});
    }
  }
  return table;
}

}  // namespace whet::kernels::resize
