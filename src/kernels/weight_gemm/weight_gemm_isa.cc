#include "kernels/weight_gemm/weight_gemm.h"

#include "kernels/epilogue/epilogue_simd.h"

namespace whet::kernels::WHET_ISA {

void WeightGemm(const Args& args, int64_t begin, int64_t end);

namespace {

using weight_gemm::Format;
using weight_gemm::PanelLayout;
using weight_gemm::Params;

constexpr int kVectors = 2;
constexpr int kColumns = kVectors * kLanes;  // of a panel
constexpr int kTileRows = 4;

// So many bytes, half of them the lower lanes'.
using Bytes = uint8_t __attribute__((vector_size(kColumns)));
WHET_INLINE Bytes LoadColumns(const uint8_t* p) {
  Bytes v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

// The lower or upper lanes of bytes with signs.
template <int v>
WHET_INLINE F32 ToFloats(Bytes bytes) {
#if defined(__AVX512F__)
  const auto both = reinterpret_cast<__m256i>(bytes);
  return ConvertToF32(reinterpret_cast<I32>(
      _mm512_cvtepi8_epi32(v == 0 ? _mm256_castsi256_si128(both) : _mm256_extracti128_si256(both, 1))));
#elif defined(__AVX2__)
  const auto both = reinterpret_cast<__m128i>(bytes);
  return ConvertToF32(
      reinterpret_cast<I32>(_mm256_cvtepi8_epi32(v == 0 ? both : _mm_unpackhi_epi64(both, both))));
#else
  F32 floats;
  for (int i = 0; i < kLanes; ++i) floats[i] = static_cast<float>(static_cast<int8_t>(bytes[v * kLanes + i]));
  return floats;
#endif
}

WHET_INLINE F32 HalvesToFloats(const uint8_t* p) {
#if defined(__AVX512F__)
  return reinterpret_cast<F32>(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
#elif defined(__AVX2__)
  return reinterpret_cast<F32>(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#else
  // Exponent and mantissa, moved into place, make a float that is 2^112 too small.
  I32 bits;
  for (int i = 0; i < kLanes; ++i) {
    uint16_t half;
    std::memcpy(&half, p + 2 * i, sizeof(half));
    bits[i] = half;
  }
  const F32 magnitude = AsF32((bits & 0x7fff) << 13) * 0x1p112f;
  return AsF32(AsI32(magnitude) | (bits & 0x8000) << 16);
#endif
}

// What the weights of a group have in common.
struct Group {
  F32 scale[kVectors];
  Bytes zero;               // of 4 bits
  F32 zero_wide[kVectors];  // of 8 bits: the differences do not fit a byte
};

template <Format format, bool kZeros>
WHET_INLINE Group ReadGroup(const uint8_t* p) {
  Group group{};
  if constexpr (format != Format::kF16) {
    for (int v = 0; v < kVectors; ++v) {
      std::memcpy(&group.scale[v], p + v * kVectorBytes, sizeof(F32));
    }
    p += kColumns * sizeof(float);
    if constexpr (format == Format::kU4) group.zero = kZeros ? LoadColumns(p) : Bytes{} + uint8_t{8};
    if constexpr (format == Format::kI8 && kZeros) {
      group.zero_wide[0] = ToFloats<0>(LoadColumns(p));
      group.zero_wide[1] = ToFloats<1>(LoadColumns(p));
    }
  }
  return group;
}

// The weights of a byte or half at each column; they are whole numbers until they are scaled, hence exact.
template <Format format, bool kZeros>
WHET_INLINE void Decode(const Group& group, Bytes bytes, F32 (&b)[kVectors]) {
  if constexpr (format == Format::kU4) bytes -= group.zero;
  b[0] = ToFloats<0>(bytes);
  b[1] = ToFloats<1>(bytes);
  for (int v = 0; v < kVectors; ++v) {
    if constexpr (format == Format::kI8 && kZeros) b[v] -= group.zero_wide[v];
    b[v] *= group.scale[v];
  }
}

template <int kRows>
WHET_INLINE void AddProducts(const F32 (&b)[kVectors], const float* const (&a)[kRows], int64_t k,
                             F32 (&acc)[kRows][kVectors]) {
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
    const F32 x = Set1(a[i][k]);
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) acc[i][v] += x * b[v];
  }
}

// Two k at a time, into sums of their own: few rows are few chains of additions.
template <Format format, bool kZeros, int kRows>
WHET_INLINE void AddPair(const Group& group, const uint8_t* p, const float* const (&a)[kRows], int64_t k,
                         F32 (&acc)[2][kRows][kVectors]) {
  F32 b[2][kVectors];
  if constexpr (format == Format::kF16) {
    for (int s = 0; s < 2; ++s) {
      for (int v = 0; v < kVectors; ++v) b[s][v] = HalvesToFloats(p + 2 * (s * kColumns + v * kLanes));
    }
  } else if constexpr (format == Format::kI8) {
    Decode<format, kZeros>(group, LoadColumns(p), b[0]);
    Decode<format, kZeros>(group, LoadColumns(p + kColumns), b[1]);
  } else {
    const Bytes both = LoadColumns(p);
    Decode<format, kZeros>(group, both & 0xf, b[0]);
    Decode<format, kZeros>(group, both >> 4, b[1]);
  }
  AddProducts(b[0], a, k, acc[0]);
  AddProducts(b[1], a, k + 1, acc[1]);
}

// The last k of a group with an odd number.
template <Format format, bool kZeros, int kRows>
WHET_INLINE void AddOne(const Group& group, const uint8_t* p, const float* const (&a)[kRows], int64_t k,
                        F32 (&acc)[2][kRows][kVectors]) {
  F32 b[kVectors];
  if constexpr (format == Format::kF16) {
    for (int v = 0; v < kVectors; ++v) b[v] = HalvesToFloats(p + 2 * v * kLanes);
  } else {
    Decode<format, kZeros>(group, format == Format::kU4 ? LoadColumns(p) & 0xf : LoadColumns(p), b);
  }
  AddProducts(b, a, k, acc[0]);
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

template <Format format, bool kZeros, int kRows>
void Tile(const TileArgs& args) {
  const Params& p = *args.params;
  const PanelLayout& layout = *args.layout;
  constexpr int64_t kPairBytes = format == Format::kF16  ? 4 * kColumns
                                 : format == Format::kI8 ? 2 * kColumns
                                                         : kColumns;
  const float* a[kRows];
  for (int i = 0; i < kRows; ++i) a[i] = args.a + i * p.lda;
  F32 acc[2][kRows][kVectors] = {};
  const uint8_t* from = args.panel;
  for (int64_t start = 0; start < p.k; start += p.group) {
    const Group group = ReadGroup<format, kZeros>(from);
    from += layout.scales + layout.zeros;
    const int64_t end = p.k - start < p.group ? p.k : start + p.group;
    int64_t k = start;
    for (; k + 2 <= end; k += 2, from += kPairBytes) AddPair<format, kZeros, kRows>(group, from, a, k, acc);
    if (k < end) {
      AddOne<format, kZeros, kRows>(group, from, a, k, acc);
      from += format == Format::kU4 ? kPairBytes : kPairBytes / 2;
    }
  }
  const Epilogue& epilogue = p.epilogue;
  F32 sums[kRows][kVectors];
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      const int64_t left = args.columns - v * kLanes;
      const int64_t lanes = left < 0 ? 0 : left < kLanes ? left : kLanes;
      sums[i][v] = acc[0][i][v] + acc[1][i][v];
      if (args.bias != nullptr) sums[i][v] += LoadPartial(args.bias + v * kLanes, lanes);
      if (epilogue.residual == Residual::kBeforeActivation)
        sums[i][v] += LoadPartial(args.residual + i * p.ldr + v * kLanes, lanes);
    }
  }
  ApplyInRegisters(epilogue, sums, args.slope);
  const bool after = epilogue.residual == Residual::kAfterActivation;
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      const int64_t left = args.columns - v * kLanes;
      if (left <= 0) break;
      const int64_t lanes = left < kLanes ? left : kLanes;
      if (after && !NeedsFinish(epilogue))
        sums[i][v] += LoadPartial(args.residual + i * p.ldr + v * kLanes, lanes);
      StorePartial(args.c + i * p.ldc + v * kLanes, sums[i][v], lanes);
    }
  }
  if (NeedsFinish(epilogue))
    FinishRows(epilogue, args.c, p.ldc, kRows, args.columns, after ? args.residual : nullptr, p.ldr);
}

using TileFn = void (*)(const TileArgs& args);
struct TileFns {
  TileFn rows[kTileRows];
};
template <Format format, bool kZeros>
constexpr TileFns kTiles = {
    {Tile<format, kZeros, 1>, Tile<format, kZeros, 2>, Tile<format, kZeros, 3>, Tile<format, kZeros, 4>}};

const TileFns& TilesOf(const Params& p) {
  switch (p.format) {
    case Format::kF16: return kTiles<Format::kF16, false>;
    case Format::kI8: return p.has_zeros != 0 ? kTiles<Format::kI8, true> : kTiles<Format::kI8, false>;
    default: return p.has_zeros != 0 ? kTiles<Format::kU4, true> : kTiles<Format::kU4, false>;
  }
}

}  // namespace

void WeightGemm(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const auto* b = static_cast<const uint8_t*>(args.operands[2]);
  const auto* bias = static_cast<const float*>(args.operands[3]);
  const auto* residual = static_cast<const float*>(args.operands[4]);
  const auto* slope = static_cast<const float*>(args.operands[5]);
  const PanelLayout layout = weight_gemm::LayOutPanel(p, kColumns);
  const TileFns& tiles = TilesOf(p);
  const int64_t steps = (p.m + kTileRows - 1) / kTileRows;
  const int64_t step = (p.m + steps - 1) / steps;
  TileArgs tile{};
  tile.params = &p;
  tile.layout = &layout;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t n0 = unit * p.n_block;
    const int64_t n1 = n0 + p.n_block < p.n ? n0 + p.n_block : p.n;
    for (int64_t j = n0; j < n1; j += kColumns) {
      tile.panel = b + j / kColumns * layout.bytes;
      tile.columns = n1 - j < kColumns ? n1 - j : kColumns;
      tile.bias = bias != nullptr ? bias + j : nullptr;
      tile.slope = slope != nullptr ? slope + j : nullptr;
      for (int64_t i = 0; i < p.m; i += step) {
        const int64_t rows = p.m - i < step ? p.m - i : step;
        tile.a = static_cast<const float*>(args.operands[1]) + i * p.lda;
        tile.c = static_cast<float*>(args.operands[0]) + i * p.ldc + j;
        tile.residual = residual != nullptr ? residual + i * p.ldr + j : nullptr;
        tiles.rows[rows - 1](tile);
      }
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
