#include "kernels/weight_gemm/weight_gemm.h"

#include "kernels/epilogue/epilogue_simd.h"
#include "kernels/simd/broadcast.h"
#include "kernels/stored/stored_simd.h"

namespace whet::kernels::WHET_ISA {

void WeightGemm(const Args& args, int64_t begin, int64_t end);

namespace {

using stored::Format;
using stored::PanelLayout;
using weight_gemm::Params;

#if defined(__aarch64__)
// All that this family takes: 32 registers hold their sums.
constexpr int kTileRows = 8;
#else
constexpr int kTileRows = 4;
#endif

// Sums of each column: few rows are few chains of additions, which successive k take in turns.
constexpr int Chains(int rows) { return rows * kPanelVectors >= 8 ? 1 : 2; }

template <int kRows>
WHET_INLINE void AddOne(const PanelFloats& b, const float* const (&a)[kRows], int64_t k,
                        F32 (&acc)[kRows][kPanelVectors]) {
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    const F32 x = Broadcast(a[i] + k);
#pragma GCC unroll 2
    for (int v = 0; v < kPanelVectors; ++v) acc[i][v] += x * b.v[v];
  }
}

// The products of k and k + 1.
template <int kRows, int kChains>
WHET_INLINE void AddPair(const PanelFloats (&b)[2], const float* const (&a)[kRows], int64_t k,
                         F32 (&acc)[kChains][kRows][kPanelVectors]) {
#if defined(__aarch64__)
  // The multiply-add takes a lane of a vector as factor.
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    const float32x2_t x = vld1_f32(a[i] + k);
#pragma GCC unroll 2
    for (int v = 0; v < kPanelVectors; ++v) {
      F32& first = acc[0][i][v];
      first = reinterpret_cast<F32>(vfmaq_lane_f32(first, b[0].v[v], x, 0));
      F32& second = acc[kChains - 1][i][v];
      second = reinterpret_cast<F32>(vfmaq_lane_f32(second, b[1].v[v], x, 1));
    }
  }
#else
  AddOne(b[0], a, k, acc[0]);
  AddOne(b[1], a, k + 1, acc[kChains - 1]);
#endif
}

struct TileArgs {
  const Params* params;
  const PanelLayout* layout;
  const float* a;
  const uint8_t* panel;
  float* c;
  int64_t columns;
  const float* bias;      // at the panel's first column; or null, as those that follow
  const float* residual;  // at the tile's first row and column
  const float* slope;
};

// One function for all tiles: what is done once for all of k is not worth the code.
__attribute__((noinline)) void FinishTile(const TileArgs& args, int64_t rows, F32 (*sums)[1][kPanelVectors]) {
  const Params& p = *args.params;
  const Epilogue& epilogue = p.epilogue;
  const bool after = epilogue.residual == Residual::kAfterActivation;
  for (int64_t i = 0; i < rows; ++i) {
    F32(&row)[1][kPanelVectors] = sums[i];
    for (int v = 0; v < kPanelVectors; ++v) {
      const int64_t left = args.columns - v * kLanes;
      const int64_t lanes = left < 0 ? 0 : left < kLanes ? left : kLanes;
      if (args.bias != nullptr) row[0][v] += LoadPartial(args.bias + v * kLanes, lanes);
      if (epilogue.residual == Residual::kBeforeActivation)
        row[0][v] += LoadPartial(args.residual + i * p.ldr + v * kLanes, lanes);
    }
    ApplyInRegisters(epilogue, row, args.slope);
    for (int v = 0; v < kPanelVectors; ++v) {
      const int64_t left = args.columns - v * kLanes;
      if (left <= 0) break;
      const int64_t lanes = left < kLanes ? left : kLanes;
      if (after && !NeedsFinish(epilogue))
        row[0][v] += LoadPartial(args.residual + i * p.ldr + v * kLanes, lanes);
      StorePartial(args.c + i * p.ldc + v * kLanes, row[0][v], lanes);
    }
  }
  if (NeedsFinish(epilogue))
    FinishRows(epilogue, args.c, p.ldc, rows, args.columns, after ? args.residual : nullptr, p.ldr);
}

template <Format format, bool kZeros, int kRows>
void Tile(const TileArgs& args) {
  const Params& p = *args.params;
  const PanelLayout& layout = *args.layout;
  constexpr int64_t kPairBytes = PairBytes(format);
  constexpr int kChains = Chains(kRows);
  const float* a[kRows];
  for (int i = 0; i < kRows; ++i) a[i] = args.a + i * p.lda;
  F32 acc[kChains][kRows][kPanelVectors] = {};
  const uint8_t* from = args.panel;
  for (int64_t start = 0; start < p.k; start += p.form.group) {
    const StoredGroup group = ReadStoredGroup<format, kZeros>(from);
    from += layout.scales + layout.zeros;
    const int64_t end = p.k - start < p.form.group ? p.k : start + p.form.group;
    int64_t k = start;
    for (; k + 2 <= end; k += 2, from += kPairBytes) {
      PanelFloats b[2];
      DecodePair<format, kZeros>(group, from, b);
      AddPair(b, a, k, acc);
    }
    if (k < end) {
      AddOne(DecodeOne<format, kZeros>(group, from), a, k, acc[0]);
      from += format == Format::kU4 ? kPairBytes : kPairBytes / 2;
    }
  }
  F32 sums[kRows][1][kPanelVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < kPanelVectors; ++v)
      sums[i][0][v] = kChains == 1 ? acc[0][i][v] : acc[0][i][v] + acc[kChains - 1][i][v];
  }
  FinishTile(args, kRows, sums);
}

using TileFn = void (*)(const TileArgs& args);
template <Format format, bool kZeros>
struct Tiles {
  TileFn rows[kTileRows];
  constexpr Tiles() : rows{} { Fill<kTileRows>(); }
  template <int kRows>
  constexpr void Fill() {
    rows[kRows - 1] = &Tile<format, kZeros, kRows>;
    if constexpr (kRows > 1) Fill<kRows - 1>();
  }
};
template <Format format, bool kZeros>
constexpr Tiles<format, kZeros> kTiles;

// By the number of rows less one.
const TileFn* TilesOf(const Params& p) {
  const bool zeros = p.form.has_zeros != 0;
  switch (p.form.format) {
    case Format::kF16: return kTiles<Format::kF16, false>.rows;
    case Format::kBf16: return kTiles<Format::kBf16, false>.rows;
    case Format::kI8: return zeros ? kTiles<Format::kI8, true>.rows : kTiles<Format::kI8, false>.rows;
    default: return zeros ? kTiles<Format::kU4, true>.rows : kTiles<Format::kU4, false>.rows;
  }
}

}  // namespace

void WeightGemm(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const auto* b = static_cast<const uint8_t*>(args.operands[2]);
  const auto* bias = static_cast<const float*>(args.operands[3]);
  const auto* residual = static_cast<const float*>(args.operands[4]);
  const auto* slope = static_cast<const float*>(args.operands[5]);
  const PanelLayout layout = stored::LayOutPanel(p.form, p.k, kPanelColumns);
  const TileFn* tiles = TilesOf(p);
  const int64_t steps = (p.m + kTileRows - 1) / kTileRows;
  const int64_t step = (p.m + steps - 1) / steps;
  TileArgs tile{};
  tile.params = &p;
  tile.layout = &layout;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t n0 = unit * p.n_block;
    const int64_t n1 = n0 + p.n_block < p.n ? n0 + p.n_block : p.n;
    for (int64_t j = n0; j < n1; j += kPanelColumns) {
      tile.panel = b + j / kPanelColumns * layout.bytes;
      tile.columns = n1 - j < kPanelColumns ? n1 - j : kPanelColumns;
      tile.bias = bias != nullptr ? bias + j : nullptr;
      tile.slope = slope != nullptr ? slope + j : nullptr;
      for (int64_t i = 0; i < p.m; i += step) {
        const int64_t rows = p.m - i < step ? p.m - i : step;
        tile.a = static_cast<const float*>(args.operands[1]) + i * p.lda;
        tile.c = static_cast<float*>(args.operands[0]) + i * p.ldc + j;
        tile.residual = residual != nullptr ? residual + i * p.ldr + j : nullptr;
        tiles[rows - 1](tile);
      }
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
