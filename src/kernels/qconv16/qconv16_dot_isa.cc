#include "kernels/qconv16/qconv16.h"

#include "kernels/conv/taps.h"
#include "kernels/qconv/dot_tile.h"
#include "kernels/requantize/requantize_simd.h"
#include "kernels/simd/math.h"

namespace whet::kernels::WHET_ISA {

void QConv16(const Args& args, int64_t begin, int64_t end);

// Sums that become 16-bit steps in registers, where all columns are whole vectors.
template <typename T>
struct StoreHalves {};

template <typename T, int kRows, int kVectors>
WHET_INLINE void FinishDots(StoreHalves<T>, const DotTileArgs& args, const I32 (&acc)[kRows][kVectors]) {
  const Steps steps = MakeSteps(args.zero_point, args.low, args.high);
  F32 multiplier[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) multiplier[v] = Load(args.multiplier + v * kLanes);
#pragma GCC unroll 32
  for (int i = 0; i < kRows; ++i) {
    auto* to = reinterpret_cast<T*>(args.output) + i * args.out_stride;
#if defined(__AVX2__) && !defined(__AVX512F__)
    if constexpr (kVectors == 2) {
      const auto low = reinterpret_cast<__m256i>(Requantize(acc[i][0], multiplier[0], steps));
      const auto high = reinterpret_cast<__m256i>(Requantize(acc[i][1], multiplier[1], steps));
      const __m256i in_turn =
          static_cast<T>(-1) < 0 ? _mm256_packs_epi32(low, high) : _mm256_packus_epi32(low, high);
      const __m256i halves = _mm256_permute4x64_epi64(in_turn, _MM_SHUFFLE(3, 1, 2, 0));
      std::memcpy(to, &halves, sizeof(halves));
      continue;
    }
#endif
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      StoreNarrow(to + v * kLanes, Requantize(acc[i][v], multiplier[v], steps));
  }
}

namespace {

using qconv16::Params;

// Elements of 16 bits by weights of 8, in pairs: where the processor does not multiply bytes, those of 8 bits
// are widened to that too, and the tiles are the same.
#if defined(__AVX512VNNI__) || defined(__ARM_FEATURE_DOTPROD)
struct HalfProduct {
  static constexpr int kGroupBytes = 2;
  WHET_INLINE I32 Load(const int8_t* p) { return LoadSignedPairs(p); }
  WHET_INLINE I32 Add(I32 sum, I32 a, I32 b) { return DotPairs(sum, a, b); }
};
#else
using HalfProduct = ByteProduct;
#endif

// Copies `length` elements by whole vectors: what follows is overwritten.
WHET_INLINE void CopyElements(const uint8_t* from, uint8_t* to, int64_t length, int32_t flip) {
  const I32 mask = Set1(flip);
  for (int64_t i = 0; i < 2 * length; i += kVectorBytes) {
    I32 v;
    std::memcpy(&v, from + i, sizeof(v));
    v ^= mask;
    std::memcpy(to + i, &v, sizeof(v));
  }
}

// totals += sums, of whole vectors.
WHET_INLINE void AddSums(const int32_t* sums, double* totals, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const F64Pair part = Widen(LoadI32(sums + i));
    F64Pair total;
    std::memcpy(&total, totals + i, sizeof(total));
    total = {total.lo + part.lo, total.hi + part.hi};
    std::memcpy(totals + i, &total, sizeof(total));
  }
}
WHET_INLINE F32 LoadTotals(const double* totals) {
  F64Pair total;
  std::memcpy(&total, totals, sizeof(total));
  return Narrow(total);
}

// What a tile's sums still need; pointers are at the tile's first column.
struct Finish {
  const int32_t* sums;    // [row][kDotColumns], with `offset`
  const int32_t* offset;  // null: totals
  const double* totals;   // [row][kDotColumns]
  const float* multiplier;
  const float* bias;  // or null
  int64_t rows, columns, out_stride;
};

template <typename StoreFn>
WHET_INLINE void ForVectors(const Finish& f, StoreFn store) {
  for (int64_t j = 0; j < f.columns; j += kLanes) {
    const int64_t left = f.columns - j;
    const F32 multiplier = Load(f.multiplier + j);
    for (int64_t i = 0; i < f.rows; ++i) {
      const F32 sum = f.offset != nullptr
                          ? ConvertToF32(LoadI32(f.sums + i * kDotColumns + j) + LoadI32(f.offset + j))
                          : LoadTotals(f.totals + i * kDotColumns + j);
      store(i, j, left < kLanes ? left : kLanes, sum * multiplier);
    }
  }
}
template <typename T>
void FinishSteps(const Finish& f, const Params& p, T* output) {
  const Steps steps = MakeSteps(p.output_zero, p.low, p.high);
  ForVectors(f, [&](int64_t i, int64_t j, int64_t lanes, F32 x) {
    T* to = output + i * f.out_stride + j;
    if (lanes == kLanes) {
      StoreNarrow(to, ToSteps(x, steps));
    } else {
      StoreNarrowPartial(to, ToSteps(x, steps), lanes);
    }
  });
}
void FinishTile(const Finish& f, const Params& p, void* output, int64_t at) {
  switch (p.output) {
    case DType::kI16: FinishSteps(f, p, static_cast<int16_t*>(output) + at); break;
    case DType::kU16: FinishSteps(f, p, static_cast<uint16_t*>(output) + at); break;
    case DType::kI8: FinishSteps(f, p, static_cast<int8_t*>(output) + at); break;
    case DType::kU8: FinishSteps(f, p, static_cast<uint8_t*>(output) + at); break;
    default:
      ForVectors(f, [&](int64_t i, int64_t j, int64_t lanes, F32 x) {
        if (f.bias != nullptr) x = x + LoadPartial(f.bias + j, lanes);
        StorePartial(static_cast<float*>(output) + at + i * f.out_stride + j, x, lanes);
      });
  }
}

// The tiles that quantize their sums to outputs of that type; null if there are none.
const DotTileFn (*QuantizingTiles([[maybe_unused]] DType output))[kDotRows] {
#if defined(__AVX2__)
  static constexpr DotTiles<HalfProduct, StoreHalves<uint16_t>> kUnsigned;
  static constexpr DotTiles<HalfProduct, StoreHalves<int16_t>> kSigned;
  if (output == DType::kU16) return kUnsigned.fn;
  if (output == DType::kI16) return kSigned.fn;
#endif
  return nullptr;
}

// The sums of a tile of `columns`, by chunks: adds them to the totals.
void AddChunks(DotTileArgs tile, const DotTileFn (&tiles)[kDotRows], int64_t width, int64_t chunk,
               double* totals) {
  const DotTileFn run = tiles[tile.rows - 1];
  const uint8_t* const* list = tile.a;
  const int64_t segments = tile.segments, groups = tile.groups;
  const auto add = [&] {
    run(tile);
    tile.b += tile.segments * tile.groups * width * HalfProduct::kGroupBytes;
    for (int64_t i = 0; i < tile.rows; ++i)
      AddSums(tile.sums + i * kDotColumns, totals + i * kDotColumns, width);
  };
  const int64_t most_groups = chunk / 2;
  if (groups <= most_groups) {
    const int64_t at_once = most_groups / groups;
    for (int64_t s = 0; s < segments; s += at_once) {
      tile.a = list + s * tile.rows;
      tile.segments = segments - s < at_once ? segments - s : at_once;
      add();
    }
    return;
  }
  const uint8_t* cut[kDotRows];
  tile.a = cut;
  tile.segments = 1;
  for (int64_t s = 0; s < segments; ++s) {
    for (int64_t group = 0; group < groups; group += most_groups) {
      for (int64_t r = 0; r < tile.rows; ++r) cut[r] = list[s * tile.rows + r] + 4 * group;
      tile.groups = groups - group < most_groups ? groups - group : most_groups;
      add();
    }
  }
}

}  // namespace

void QConv16(const Args& args, int64_t begin, int64_t end) {
  static constexpr DotTiles<HalfProduct, StoreSums> kTiles;
  const Params& p = *static_cast<const Params*>(args.params);
  // Distances of pixels in bytes.
  conv::Geometry geometry = p;
  geometry.in_stride *= 2;
  const auto* input = static_cast<const uint8_t*>(args.operands[1]);
  const auto* weights = static_cast<const int8_t*>(args.operands[2]);
  const auto* offset = static_cast<const int32_t*>(args.operands[3]);
  const auto* wide_offset = static_cast<const double*>(args.operands[3]);
  const auto* multiplier = static_cast<const float*>(args.operands[4]);
  const auto* bias = static_cast<const float*>(args.operands[5]);

  const qconv16::ScratchLayout layout = qconv16::LayOutScratch(p, kDotColumns);
  auto* scratch = static_cast<uint8_t*>(args.scratch);
  auto* list = reinterpret_cast<const uint8_t**>(scratch + layout.list);
  auto* copied = reinterpret_cast<const uint8_t**>(scratch + layout.rows);
  auto* padding = scratch + layout.padding;
  auto* totals = reinterpret_cast<double*>(scratch + layout.totals);
  for (int64_t i = 0; i < p.cin; ++i) {
    const auto zero = static_cast<uint16_t>(p.input_zero);
    std::memcpy(padding + 2 * i, &zero, sizeof(zero));
  }
  for (int64_t r = 0; r < p.m_tile; ++r) copied[r] = scratch + layout.copies + r * layout.row_bytes;

  const int32_t flip = p.input == DType::kU16 ? static_cast<int32_t>(0x80008000) : 0;
  const bool pointwise = conv::IsPointwise(p);
  const bool copies = p.copies != 0;
  const bool wide = p.wide != 0;
  // The elements under a row of the kernel lie side by side, and are copied at once.
  const bool whole_rows = copies && p.dilation_w == 1 && p.in_stride == p.cin;
  const int64_t pixels = p.batch * p.out_h * p.out_w;
  const int64_t m_blocks = (pixels + p.m_block - 1) / p.m_block;
  const int64_t n_blocks = (p.cout + p.n_block - 1) / p.n_block;
  const int64_t groups_of_k = (layout.length + 1) / 2;
  const int64_t column_bytes = layout.segments * groups_of_k * HalfProduct::kGroupBytes;
  const int64_t group_weights = (p.cout + kLanes - 1) / kLanes * kLanes * column_bytes;

  DotTileArgs tile;
  tile.a = copies ? copied : list;
  tile.segments = layout.segments;
  tile.groups = groups_of_k;
  tile.sums = reinterpret_cast<int32_t*>(scratch + layout.sums);
  tile.zero_point = p.output_zero;
  tile.low = p.low;
  tile.high = p.high;
  tile.out_stride = p.out_stride;
  const DotTileFn(*const quantizing)[kDotRows] = wide ? nullptr : QuantizingTiles(p.output);
  Finish finish{};
  finish.sums = tile.sums;
  finish.totals = totals;
  finish.out_stride = p.out_stride;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t group = unit / m_blocks / n_blocks;
    const int64_t n0 = unit / m_blocks % n_blocks * p.n_block;
    const int64_t n1 = n0 + p.n_block < p.cout ? n0 + p.n_block : p.cout;
    const int64_t m0 = unit % m_blocks * p.m_block;
    const int64_t m1 = m0 + p.m_block < pixels ? m0 + p.m_block : pixels;
    const uint8_t* group_input = input + 2 * group * p.cin;
    const int8_t* panels = weights + group * group_weights + n0 * column_bytes;
    for (int64_t i = m0; i < m1; i += p.m_tile) {
      const int64_t count = m1 - i < p.m_tile ? m1 - i : p.m_tile;
      const Pieces pieces =
          ListPieces<uint8_t>(geometry, pointwise, whole_rows, group_input, padding, list, i, count);
      for (int64_t r = 0; copies && r < count; ++r) {
        uint8_t* to = scratch + layout.copies + r * layout.row_bytes;
        for (int64_t piece = 0; piece < pieces.count; ++piece, to += 2 * pieces.length)
          CopyElements(list[piece * count + r], to, pieces.length, flip);
      }
      tile.rows = count;
      tile.b = panels;
      for (int64_t j = n0; j < n1; j += kDotColumns) {
        const int64_t channel = group * p.cout + j;
        const int64_t at = i * p.out_stride + channel;
        finish.columns = n1 - j < kDotColumns ? n1 - j : kDotColumns;
        const int64_t vectors = (finish.columns + kLanes - 1) / kLanes;
        if (quantizing != nullptr && finish.columns % kLanes == 0) {
          tile.offset = offset + channel;
          tile.multiplier = multiplier + channel;
          tile.output = static_cast<uint8_t*>(args.operands[0]) + 2 * at;
          quantizing[vectors - 1][count - 1](tile);
        } else {
          if (wide) {
            for (int64_t r = 0; r < count; ++r) {
              std::memcpy(totals + r * kDotColumns, wide_offset + channel,
                          static_cast<size_t>(finish.columns) * sizeof(double));
            }
            AddChunks(tile, kTiles.fn[vectors - 1], vectors * kLanes, p.chunk, totals);
          } else {
            kTiles.fn[vectors - 1][count - 1](tile);
          }
          finish.rows = count;
          finish.offset = wide ? nullptr : offset + channel;
          finish.multiplier = multiplier + channel;
          finish.bias = bias != nullptr ? bias + channel : nullptr;
          FinishTile(finish, p, args.operands[0], at);
        }
        tile.b += kDotColumns * column_bytes;
      }
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
