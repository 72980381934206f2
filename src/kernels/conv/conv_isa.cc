#include "kernels/conv/conv.h"

#include "kernels/conv/taps.h"
#include "kernels/gemm/tile.h"
#include "kernels/gemm/tile_shapes.h"
#include "kernels/stored/decode.h"

namespace whet::kernels::WHET_ISA {
namespace {

// The parts of conv::ScratchLayout.
struct Scratch {
  const float** list;
  float* zeros;
  float* copies;
};

void FillKernelRows(const conv::Params& p, const float* input, const Scratch& scratch, Pixel pixel,
                    int64_t count) {
  const int64_t length = p.kernel_w * p.cin;
  float* copy = scratch.copies;
  for (int64_t r = 0; r < count; ++r) {
    const float** slot = scratch.list + r;
    const float* image = input + pixel.image * p.in_h * p.in_w * p.cin;
    int64_t y = pixel.y * p.stride_h - p.pad_top;
    const int64_t x = pixel.x * p.stride_w - p.pad_left;
    // Taps [begin, end) are inside.
    const int64_t begin = x < 0 ? (-x < p.kernel_w ? -x : p.kernel_w) : 0;
    int64_t end = p.in_w - x < p.kernel_w ? p.in_w - x : p.kernel_w;
    if (end < begin) end = begin;
    for (int64_t ky = 0; ky < p.kernel_h; ++ky, y += p.dilation_h, slot += count) {
      if (y < 0 || y >= p.in_h || begin == end) {
        *slot = scratch.zeros;
        continue;
      }
      const float* row = image + y * p.in_w * p.cin;
      if (end - begin == p.kernel_w) {
        *slot = row + x * p.cin;
        continue;
      }
      std::memset(copy, 0, static_cast<size_t>(length) * sizeof(float));
      std::memcpy(copy + begin * p.cin, row + (x + begin) * p.cin,
                  static_cast<size_t>((end - begin) * p.cin) * sizeof(float));
      *slot = copy;
      copy += length;
    }
    pixel.Next(p);
  }
}

template <int kRows, int kVectors>
void Run(const Args& args, int64_t begin, int64_t end) {
  static constexpr Tiles<kRows, kVectors, true> kTiles;
  constexpr int64_t kTileN = kVectors * kLanes;
  const conv::Params& p = *static_cast<const conv::Params*>(args.params);
  auto* output = static_cast<float*>(args.operands[0]);
  const auto* input = static_cast<const float*>(args.operands[1]);
  const auto* weights = static_cast<const float*>(args.operands[2]);
  const auto* bias = static_cast<const float*>(args.operands[3]);
  const auto* residual = static_cast<const float*>(args.operands[4]);
  const auto* slope = static_cast<const float*>(args.operands[5]);

  const conv::ScratchLayout layout = conv::LayOutScratch(p);
  const bool kernel_rows = p.segments == conv::Segments::kKernelRows;
  const int64_t k = layout.segments * layout.length;
  const bool pointwise = conv::IsPointwise(p);
  auto* scratch_bytes = static_cast<char*>(args.scratch);
  const Scratch scratch = {reinterpret_cast<const float**>(scratch_bytes + layout.list),
                           reinterpret_cast<float*>(scratch_bytes + layout.zeros),
                           reinterpret_cast<float*>(scratch_bytes + layout.copies)};
  std::memset(scratch.zeros, 0, static_cast<size_t>(layout.length) * sizeof(float));

  const int64_t pixels = p.batch * p.out_h * p.out_w;
  const int64_t m_blocks = (pixels + p.m_block - 1) / p.m_block;
  const int64_t n_blocks = (p.cout + p.n_block - 1) / p.n_block;
  const int64_t stored_panel = p.is_stored != 0 ? stored::LayOutPanel(p.stored, k, kTileN).bytes : 0;
  auto* decoded = reinterpret_cast<float*>(scratch_bytes + layout.panels);
  int64_t decoded_unit = -1;  // block of channels that is in scratch
  const int64_t group_weights = (p.cout + kLanes - 1) / kLanes * kLanes * k;
  TileArgs tile;
  tile.a = scratch.list;
  tile.segments = layout.segments;
  tile.length = layout.length;
  tile.ldb = 0;
  tile.ldc = p.out_stride;
  tile.ldr = p.residual_stride;
  tile.epilogue = &p.epilogue;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t group = unit / m_blocks / n_blocks;
    const int64_t n0 = unit / m_blocks % n_blocks * p.n_block;
    const int64_t n1 = n0 + p.n_block < p.cout ? n0 + p.n_block : p.cout;
    const int64_t m0 = unit % m_blocks * p.m_block;
    const int64_t m1 = m0 + p.m_block < pixels ? m0 + p.m_block : pixels;
    const float* group_input = input + group * p.cin;
    const float* panels = weights + group * group_weights + n0 * k;
    if (p.is_stored != 0) {
      static_assert(kTileN == 2 * kLanes, "stored weights lie in panels of two vectors");
      if (decoded_unit != unit / m_blocks) {
        decoded_unit = unit / m_blocks;
        const auto* stored_panels = static_cast<const uint8_t*>(args.operands[2]);
        DecodePanels(p.stored, k, n1 - n0, stored_panels + n0 / kTileN * stored_panel, decoded);
      }
      panels = decoded;
    }
    for (int64_t i = m0; i < m1; i += p.m_tile) {
      const int64_t count = m1 - i < p.m_tile ? m1 - i : p.m_tile;
      if (pointwise) {
        for (int64_t r = 0; r < count; ++r) scratch.list[r] = group_input + (i + r) * p.in_stride;
      } else {
        const Pixel first = Pixel::At(p, i);
        if (!FillInside(p, group_input, scratch.list, first, count, kernel_rows ? 1 : p.kernel_w)) {
          if (kernel_rows) {
            FillKernelRows(p, group_input, scratch, first, count);
          } else {
            FillTaps<float>(p, group_input, scratch.zeros, scratch.list, first, count);
          }
        }
      }
      tile.rows = count;
      tile.b = panels;
      for (int64_t j = n0; j < n1; j += kTileN) {
        const int64_t channel = group * p.cout + j;
        tile.columns = n1 - j < kTileN ? n1 - j : kTileN;
        tile.c = output + i * p.out_stride + channel;
        tile.bias = bias != nullptr ? bias + channel : nullptr;
        tile.slope = slope != nullptr ? slope + channel : nullptr;
        tile.residual = residual != nullptr ? residual + i * p.residual_stride + channel : nullptr;
        kTiles.fn[(tile.columns - 1) / kLanes][count - 1](tile);
        tile.b += kTileN * k;
      }
    }
  }
}

}  // namespace

void ConvF32(const Args& args, int64_t begin, int64_t end) { Run<kTileRows, kTileVectors>(args, begin, end); }

}  // namespace whet::kernels::WHET_ISA
