#include "kernels/pool/pool.h"
#include "kernels/pool/taps.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

void PoolF32(const Args& args, int64_t begin, int64_t end);

namespace {

using pool::Mode;
using pool::Params;

struct MaxOp {
  static F32 Start() { return Set1(-__builtin_inff()); }
  // What is not a number is passed over.
  static F32 Step(F32 acc, F32 x) { return Max(x, acc); }
  static F32 Finish(F32 acc, F32) { return acc; }
};
struct AverageOp {
  static F32 Start() { return Zero(); }
  static F32 Step(F32 acc, F32 x) { return acc + x; }
  static F32 Finish(F32 acc, F32 scale) { return acc * scale; }
};

// The window's result for kVectors vectors of channels, the last of them of `last` lanes.
template <typename Op, int kVectors, bool kPartial>
WHET_INLINE void Window(const float* in, float* out, int64_t rows, int64_t columns, int64_t row_step,
                        int64_t column_step, F32 scale, int64_t last) {
  F32 acc[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) acc[v] = Op::Start();
  for (int64_t y = 0; y < rows; ++y) {
    const float* p = in + y * row_step;
    for (int64_t x = 0; x < columns; ++x, p += column_step) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        acc[v] = Op::Step(acc[v], kPartial ? LoadPartial(p + v * kLanes, last) : Load(p + v * kLanes));
      }
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    const F32 result = Op::Finish(acc[v], scale);
    if (kPartial) {
      StorePartial(out + v * kLanes, result, last);
    } else {
      Store(out + v * kLanes, result);
    }
  }
}

// Windows whose elements lie at the same distances: of neighbouring channels.
template <typename Op>
WHET_INLINE void Windows(const float* in, float* out, int64_t n, int64_t rows, int64_t columns,
                         int64_t row_step, int64_t column_step, F32 scale) {
  int64_t c = 0;
  for (; c + 4 * kLanes <= n; c += 4 * kLanes) {
    Window<Op, 4, false>(in + c, out + c, rows, columns, row_step, column_step, scale, kLanes);
  }
  for (; c + kLanes <= n; c += kLanes) {
    Window<Op, 1, false>(in + c, out + c, rows, columns, row_step, column_step, scale, kLanes);
  }
  if (c < n) Window<Op, 1, true>(in + c, out + c, rows, columns, row_step, column_step, scale, n - c);
}

template <typename Op>
void PoolRow(const Params& p, const float* image, float* out, Taps rows, int64_t channels) {
  const int64_t row_step = p.dilation_height * p.in_row_stride;
  const int64_t column_step = p.dilation_width * p.in_pixel_stride;
  // With stride 1 and pixels side by side, the channels of neighbouring pixels are like more channels of one,
  // where no window reaches over an edge; that fills the vectors however few channels there are.
  int64_t run_first = p.out_width, run_last = p.out_width;
  if (p.stride_width == 1 && channels == p.in_pixel_stride && channels == p.out_pixel_stride) {
    const int64_t end = p.width - (p.kernel_width - 1) * p.dilation_width + p.pad_left;
    run_last = end < p.out_width ? end : p.out_width;
    if (p.pad_left < run_last) run_first = p.pad_left;
  }
  for (int64_t ox = 0; ox < p.out_width;) {
    const Taps columns =
        ClipTaps(ox * p.stride_width - p.pad_left, p.kernel_width, p.dilation_width, p.width, p.pad_right);
    const bool any = rows.count > 0 && columns.count > 0;
    const int64_t y_count = any ? rows.count : 0, x_count = any ? columns.count : 0;
    const int64_t divisor =
        p.mode == Mode::kAverageIncludingPad ? rows.padded * columns.padded : y_count * x_count;
    const F32 scale = Set1(divisor > 0 ? 1.0f / static_cast<float>(divisor) : 0.0f);
    // Not formed for an empty window: its position need not be in the image.
    const float* in = any ? image + rows.first * p.in_row_stride + columns.first * p.in_pixel_stride : image;
    const int64_t pixels = ox == run_first ? run_last - run_first : 1;
    Windows<Op>(in, out + ox * p.out_pixel_stride, pixels * channels, y_count, x_count, row_step, column_step,
                scale);
    ox += pixels;
  }
}

}  // namespace

void PoolF32(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  float* const output = static_cast<float*>(args.operands[0]);
  const float* const input = static_cast<const float*>(args.operands[1]);
  const int64_t channel_blocks = (p.channels + p.channel_block - 1) / p.channel_block;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t channel = unit % channel_blocks * p.channel_block;
    const int64_t row = unit / channel_blocks % p.out_height;
    const int64_t batch = unit / channel_blocks / p.out_height;
    const int64_t channels = p.channels - channel < p.channel_block ? p.channels - channel : p.channel_block;
    // Of an empty input no address is formed: its strides may be anything.
    const float* image = input + (p.height > 0 && p.width > 0 ? batch * p.in_batch_stride + channel : 0);
    float* out = output + batch * p.out_batch_stride + row * p.out_row_stride + channel;
    const Taps rows = ClipTaps(row * p.stride_height - p.pad_top, p.kernel_height, p.dilation_height,
                               p.height, p.pad_bottom);
    if (p.mode == Mode::kMax) {
      PoolRow<MaxOp>(p, image, out, rows, channels);
    } else {
      PoolRow<AverageOp>(p, image, out, rows, channels);
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
