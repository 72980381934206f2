#include "kernels/conv_transpose/conv_transpose.h"

#include "kernels/conv_transpose/phase.h"
#include "kernels/gemm/tile.h"
#include "kernels/gemm/tile_shapes.h"

namespace whet::kernels::WHET_ISA {
namespace {

using conv_transpose::Params;
using conv_transpose::PhaseTaps;

// The phase that position `i` belongs to has its taps at these inputs: tap t reads input first - t step, if
// that is in the image.
struct Line {
  int64_t first;
  int64_t step;
};
Line LineOf(int64_t i, const PhaseTaps& taps, int64_t stride, int64_t dilation, int64_t pad) {
  return {(i + pad - taps.first * dilation) / stride, taps.step * dilation / stride};
}

}  // namespace

void ConvTransposeF32(const Args& args, int64_t begin, int64_t end) {
  static constexpr Tiles<kTileRows, kTileVectors, true> kTiles;
  constexpr int64_t kTileN = kTileVectors * kLanes;
  const Params& p = *static_cast<const Params*>(args.params);
  auto* output = static_cast<float*>(args.operands[0]);
  const auto* input = static_cast<const float*>(args.operands[1]);
  const auto* weights = static_cast<const float*>(args.operands[2]);
  const auto* bias = static_cast<const float*>(args.operands[3]);
  const auto* residual = static_cast<const float*>(args.operands[4]);
  const auto* slope = static_cast<const float*>(args.operands[5]);
  auto** list = static_cast<const float**>(args.scratch);
  auto* zeros = reinterpret_cast<float*>(list + p.kernel_h * p.kernel_w * p.m_tile);
  std::memset(zeros, 0, static_cast<size_t>(p.cin) * sizeof(float));

  const int64_t rows_of_output = p.batch * p.out_h;
  const int64_t n_blocks = (p.cout + p.n_block - 1) / p.n_block;
  const int64_t padded_cout = (p.cout + kLanes - 1) / kLanes * kLanes;
  const int64_t taps = p.kernel_h * p.kernel_w;
  TileArgs tile;
  tile.a = list;
  tile.length = p.cin;
  tile.ldb = 0;
  tile.ldc = p.stride_w * p.out_stride;
  tile.ldr = p.stride_w * p.residual_stride;
  tile.epilogue = &p.epilogue;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t image = unit % rows_of_output / p.out_h;
    const int64_t oy = unit % p.out_h;
    const int64_t n0 = unit / rows_of_output % n_blocks * p.n_block;
    const int64_t n1 = n0 + p.n_block < p.cout ? n0 + p.n_block : p.cout;
    const int64_t group = unit / rows_of_output / n_blocks;
    const float* image_input = input + image * p.in_h * p.in_w * p.in_stride + group * p.cin;

    // Weights lie phase by phase.
    const int64_t py = oy % p.stride_h;
    PhaseTaps rows = {};
    int64_t taps_before = 0;
    for (int64_t phase = 0; phase <= py; ++phase) {
      rows = conv_transpose::TapsOf(phase, p.kernel_h, p.stride_h, p.dilation_h, p.pad_top);
      if (phase < py) taps_before += rows.count * p.kernel_w;
    }
    const Line vertical = LineOf(oy, rows, p.stride_h, p.dilation_h, p.pad_top);
    for (int64_t px = 0; px < p.stride_w && px < p.out_w; ++px) {
      const PhaseTaps columns = conv_transpose::TapsOf(px, p.kernel_w, p.stride_w, p.dilation_w, p.pad_left);
      const int64_t k = rows.count * columns.count * p.cin;
      const float* panels = weights + (group * taps + taps_before) * p.cin * padded_cout + n0 * k;
      taps_before += rows.count * columns.count;
      const int64_t pixels = (p.out_w - px + p.stride_w - 1) / p.stride_w;
      tile.segments = rows.count * columns.count;
      for (int64_t i = 0; i < pixels; i += p.m_tile) {
        const int64_t count = pixels - i < p.m_tile ? pixels - i : p.m_tile;
        for (int64_t r = 0; r < count; ++r) {
          const Line horizontal =
              LineOf(px + (i + r) * p.stride_w, columns, p.stride_w, p.dilation_w, p.pad_left);
          const float** slot = list + r;
          int64_t y = vertical.first;
          for (int64_t ty = 0; ty < rows.count; ++ty, y -= vertical.step) {
            const bool inside = y >= 0 && y < p.in_h;
            int64_t x = horizontal.first;
            for (int64_t tx = 0; tx < columns.count; ++tx, x -= horizontal.step, slot += count) {
              *slot = inside && x >= 0 && x < p.in_w ? image_input + (y * p.in_w + x) * p.in_stride : zeros;
            }
          }
        }
        const int64_t pixel = (image * p.out_h + oy) * p.out_w + px + i * p.stride_w;
        tile.rows = count;
        tile.b = panels;
        for (int64_t j = n0; j < n1; j += kTileN) {
          const int64_t channel = group * p.cout + j;
          tile.columns = n1 - j < kTileN ? n1 - j : kTileN;
          tile.c = output + pixel * p.out_stride + channel;
          tile.bias = bias != nullptr ? bias + channel : nullptr;
          tile.slope = slope != nullptr ? slope + channel : nullptr;
          tile.residual = residual != nullptr ? residual + pixel * p.residual_stride + channel : nullptr;
          kTiles.fn[(tile.columns - 1) / kLanes][count - 1](tile);
          tile.b += kTileN * k;
        }
      }
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
