#include "kernels/resize/resize.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

void ResizeF32(const Args& args, int64_t begin, int64_t end);

namespace {

using resize::Params;
using resize::Tap;

// The table comes from a file, so what it says is not trusted.
WHET_INLINE int64_t Index(const Tap& tap, int64_t size) {
  if (tap.index < 0) return 0;
  return tap.index < size ? tap.index : size - 1;
}

// One input row that is the weighted sum of the rows that the taps name; in place if it is one of them.
const float* BlendRows(const Params& p, const float* image, const Tap* taps, float* scratch) {
  if (p.y_taps == 1) return image + Index(taps[0], p.height) * p.in_row_stride;
  int64_t only = -1;  // the tap of weight 1 where all others have none
  for (int64_t t = 0; t < p.y_taps; ++t) {
    if (taps[t].weight == 0.0f) continue;
    only = only == -1 && taps[t].weight == 1.0f ? t : -2;
  }
  if (only >= 0) return image + Index(taps[only], p.height) * p.in_row_stride;
  const int64_t n = (p.width - 1) * p.in_pixel_stride + p.channels;
  const float* first = image + Index(taps[0], p.height) * p.in_row_stride;
  const F32 first_weight = Set1(taps[0].weight);
  if (p.y_taps == 2) {
    const float* second = image + Index(taps[1], p.height) * p.in_row_stride;
    const F32 second_weight = Set1(taps[1].weight);
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      Store(scratch + i, Load(first + i) * first_weight + Load(second + i) * second_weight);
    }
    if (i < n) {
      Store(scratch + i,
            LoadPartial(first + i, n - i) * first_weight + LoadPartial(second + i, n - i) * second_weight);
    }
    return scratch;
  }
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t lanes = n - i < kLanes ? n - i : kLanes;
    F32 acc = LoadPartial(first + i, lanes) * first_weight;
    for (int64_t t = 1; t < p.y_taps; ++t) {
      const float* row = image + Index(taps[t], p.height) * p.in_row_stride;
      acc += LoadPartial(row + i, lanes) * taps[t].weight;
    }
    Store(scratch + i, acc);
  }
  return scratch;
}

// One output pixel from a row.
WHET_INLINE void BlendPixels(const Params& p, float* out, const float* row, const Tap* taps) {
  if (p.x_taps == 2) {
    const float* first = row + Index(taps[0], p.width) * p.in_pixel_stride;
    const float* second = row + Index(taps[1], p.width) * p.in_pixel_stride;
    const F32 first_weight = Set1(taps[0].weight), second_weight = Set1(taps[1].weight);
    int64_t c = 0;
    for (; c + kLanes <= p.channels; c += kLanes) {
      Store(out + c, Load(first + c) * first_weight + Load(second + c) * second_weight);
    }
    if (c < p.channels) {
      const int64_t lanes = p.channels - c;
      StorePartial(
          out + c,
          LoadPartial(first + c, lanes) * first_weight + LoadPartial(second + c, lanes) * second_weight,
          lanes);
    }
    return;
  }
  for (int64_t c = 0; c < p.channels; c += kLanes) {
    const int64_t lanes = p.channels - c < kLanes ? p.channels - c : kLanes;
    F32 acc = Zero();
    for (int64_t t = 0; t < p.x_taps; ++t) {
      acc += LoadPartial(row + Index(taps[t], p.width) * p.in_pixel_stride + c, lanes) * taps[t].weight;
    }
    StorePartial(out + c, acc, lanes);
  }
}

WHET_INLINE void CopyPixel(float* out, const float* in, int64_t channels) {
  int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) Store(out + c, Load(in + c));
  if (c < channels) StorePartial(out + c, LoadPartial(in + c, channels - c), channels - c);
}

}  // namespace

void ResizeF32(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  if (p.channels == 0) return;  // nothing, at strides that nobody checked
  const Tap* const y_table = static_cast<const Tap*>(args.operands[2]);
  const Tap* const x_table = static_cast<const Tap*>(args.operands[3]);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t batch = unit / p.out_height, y = unit % p.out_height;
    const float* image = static_cast<const float*>(args.operands[1]) + batch * p.in_batch_stride;
    float* out = static_cast<float*>(args.operands[0]) + batch * p.out_batch_stride + y * p.out_row_stride;
    const float* row = BlendRows(p, image, y_table + y * p.y_taps, static_cast<float*>(args.scratch));
    for (int64_t x = 0; x < p.out_width; ++x, out += p.out_pixel_stride) {
      const Tap* taps = x_table + x * p.x_taps;
      if (p.x_taps == 1) {
        CopyPixel(out, row + Index(taps[0], p.width) * p.in_pixel_stride, p.channels);
      } else {
        BlendPixels(p, out, row, taps);
      }
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
