#include "kernels/depthwise/depthwise.h"

#include "kernels/epilogue/epilogue_simd.h"

namespace whet::kernels::WHET_ISA {
namespace {

// A run of output pixels of one row, at some channels.
struct RunArgs {
  const float* input;       // where the first pixel's first tap is, though that may lie outside the image
  int64_t in_stride;        // from pixel to pixel
  int64_t in_tap_step;      // from a tap to the one right of it
  int64_t in_tap_row_step;  // from a tap to the one below it
  const float* weights;     // of the first channel
  int64_t kernel_w;
  int64_t taps;
  int64_t ky_begin;  // kernel rows that are inside the image
  int64_t ky_end;
  int64_t column_begin;  // columns of input under the run that are inside it, counted from the first tap
  int64_t column_end;
  int64_t channels;
  float* output;
  int64_t out_stride;
  const float* bias;
  const float* slope;
  const float* residual;
  int64_t residual_stride;
  const Epilogue* epilogue;
};

// The weights of kGrain channels lie together, tap after tap: at fixed distances from one address.
constexpr int kGrain = depthwise::kChannelGrain;
WHET_INLINE const float* WeightsAt(const RunArgs& args, int64_t c) {
  return args.weights + c / kGrain * kGrain * args.taps + c % kGrain;
}

template <int kPixels, int kVectors>
WHET_INLINE void Finish(const RunArgs& args, F32 (&acc)[kPixels][kVectors], int64_t c) {
  const Epilogue& epilogue = *args.epilogue;
  const int64_t left = args.channels - c - (kVectors - 1) * kLanes;
  const int64_t last = left < kLanes ? left : kLanes;  // channels of the last vector
  const auto add_residual = [&] {
#pragma GCC unroll 8
    for (int i = 0; i < kPixels; ++i) {
      const float* r = args.residual + i * args.residual_stride + c;
#pragma GCC unroll 8
      for (int v = 0; v < kVectors - 1; ++v) acc[i][v] += Load(r + v * kLanes);
      acc[i][kVectors - 1] += LoadPartial(r + (kVectors - 1) * kLanes, last);
    }
  };
  if (epilogue.residual == Residual::kBeforeActivation) add_residual();
  ApplyInRegisters(epilogue, acc, args.slope != nullptr ? args.slope + c : nullptr);
  if (epilogue.residual == Residual::kAfterActivation && !NeedsFinish(epilogue)) add_residual();
#pragma GCC unroll 8
  for (int i = 0; i < kPixels; ++i) {
    float* y = args.output + i * args.out_stride + c;
#pragma GCC unroll 8
    for (int v = 0; v < kVectors - 1; ++v) Store(y + v * kLanes, acc[i][v]);
    if (last == kLanes) {
      Store(y + (kVectors - 1) * kLanes, acc[i][kVectors - 1]);
    } else {
      StorePartial(y + (kVectors - 1) * kLanes, acc[i][kVectors - 1], last);
    }
  }
}

// kPixels outputs of kVectors of channels from c on, from a kKernel x kKernel kernel: every input that is
// loaded serves all outputs that it is under. kInside: no tap is in the padding.
template <int kKernel, int kStride, int kPixels, bool kInside, int kVectors>
WHET_INLINE void SquareVectors(const RunArgs& args, int64_t c) {
  constexpr int kColumns = (kPixels - 1) * kStride + kKernel;
  const int64_t ky_begin = kInside ? 0 : args.ky_begin;
  const int64_t ky_end = kInside ? kKernel : args.ky_end;
  const int64_t in_stride = args.in_stride;
  F32 acc[kPixels][kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    const F32 bias = args.bias != nullptr ? Load(args.bias + c + v * kLanes) : Zero();
#pragma GCC unroll 8
    for (int i = 0; i < kPixels; ++i) acc[i][v] = bias;
  }
  const float* row = args.input + ky_begin * args.in_tap_row_step + c;
  const float* w[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) w[v] = WeightsAt(args, c + v * kLanes) + ky_begin * kKernel * kGrain;
#pragma GCC unroll 1
  for (int64_t ky = ky_begin; ky < ky_end; ++ky) {
    F32 weight[kKernel][kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 8
      for (int kx = 0; kx < kKernel; ++kx) weight[kx][v] = Load(w[v] + kx * kGrain);
      w[v] += kKernel * kGrain;
    }
    const float* input = row;
#pragma GCC unroll 16
    for (int column = 0; column < kColumns; ++column, input += in_stride) {
      if (!kInside && (column < args.column_begin || column >= args.column_end)) continue;
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        F32 x = Load(input + v * kLanes);
        // Else the compiler makes the load a part of every multiply-add, which then wait for load ports.
        WHET_KEEP_IN_REGISTER(x);
#pragma GCC unroll 8
        for (int i = 0; i < kPixels; ++i) {
          const int kx = column - i * kStride;
          if (kx >= 0 && kx < kKernel) acc[i][v] += x * weight[kx][v];
        }
      }
    }
    row += args.in_tap_row_step;
  }
  Finish(args, acc, c);
}

template <int kKernel, int kStride, int kPixels, bool kInside>
WHET_INLINE void SquareChannels(const RunArgs& args) {
  int64_t c = 0;
  for (; c + kLanes < args.channels; c += 2 * kLanes) {
    SquareVectors<kKernel, kStride, kPixels, kInside, 2>(args, c);
  }
  if (c < args.channels) SquareVectors<kKernel, kStride, kPixels, kInside, 1>(args, c);
}

// `runs` of them side by side. The arguments are copied so that the compiler knows that stores do not change
// them.
template <int kKernel, int kStride, int kPixels>
void Inside(const RunArgs& first, int64_t runs) {
  RunArgs args = first;
  for (; runs > 0; --runs) {
    SquareChannels<kKernel, kStride, kPixels, true>(args);
    args.input += kPixels * kStride * args.in_stride;
    args.output += kPixels * args.out_stride;
    if (args.residual != nullptr) args.residual += kPixels * args.residual_stride;
  }
}

template <int kKernel, int kStride, int kPixels>
void Border(const RunArgs& shared_args) {
  const RunArgs args = shared_args;
  SquareChannels<kKernel, kStride, kPixels, false>(args);
}

// One output pixel of any kernel, some vectors of channels from c on.
template <int kVectors>
WHET_INLINE void AnyVectors(const RunArgs& args, int64_t kx_begin, int64_t kx_end, int64_t c) {
  F32 acc[1][kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    acc[0][v] = args.bias != nullptr ? Load(args.bias + c + v * kLanes) : Zero();
  }
  const float* w[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) w[v] = WeightsAt(args, c + v * kLanes);
  for (int64_t ky = args.ky_begin; ky < args.ky_end; ++ky) {
    for (int64_t kx = kx_begin; kx < kx_end; ++kx) {
      const float* x = args.input + ky * args.in_tap_row_step + kx * args.in_tap_step + c;
      const int64_t tap = (ky * args.kernel_w + kx) * kGrain;
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        acc[0][v] += Load(x + v * kLanes) * Load(w[v] + tap);
      }
    }
  }
  Finish(args, acc, c);
}

void Any(const RunArgs& args, int64_t kx_begin, int64_t kx_end) {
  constexpr int kVectors = 4;
  int64_t c = 0;
  for (; c + (kVectors - 1) * kLanes < args.channels; c += kVectors * kLanes) {
    AnyVectors<kVectors>(args, kx_begin, kx_end, c);
  }
  for (; c < args.channels; c += kLanes) AnyVectors<1>(args, kx_begin, kx_end, c);
}

constexpr int kMaxPixels = 4;
struct SquareFns {
  void (*inside[kMaxPixels])(const RunArgs& first, int64_t runs);  // by the number of pixels, less 1
  void (*border[kMaxPixels])(const RunArgs& args);
};
template <int kKernel, int kStride>
constexpr SquareFns kSquare = {{Inside<kKernel, kStride, 1>, Inside<kKernel, kStride, 2>,
                                Inside<kKernel, kStride, 3>, Inside<kKernel, kStride, 4>},
                               {Border<kKernel, kStride, 1>, Border<kKernel, kStride, 2>,
                                Border<kKernel, kStride, 3>, Border<kKernel, kStride, 4>}};

const SquareFns* FindSquare(const depthwise::Params& p) {
  if (p.dilation_w != 1 || p.kernel_h != p.kernel_w) return nullptr;
  if (p.kernel_w == 3 && p.stride_w == 1) return &kSquare<3, 1>;
  if (p.kernel_w == 3 && p.stride_w == 2) return &kSquare<3, 2>;
  if (p.kernel_w == 5 && p.stride_w == 1) return &kSquare<5, 1>;
  if (p.kernel_w == 5 && p.stride_w == 2) return &kSquare<5, 2>;
  return nullptr;
}

// The range of taps, of `count` from position `first` on in steps of `step`, that lie in [0, size).
void InsideRange(int64_t first, int64_t step, int64_t count, int64_t size, int64_t* begin, int64_t* end) {
  *begin = first >= 0 ? 0 : (-first + step - 1) / step;
  if (*begin > count) *begin = count;
  *end = first >= size ? 0 : (size - first + step - 1) / step;
  if (*end > count) *end = count;
  if (*end < *begin) *end = *begin;
}

}  // namespace

void DepthwiseF32(const Args& args, int64_t begin, int64_t end) {
  const auto& p = *static_cast<const depthwise::Params*>(args.params);
  auto* output = static_cast<float*>(args.operands[0]);
  const auto* input = static_cast<const float*>(args.operands[1]);
  const auto* weights = static_cast<const float*>(args.operands[2]);
  const auto* bias = static_cast<const float*>(args.operands[3]);
  const auto* residual = static_cast<const float*>(args.operands[4]);
  const auto* slope = static_cast<const float*>(args.operands[5]);

  const SquareFns* square = FindSquare(p);
  const int64_t blocks = (p.channels + p.channel_block - 1) / p.channel_block;
  RunArgs run;
  run.in_stride = p.in_stride;
  run.in_tap_step = p.dilation_w * p.in_stride;
  run.in_tap_row_step = p.dilation_h * p.in_w * p.in_stride;
  run.taps = p.kernel_h * p.kernel_w;
  run.kernel_w = p.kernel_w;
  run.out_stride = p.out_stride;
  run.residual_stride = p.residual_stride;
  run.epilogue = &p.epilogue;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t oy = unit % p.out_h;
    const int64_t channel = unit / p.out_h % blocks * p.channel_block;
    const int64_t image = unit / p.out_h / blocks;
    const int64_t left = p.channels - channel;
    run.channels = left < p.channel_block ? left : p.channel_block;
    run.weights = weights + channel * run.taps;
    run.bias = bias != nullptr ? bias + channel : nullptr;
    run.slope = slope != nullptr ? slope + channel : nullptr;
    const int64_t y = oy * p.stride_h - p.pad_top;
    InsideRange(y, p.dilation_h, p.kernel_h, p.in_h, &run.ky_begin, &run.ky_end);
    const bool rows_inside = run.ky_begin == 0 && run.ky_end == p.kernel_h;
    for (int64_t ox = 0; ox < p.out_w;) {
      const int64_t x = ox * p.stride_w - p.pad_left;
      const int64_t in_pixel = (image * p.in_h + y) * p.in_w + x;
      const int64_t out_pixel = (image * p.out_h + oy) * p.out_w + ox;
      run.input = input + in_pixel * p.in_stride + channel;
      run.output = output + out_pixel * p.out_stride + channel;
      run.residual = residual != nullptr ? residual + out_pixel * p.residual_stride + channel : nullptr;
      int64_t pixels = 1;
      if (square != nullptr) {
        const int64_t out_left = p.out_w - ox;
        pixels = out_left < kMaxPixels ? out_left : kMaxPixels;
        const int64_t columns = (pixels - 1) * p.stride_w + p.kernel_w;
        InsideRange(x, 1, columns, p.in_w, &run.column_begin, &run.column_end);
        if (rows_inside && run.column_begin == 0 && run.column_end == columns) {
          const int64_t by_output = out_left / pixels;
          const int64_t by_input = (p.in_w - x - columns) / (pixels * p.stride_w) + 1;
          const int64_t runs = by_output < by_input ? by_output : by_input;
          square->inside[pixels - 1](run, runs);
          pixels *= runs;
        } else {
          square->border[pixels - 1](run);
        }
      } else {
        int64_t kx_begin;
        int64_t kx_end;
        InsideRange(x, p.dilation_w, p.kernel_w, p.in_w, &kx_begin, &kx_end);
        Any(run, kx_begin, kx_end);
      }
      if (NeedsFinish(p.epilogue)) {
        FinishRows(p.epilogue, run.output, p.out_stride, pixels, run.channels,
                   p.epilogue.residual == Residual::kAfterActivation ? run.residual : nullptr,
                   p.residual_stride);
      }
      ox += pixels;
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
