#include "kernels/winograd/winograd.h"

#include "kernels/conv/winograd_tiles.h"
#include "kernels/epilogue/epilogue_simd.h"
#include "kernels/gemm/tile.h"
#include "kernels/gemm/tile_shapes.h"

namespace whet::kernels::WHET_ISA {
namespace {

using winograd::kInputs;
using winograd::kPositions;
using winograd::kTile;
using winograd::Params;
using winograd::ScratchLayout;

constexpr int64_t kTileN = kTileVectors * kLanes;

// A row of B' x.
WHET_INLINE void TransformInput(const F32 (&d)[kInputs], F32 (&t)[kInputs]) {
  const F32 a = d[4] - d[2], b = (d[3] - d[1]) * 2.0f;
  const F32 even = d[4] - d[2] * 4.0f, odd = d[3] - d[1] * 4.0f;
  t[0] = (d[0] - d[2]) * 4.0f + a;
  t[1] = even + odd;
  t[2] = even - odd;
  t[3] = a + b;
  t[4] = a - b;
  t[5] = (d[5] - d[3]) - b * 2.0f;
}

// A row of G w.
WHET_INLINE void TransformWeights(const F32 (&g)[3], F32 (&t)[kInputs]) {
  const F32 outer = (g[0] + g[2]) * (-1.0f / 6), middle = g[1] * (1.0f / 6);
  const F32 rising = g[0] * (1.0f / 24) + g[2] * (1.0f / 6), twice = g[1] * (1.0f / 12);
  t[0] = g[0] * 0.25f;
  t[1] = outer - middle;
  t[2] = outer + middle;
  t[3] = rising + twice;
  t[4] = rising - twice;
  t[5] = g[2];
}

// A row of A' m.
WHET_INLINE void TransformProducts(const F32 (&m)[kInputs], F32 (&y)[kTile]) {
  const F32 sum1 = m[1] + m[2], difference1 = m[1] - m[2];
  const F32 sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  y[0] = m[0] + sum1 + sum2;
  y[1] = difference1 + difference2 * 2.0f;
  y[2] = sum1 + sum2 * 4.0f;
  y[3] = difference1 + difference2 * 8.0f + m[5];
}

// All channels of one tile. Those beyond the last one come out arbitrary, and are not read.
void InputTile(const ScratchLayout& layout, int64_t channels, const float* const* taps, float* to) {
  for (int64_t c = 0; c < channels; c += kLanes) {
    F32 columns[kInputs][kInputs];
    for (int64_t x = 0; x < kInputs; ++x) {
      F32 d[kInputs], t[kInputs];
#pragma GCC unroll 6
      for (int64_t y = 0; y < kInputs; ++y) d[y] = Load(taps[y * kInputs + x] + c);
      TransformInput(d, t);
#pragma GCC unroll 6
      for (int64_t y = 0; y < kInputs; ++y) columns[y][x] = t[y];
    }
    float* position = to + c;
    for (const auto& row : columns) {
      F32 t[kInputs];
      TransformInput(row, t);
#pragma GCC unroll 6
      for (int64_t x = 0; x < kInputs; ++x) {
        Store(position, t[x]);
        position += layout.input_step;
      }
    }
  }
}

// A panel of so many vectors of output channels, for all input channels.
void WeightPanel(const ScratchLayout& layout, int64_t count, const float* weights, float* to) {
  for (int64_t i = 0; i < count; ++i, weights += 9 * kLanes) {
    F32 columns[kInputs][3];
#pragma GCC unroll 3
    for (int64_t x = 0; x < 3; ++x) {
      F32 g[3], t[kInputs];
#pragma GCC unroll 3
      for (int64_t y = 0; y < 3; ++y) g[y] = Load(weights + (3 * y + x) * kLanes);
      TransformWeights(g, t);
#pragma GCC unroll 6
      for (int64_t y = 0; y < kInputs; ++y) columns[y][x] = t[y];
    }
    float* position = to + i * kLanes;
    for (const auto& row : columns) {
      F32 t[kInputs];
      TransformWeights(row, t);
#pragma GCC unroll 6
      for (int64_t x = 0; x < kInputs; ++x) {
        Store(position, t[x]);
        position += layout.weight_step;
      }
    }
  }
}

// Where the pixels of a tile go; pointers are at the vector's first column.
struct Output {
  float* c;
  int64_t row, stride;  // from a row of pixels to the next; from a pixel to the next
  const float* residual;
  int64_t residual_row, residual_stride;
  int64_t rows, columns;  // of pixels that there are
  int64_t lanes;
  F32 bias;
  const float* slope;
};

// The pixels of a tile for a vector of output channels.
void OutputTile(const ScratchLayout& layout, const Epilogue& epilogue, const float* products,
                const Output& out) {
  F32 columns[kTile][kInputs];
  for (int64_t x = 0; x < kInputs; ++x) {
    F32 m[kInputs], y[kTile];
#pragma GCC unroll 6
    for (int64_t i = 0; i < kInputs; ++i) m[i] = Load(products + (i * kInputs + x) * layout.product_step);
    TransformProducts(m, y);
#pragma GCC unroll 4
    for (int64_t i = 0; i < kTile; ++i) columns[i][x] = y[i];
  }
  const bool before = epilogue.residual == Residual::kBeforeActivation;
  const bool after = epilogue.residual == Residual::kAfterActivation && !NeedsFinish(epilogue);
  for (int64_t i = 0; i < out.rows; ++i) {
    F32 y[kTile], pixels[kTile][1], residual[kTile] = {};
    TransformProducts(columns[i], y);
    if (before || after) {
      for (int64_t x = 0; x < out.columns; ++x) {
        residual[x] = LoadPartial(out.residual + i * out.residual_row + x * out.residual_stride, out.lanes);
      }
    }
#pragma GCC unroll 4
    for (int64_t x = 0; x < kTile; ++x) {
      pixels[x][0] = y[x] + out.bias;
      if (before) pixels[x][0] += residual[x];
    }
    ApplyInRegisters(epilogue, pixels, out.slope);
    float* c = out.c + i * out.row;
    for (int64_t x = 0; x < out.columns; ++x, c += out.stride) {
      const F32 v = after ? pixels[x][0] + residual[x] : pixels[x][0];
      if (out.lanes == kLanes) {
        Store(c, v);
      } else {
        StorePartial(c, v, out.lanes);
      }
    }
  }
}

}  // namespace

void WinogradF32(const Args& args, int64_t begin, int64_t end) {
  static constexpr Tiles<kTileRows, kTileVectors, true> kTiles;
  static constexpr Epilogue kNothing;
  const Params& p = *static_cast<const Params*>(args.params);
  auto* output = static_cast<float*>(args.operands[0]);
  const auto* input = static_cast<const float*>(args.operands[1]);
  const auto* weights = static_cast<const float*>(args.operands[2]);
  const auto* bias = static_cast<const float*>(args.operands[3]);
  const auto* residual = static_cast<const float*>(args.operands[4]);
  const auto* slope = static_cast<const float*>(args.operands[5]);

  const ScratchLayout layout = winograd::LayOutScratch(p, kTileRows, kTileN, kLanes);
  auto* scratch = static_cast<char*>(args.scratch);
  auto* list = reinterpret_cast<const float**>(scratch + layout.list);
  auto* taps = reinterpret_cast<const float**>(scratch + layout.taps);
  auto* padding = reinterpret_cast<float*>(scratch + layout.padding);
  auto* inputs = reinterpret_cast<float*>(scratch + layout.inputs);
  auto* panel = reinterpret_cast<float*>(scratch + layout.weights);
  auto* products = reinterpret_cast<float*>(scratch + layout.products);
  std::memset(padding, 0, static_cast<size_t>(p.cin) * sizeof(float));

  const WinogradTiles tiles(p);
  const int64_t tile_count = p.batch * tiles.rows * tiles.columns;
  const int64_t m_blocks = (tile_count + p.m_block - 1) / p.m_block;
  const bool finishes = NeedsFinish(p.epilogue);
  const bool adds_last = finishes && p.epilogue.residual == Residual::kAfterActivation;
  TileArgs product{};
  product.a = list;
  product.segments = 1;
  product.length = p.cin;
  product.ldc = kTileN;
  product.epilogue = &kNothing;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t n0 = unit / m_blocks * p.n_block;
    const int64_t n1 = n0 + p.n_block < p.cout ? n0 + p.n_block : p.cout;
    const int64_t t0 = unit % m_blocks * p.m_block;
    const int64_t count = tile_count - t0 < p.m_block ? tile_count - t0 : p.m_block;
    for (int64_t t = 0; t < count; ++t) {
      FillWinogradTile<float>(p, tiles, input, padding, t0 + t, taps);
      InputTile(layout, p.cin, taps, inputs + t * layout.row);
    }
    // Steps of about the same number of tiles.
    const int64_t steps = (count + kTileRows - 1) / kTileRows;
    const int64_t step = (count + steps - 1) / steps;
    for (int64_t j = n0; j < n1; j += kTileN) {
      const int64_t columns = n1 - j < kTileN ? n1 - j : kTileN;
      const int64_t vectors = (columns + kLanes - 1) / kLanes;
      WeightPanel(layout, p.cin * vectors, weights + j * p.cin * 9, panel);
      product.columns = vectors * kLanes;
      for (int64_t position = 0; position < kPositions; ++position) {
        const float* rows = inputs + position * layout.input_step;
        product.b = panel + position * layout.weight_step;
        for (int64_t t = 0; t < count; t += step) {
          product.rows = count - t < step ? count - t : step;
          for (int64_t r = 0; r < product.rows; ++r) list[r] = rows + (t + r) * layout.row;
          product.c = products + position * layout.product_step + t * kTileN;
          kTiles.fn[vectors - 1][product.rows - 1](product);
        }
      }
      for (int64_t t = 0; t < count; ++t) {
        const int64_t x = (t0 + t) % tiles.columns * kTile;
        const int64_t y = (t0 + t) / tiles.columns % tiles.rows * kTile;
        const int64_t image = (t0 + t) / tiles.columns / tiles.rows;
        const int64_t pixel = (image * p.out_h + y) * p.out_w + x;
        Output out{};
        out.row = p.out_w * p.out_stride;
        out.stride = p.out_stride;
        out.residual_row = p.out_w * p.residual_stride;
        out.residual_stride = p.residual_stride;
        out.rows = p.out_h - y < kTile ? p.out_h - y : kTile;
        out.columns = p.out_w - x < kTile ? p.out_w - x : kTile;
        for (int64_t v = 0; v < vectors; ++v) {
          const int64_t channel = j + v * kLanes;
          out.lanes = n1 - channel < kLanes ? n1 - channel : kLanes;
          out.c = output + pixel * p.out_stride + channel;
          out.residual = residual != nullptr ? residual + pixel * p.residual_stride + channel : nullptr;
          out.bias = bias != nullptr ? LoadPartial(bias + channel, out.lanes) : Zero();
          out.slope = slope != nullptr ? slope + channel : nullptr;
          OutputTile(layout, p.epilogue, products + t * kTileN + v * kLanes, out);
        }
        for (int64_t i = 0; finishes && i < out.rows; ++i) {
          const int64_t first = pixel + i * p.out_w;
          FinishRows(p.epilogue, output + first * p.out_stride + j, p.out_stride, out.columns, columns,
                     adds_last ? residual + first * p.residual_stride + j : nullptr, p.residual_stride);
        }
      }
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
