#include "kernels/quantized/table.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

void LookUp8Bit(const Args& args, int64_t begin, int64_t end);

namespace {

// The table as 16 registers of 16 entries. A shuffle gives 0 for an index whose top bit is set, so the index
// less 16 k, pushed above 127 unless it is below 16, picks from the k-th register or gives nothing.
#if defined(__AVX512F__)
struct Table {
  explicit Table(const uint8_t* entries) {
    for (int k = 0; k < 16; ++k) {
      part[k] = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(entries + 16 * k)));
    }
  }
  __m512i LookUp(__m512i x) const {
    const __m512i push = _mm512_set1_epi8(0x70);
    __m512i found = _mm512_shuffle_epi8(part[0], _mm512_adds_epu8(x, push));
#pragma GCC unroll 15
    for (int k = 1; k < 16; ++k) {
      const __m512i index = _mm512_xor_si512(x, _mm512_set1_epi8(static_cast<char>(16 * k)));
      found = _mm512_or_si512(found, _mm512_shuffle_epi8(part[k], _mm512_adds_epu8(index, push)));
    }
    return found;
  }
  __m512i part[16];
};

void LookUpRow(const Table& table, const uint8_t*, const uint8_t* in, uint8_t* out, int64_t n) {
  for (; n >= 64; n -= 64, in += 64, out += 64)
    _mm512_storeu_si512(out, table.LookUp(_mm512_loadu_si512(in)));
  if (n > 0) {
    const auto mask = (__mmask64{1} << n) - 1;
    _mm512_mask_storeu_epi8(out, mask, table.LookUp(_mm512_maskz_loadu_epi8(mask, in)));
  }
}
#elif defined(__AVX2__)
struct Table {
  explicit Table(const uint8_t* entries) {
    for (int k = 0; k < 16; ++k) {
      part[k] =
          _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(entries + 16 * k)));
    }
  }
  __m256i LookUp(__m256i x) const {
    const __m256i push = _mm256_set1_epi8(0x70);
    __m256i found = _mm256_shuffle_epi8(part[0], _mm256_adds_epu8(x, push));
#pragma GCC unroll 15
    for (int k = 1; k < 16; ++k) {
      const __m256i index = _mm256_xor_si256(x, _mm256_set1_epi8(static_cast<char>(16 * k)));
      found = _mm256_or_si256(found, _mm256_shuffle_epi8(part[k], _mm256_adds_epu8(index, push)));
    }
    return found;
  }
  __m256i part[16];
};

void LookUpRow(const Table& table, const uint8_t* entries, const uint8_t* in, uint8_t* out, int64_t n) {
  for (; n >= 32; n -= 32, in += 32, out += 32) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), table.LookUp(x));
  }
  for (int64_t i = 0; i < n; ++i) out[i] = entries[in[i]];
}
#else
struct Table {
  explicit Table(const uint8_t*) {}
};

void LookUpRow(const Table&, const uint8_t* entries, const uint8_t* in, uint8_t* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = entries[in[i]];
}
#endif

}  // namespace

void LookUp8Bit(const Args& args, int64_t begin, int64_t end) {
  const auto& p = *static_cast<const table::Params*>(args.params);
  const auto* const entries = static_cast<const uint8_t*>(args.operands[2]);
  // Of short rows, a vector would be mostly empty.
  constexpr int64_t kShort = 8;
  const Table lookup(entries);
  const int64_t column_blocks = (p.columns + p.block_columns - 1) / p.block_columns;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t first_row = unit / column_blocks * p.block_rows;
    const int64_t first_column = unit % column_blocks * p.block_columns;
    const int64_t rows = p.rows - first_row < p.block_rows ? p.rows - first_row : p.block_rows;
    const int64_t columns =
        p.columns - first_column < p.block_columns ? p.columns - first_column : p.block_columns;
    const auto* in = static_cast<const uint8_t*>(args.operands[1]) + first_row * p.in_stride + first_column;
    auto* out = static_cast<uint8_t*>(args.operands[0]) + first_row * p.out_stride + first_column;
    if (columns < kShort) {
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t c = 0; c < columns; ++c)
          out[row * p.out_stride + c] = entries[in[row * p.in_stride + c]];
      }
      continue;
    }
    for (int64_t row = 0; row < rows; ++row) {
      LookUpRow(lookup, entries, in + row * p.in_stride, out + row * p.out_stride, columns);
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
