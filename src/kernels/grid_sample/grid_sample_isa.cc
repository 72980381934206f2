#include "kernels/grid_sample/grid_sample.h"

#include "kernels/grid_sample/places.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

void GridSampleF32(const Args& args, int64_t begin, int64_t end);

namespace {

using grid_sample::kPoints;
using grid_sample::Params;

// The weighted sum of kTaps pixels.
template <int kTaps>
WHET_INLINE void Blend(const Params& p, const float* image, const Taps& taps, float* out) {
  const float* pixel[kTaps];
  F32 weight[kTaps];
  for (int t = 0; t < kTaps; ++t) {
    pixel[t] = image + taps.at[t] * p.in_pixel_stride;
    weight[t] = Set1(taps.weight[t]);
  }
  int64_t c = 0;
  for (; c + kLanes <= p.channels; c += kLanes) {
    F32 sum = Load(pixel[0] + c) * weight[0];
    for (int t = 1; t < kTaps; ++t) sum += Load(pixel[t] + c) * weight[t];
    Store(out + c, sum);
  }
  if (c < p.channels) {
    const int64_t lanes = p.channels - c;
    F32 sum = LoadPartial(pixel[0] + c, lanes) * weight[0];
    for (int t = 1; t < kTaps; ++t) sum += LoadPartial(pixel[t] + c, lanes) * weight[t];
    StorePartial(out + c, sum, lanes);
  }
}

}  // namespace

void GridSampleF32(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  if (p.channels == 0) return;  // nothing, at strides that nobody checked
  const int64_t blocks = (p.points + kPoints - 1) / kPoints;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t batch = unit / blocks, first = unit % blocks * kPoints;
    const int64_t count = p.points - first < kPoints ? p.points - first : kPoints;
    const int64_t point = batch * p.points + first;
    const float* const image =
        static_cast<const float*>(args.operands[1]) + batch * p.height * p.width * p.in_pixel_stride;
    float* out = static_cast<float*>(args.operands[0]) + point * p.out_pixel_stride;
    Places places;
    FindPlaces(p, static_cast<const float*>(args.operands[2]) + 2 * point, count, &places);
    for (int64_t i = 0; i < count; ++i, out += p.out_pixel_stride) {
      const Taps taps = TapsOf(p, places, i);
      switch (taps.count) {
        case 0: std::memset(out, 0, static_cast<size_t>(p.channels) * sizeof(float)); break;
        case 1: Blend<1>(p, image, taps, out); break;
        case 2: Blend<2>(p, image, taps, out); break;
        case 3: Blend<3>(p, image, taps, out); break;
        default: Blend<4>(p, image, taps, out); break;
      }
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
