// Where a grid's points lie in an image: the pixels beside each along an axis, and their weights. Include it
// only from *_isa.cc.
//
// Everything is in double, in which coordinates of f32 by any size of an image are exact or nearly so: which
// pixel is the nearest must not depend on rounding.
#pragma once

#include "kernels/grid_sample/grid_sample.h"
#include "kernels/simd/math.h"

namespace whet::kernels::WHET_ISA {

inline constexpr int kDoubles = kLanes / 2;

WHET_INLINE F64 LoadDoubles(const double* p) {
  F64 v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
// |x| < 2^51: to nearest, ties to even; downwards.
WHET_INLINE F64 RoundDoubles(F64 x) {
  constexpr double kOnes = 6755399441055744.0;  // 1.5 * 2^52, where the last place is 1
  return (x + kOnes) - kOnes;
}
WHET_INLINE F64 FloorDoubles(F64 x) {
  const F64 near = RoundDoubles(x);
  return near > x ? near - 1.0 : near;
}
WHET_INLINE F64 ClampDoubles(F64 x, double low, double high) {
  x = x > low ? x : F64{} + low;
  return x < high ? x : F64{} + high;
}

// x within [low, high], turned back at either end as often as it takes.
WHET_INLINE F64 ReflectDoubles(F64 x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return F64{} + low;
  const F64 distance = x < low ? low - x : x - low;
  const F64 phase = distance - 2 * range * FloorDoubles(distance * (0.5 / range));
  return low + (phase <= range ? phase : 2 * range - phase);
}

// Of each point along an axis: two neighbouring pixels and their weights. The second's is 0 of the nearest.
struct AxisPlaces {
  alignas(64) int32_t at[2][grid_sample::kPoints];
  alignas(64) float weight[2][grid_sample::kPoints];
};

// `coordinates` of kPoints points, `size` pixels.
WHET_INLINE void FindPlaces(const grid_sample::Params& p, const double* coordinates, int64_t size,
                            AxisPlaces* places) {
  using grid_sample::Border;
  const auto length = static_cast<double>(size);
  const double last = length - 1;
  const double margin = p.align_corners != 0 ? 0 : 0.5;
  for (int64_t i = 0; i < grid_sample::kPoints; i += kDoubles) {
    const F64 coordinate = LoadDoubles(coordinates + i) + 1.0;
    F64 x = p.align_corners != 0 ? coordinate * 0.5 * last : (coordinate * length - 1.0) * 0.5;
    // What is not a number is outside; further off than the limits there is nothing else to see.
    x = x == x ? x : F64{} + (-2 * length - 4);
    x = ClampDoubles(x, -1e9, 1e9);
    if (p.mode == grid_sample::Mode::kNearest) x = RoundDoubles(x);
    if (p.border == Border::kEdge) x = ClampDoubles(x, 0, last);
    if (p.border == Border::kReflect) {
      const auto inside = (x >= -margin) & (x <= last + margin);
      x = inside ? x : ReflectDoubles(x, -margin, last + margin);
    }
    const F64 before = FloorDoubles(x);
    const F64 part = x - before;
    for (int k = 0; k < 2; ++k) {
      const F64 at = before + static_cast<double>(k);
      F64 weight = k == 0 ? 1.0 - part : part;
      if (p.border == Border::kZeros) weight = ((at >= 0.0) & (at <= last)) ? weight : F64{};
      const auto index = __builtin_convertvector(ClampDoubles(at, 0, last),
                                                 int32_t __attribute__((vector_size(kVectorBytes / 2))));
      const auto narrow =
          __builtin_convertvector(weight, float __attribute__((vector_size(kVectorBytes / 2))));
      std::memcpy(places->at[k] + i, &index, sizeof(index));
      std::memcpy(places->weight[k] + i, &narrow, sizeof(narrow));
    }
  }
}

// Both axes, for `count` points of the grid; what is beyond them repeats coordinate 0.
struct Places {
  AxisPlaces x, y;
};
WHET_INLINE void FindPlaces(const grid_sample::Params& p, const float* grid, int64_t count, Places* places) {
  alignas(64) double x[grid_sample::kPoints] = {};
  alignas(64) double y[grid_sample::kPoints] = {};
  for (int64_t i = 0; i < count; ++i) {
    x[i] = static_cast<double>(grid[2 * i]);
    y[i] = static_cast<double>(grid[2 * i + 1]);
  }
  FindPlaces(p, x, p.width, &places->x);
  FindPlaces(p, y, p.height, &places->y);
}

// The pixels that have a weight, up to four: how many, their offsets in pixels, and the weights.
struct Taps {
  int64_t count;
  int64_t at[4];
  float weight[4];
};
WHET_INLINE Taps TapsOf(const grid_sample::Params& p, const Places& places, int64_t point) {
  Taps taps;
  taps.count = 0;
  for (int a = 0; a < 2; ++a) {
    const float row = places.y.weight[a][point];
    if (row == 0.0f) continue;
    for (int b = 0; b < 2; ++b) {
      const float weight = row * places.x.weight[b][point];
      if (weight == 0.0f) continue;
      taps.at[taps.count] = places.y.at[a][point] * p.width + places.x.at[b][point];
      taps.weight[taps.count++] = weight;
    }
  }
  return taps;
}

}  // namespace whet::kernels::WHET_ISA
