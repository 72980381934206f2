#include "kernels/qwinograd/qwinograd.h"

#include "kernels/conv/winograd_tiles.h"
#include "kernels/qconv/dot_tile.h"
#include "kernels/qconv/finish.h"

namespace whet::kernels::WHET_ISA {
namespace {

using qconv::Params;
using qwinograd::kInputs;
using qwinograd::kPositions;
using qwinograd::kTile;
using qwinograd::ScratchLayout;

using I16 = int16_t __attribute__((vector_size(kVectorBytes)));
constexpr int64_t kChannels = kVectorBytes / 2;  // of a vector

WHET_INLINE I16 AsI16(I32 v) { return reinterpret_cast<I16>(v); }
WHET_INLINE void StoreI16(void* p, I16 v) { std::memcpy(p, &v, sizeof(v)); }

// A row of B' x.
WHET_INLINE void TransformInput(const I16 (&d)[kInputs], I16 (&t)[kInputs]) {
  const I16 a = d[4] - d[2], b = d[3] - d[1];
  t[0] = ((d[0] - d[2]) << 2) + a;
  t[1] = (d[3] + d[4]) - ((d[1] + d[2]) << 2);
  t[2] = (d[4] - d[3]) + ((d[1] - d[2]) << 2);
  t[3] = a + (b << 1);
  t[4] = a - (b << 1);
  t[5] = (d[5] - d[3]) - (b << 2);
}

// A row of G w, times 24; the last one times 12.
WHET_INLINE void TransformWeights(const I16 (&g)[3], I16 (&t)[kInputs]) {
  const I16 outer = (g[0] + g[2]) << 2, middle = g[1] << 2;
  const I16 falling = g[0] + (g[2] << 2), twice = g[1] << 1;
  t[0] = (g[0] << 2) + (g[0] << 1);
  t[1] = -outer - middle;
  t[2] = middle - outer;
  t[3] = falling + twice;
  t[4] = falling - twice;
  t[5] = (g[2] << 3) + (g[2] << 2);
}

// A row of A' m.
WHET_INLINE void TransformProducts(const I32 (&m)[kInputs], I32 (&y)[kTile]) {
  const I32 sum1 = m[1] + m[2], difference1 = m[1] - m[2];
  const I32 sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  y[0] = m[0] + sum1 + sum2;
  y[1] = difference1 + (difference2 << 1);
  y[2] = sum1 + (sum2 << 2);
  y[3] = difference1 + (difference2 << 3) + (m[5] << 1);
}

// All channels of one tile; where a tap is in the padding, its pointer is to that.
template <bool kSigned>
void InputTile(const ScratchLayout& layout, int64_t channels, const uint8_t* const* taps, uint8_t* to) {
  for (int64_t c = 0; c < channels; c += kChannels) {
    I16 columns[kInputs][kInputs];
    for (int64_t x = 0; x < kInputs; ++x) {
      I16 d[kInputs], t[kInputs];
#pragma GCC unroll 6
      for (int64_t y = 0; y < kInputs; ++y) {
        const uint8_t* from = taps[y * kInputs + x] + c;
        d[y] = AsI16(kSigned ? LoadSignedPairs(from) : LoadUnsignedPairs(from));
      }
      TransformInput(d, t);
#pragma GCC unroll 6
      for (int64_t y = 0; y < kInputs; ++y) columns[y][x] = t[y];
    }
    uint8_t* position = to + 2 * c;
    for (const auto& row : columns) {
      I16 t[kInputs];
      TransformInput(row, t);
#pragma GCC unroll 6
      for (int64_t x = 0; x < kInputs; ++x) {
        StoreI16(position, t[x]);
        position += layout.input_bytes;
      }
    }
  }
}

// A panel of so many vectors of output channels, for all input channels.
void WeightPanel(const ScratchLayout& layout, int64_t vectors, const int8_t* weights, uint8_t* to) {
  for (int64_t i = 0; i < layout.pairs * vectors; ++i) {
    I16 columns[kInputs][3];
#pragma GCC unroll 3
    for (int64_t x = 0; x < 3; ++x) {
      I16 g[3], t[kInputs];
#pragma GCC unroll 3
      for (int64_t y = 0; y < 3; ++y) g[y] = AsI16(LoadSignedPairs(weights + (3 * y + x) * kChannels));
      TransformWeights(g, t);
#pragma GCC unroll 6
      for (int64_t y = 0; y < kInputs; ++y) columns[y][x] = t[y];
    }
    uint8_t* position = to + i * kVectorBytes;
    for (const auto& row : columns) {
      I16 t[kInputs];
      TransformWeights(row, t);
#pragma GCC unroll 6
      for (int64_t x = 0; x < kInputs; ++x) {
        StoreI16(position, t[x]);
        position += layout.weight_bytes;
      }
    }
    weights += 9 * kChannels;
  }
}

// The sums of a tile's 4x4 pixels for a vector of output channels.
WHET_INLINE void SumsOfTile(const ScratchLayout& layout, const uint8_t* products, int32_t* to, int64_t row) {
  // What is divided by 9 modulo 2^32, then by 64.
  constexpr int32_t kInverseOf9 = 0x38e38e39;
  I32 columns[kTile][kInputs];
  for (int64_t x = 0; x < kInputs; ++x) {
    I32 m[kInputs], y[kTile];
#pragma GCC unroll 6
    for (int64_t i = 0; i < kInputs; ++i) {
      m[i] = LoadI32(reinterpret_cast<const int32_t*>(products + (i * kInputs + x) * layout.product_bytes));
    }
    TransformProducts(m, y);
#pragma GCC unroll 4
    for (int64_t i = 0; i < kTile; ++i) columns[i][x] = y[i];
  }
  for (const auto& m : columns) {
    I32 y[kTile];
    TransformProducts(m, y);
#pragma GCC unroll 4
    for (int64_t x = 0; x < kTile; ++x) StoreI32(to + x * kDotColumns, y[x] * kInverseOf9 >> 6);
    to += row;
  }
}

}  // namespace

void QWinograd(const Args& args, int64_t begin, int64_t end) {
  static constexpr DotTiles<PairProduct, StoreSums> kTiles;
  const Params& p = *static_cast<const Params*>(args.params);
  const auto* input = static_cast<const uint8_t*>(args.operands[1]);
  const auto* weights = static_cast<const int8_t*>(args.operands[2]);
  const auto* offset = static_cast<const int32_t*>(args.operands[3]);
  const auto* multiplier = static_cast<const float*>(args.operands[4]);
  const auto* bias = static_cast<const float*>(args.operands[6]);
  const auto* weight_sums = static_cast<const int32_t*>(args.operands[8]);
  const bool is_signed = p.input == DType::kI8;
  const int32_t input_zero = InputZeroOf(p, args.operands[7]);

  const ScratchLayout layout = qwinograd::LayOutScratch(p, kDotRows, kDotColumns, kLanes);
  auto* scratch = static_cast<uint8_t*>(args.scratch);
  auto* list = reinterpret_cast<const uint8_t**>(scratch + layout.list);
  auto* taps = reinterpret_cast<const uint8_t**>(scratch + layout.taps);
  auto* padding = scratch + layout.padding;
  auto* products = scratch + layout.products;
  auto* sums = reinterpret_cast<int32_t*>(scratch + layout.sums);
  std::memset(padding, input_zero & 0xff, static_cast<size_t>(p.cin));
  const int64_t sums_row = kTile * p.m_tile * kDotColumns;

  const WinogradTiles tiles(p);
  const int64_t tile_count = p.batch * tiles.rows * tiles.columns;
  const int64_t m_blocks = (tile_count + p.m_block - 1) / p.m_block;
  const int64_t column_bytes = layout.pairs * 2 * 9;
  Finish finish{};
  finish.input_zero = input_zero;
  finish.input_scale = static_cast<const float*>(args.operands[9]);
  finish.sums_stride = kDotColumns;
  finish.out_stride = p.out_stride;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t n0 = unit / m_blocks * p.n_block;
    const int64_t n1 = n0 + p.n_block < p.cout ? n0 + p.n_block : p.cout;
    const int64_t t0 = unit % m_blocks * p.m_block;
    const int64_t count = tile_count - t0 < p.m_block ? tile_count - t0 : p.m_block;
    for (int64_t t = 0; t < count; ++t) {
      FillWinogradTile(p, tiles, input, padding, t0 + t, taps);
      uint8_t* to = scratch + layout.inputs + t * layout.row_bytes;
      if (is_signed) {
        InputTile<true>(layout, p.cin, taps, to);
      } else {
        InputTile<false>(layout, p.cin, taps, to);
      }
    }
    // Steps of about the same number of tiles.
    const int64_t steps = (count + kDotRows - 1) / kDotRows;
    const int64_t step = (count + steps - 1) / steps;
    for (int64_t j = n0; j < n1; j += kDotColumns) {
      finish.columns = n1 - j < kDotColumns ? n1 - j : kDotColumns;
      const int64_t vectors = (finish.columns + kLanes - 1) / kLanes;
      WeightPanel(layout, vectors, weights + j * column_bytes, scratch + layout.weights);
      for (int64_t position = 0; position < kPositions; ++position) {
        const uint8_t* rows = scratch + layout.inputs + position * layout.input_bytes;
        DotTileArgs tile;
        tile.a = list;
        tile.segments = 1;
        tile.groups = layout.pairs;
        tile.b = reinterpret_cast<const int8_t*>(scratch + layout.weights + position * layout.weight_bytes);
        for (int64_t t = 0; t < count; t += step) {
          tile.rows = count - t < step ? count - t : step;
          for (int64_t r = 0; r < tile.rows; ++r) list[r] = rows + (t + r) * layout.row_bytes;
          tile.sums =
              reinterpret_cast<int32_t*>(products + position * layout.product_bytes) + t * kDotColumns;
          kTiles.fn[vectors - 1][tile.rows - 1](tile);
        }
      }
      finish.offset = offset + j;
      finish.multiplier = multiplier != nullptr ? multiplier + j : nullptr;
      finish.bias = bias != nullptr ? bias + j : nullptr;
      finish.weight_sums = weight_sums != nullptr ? weight_sums + j : nullptr;
      // Tiles that are neighbours in a row are finished together.
      for (int64_t t = 0; t < count;) {
        const int64_t tx = (t0 + t) % tiles.columns;
        const int64_t run = count - t < tiles.columns - tx ? count - t : tiles.columns - tx;
        for (int64_t r = 0; r < run; ++r) {
          for (int64_t v = 0; v < vectors; ++v) {
            SumsOfTile(layout, products + ((t + r) * kDotColumns + v * kLanes) * int64_t{sizeof(int32_t)},
                       sums + r * kTile * kDotColumns + v * kLanes, sums_row);
          }
        }
        const int64_t image = (t0 + t) / tiles.columns / tiles.rows;
        const int64_t y = (t0 + t) / tiles.columns % tiles.rows * kTile;
        const int64_t rows = p.out_h - y < kTile ? p.out_h - y : kTile;
        finish.rows = p.out_w - tx * kTile < run * kTile ? p.out_w - tx * kTile : run * kTile;
        for (int64_t i = 0; i < rows; ++i) {
          finish.sums = sums + i * sums_row;
          const int64_t pixel = (image * p.out_h + y + i) * p.out_w + tx * kTile;
          FinishTile(finish, p, args.operands[0], pixel * p.out_stride + j);
        }
        t += run;
      }
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
