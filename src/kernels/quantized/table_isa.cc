#include "kernels/quantized/table.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

void LookUp8Bit(const Args& args, int64_t begin, int64_t end);

namespace {

#if defined(__AVX512F__)
// The table as 128 pairs of entries, of which a permutation picks from 64.
struct Table {
  explicit Table(const uint8_t* entries) {
    for (int k = 0; k < 4; ++k) part[k] = _mm512_loadu_si512(entries + 64 * k);
  }
  // The pair that holds entry 2 * pair, in 16 bits.
  __m512i Pairs(__m512i pair) const {
    const __m512i low = _mm512_permutex2var_epi16(part[0], pair, part[1]);
    const __m512i high = _mm512_permutex2var_epi16(part[2], pair, part[3]);
    return _mm512_mask_mov_epi16(low, _mm512_test_epi16_mask(pair, _mm512_set1_epi16(64)), high);
  }
  __m512i LookUp(__m512i x) const {
    // Bytes at even places, then those at odd ones; a byte's lowest bit says which of its pair it is.
    const __m512i eight = _mm512_set1_epi16(8);
    const __m512i even = Pairs(_mm512_srli_epi16(_mm512_slli_epi16(x, 8), 9));
    const __m512i odd = Pairs(_mm512_srli_epi16(x, 9));
    const __m512i even_shift = _mm512_and_si512(_mm512_slli_epi16(x, 3), eight);
    const __m512i odd_shift = _mm512_andnot_si512(_mm512_srli_epi16(x, 5), eight);
    return _mm512_mask_mov_epi8(_mm512_srlv_epi16(even, even_shift), 0xaaaaaaaaaaaaaaaa,
                                _mm512_sllv_epi16(odd, odd_shift));
  }
  __m512i part[4];
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
// The table as 16 registers of 16 entries. A shuffle gives 0 for an index whose top bit is set, so the index
// less 16 k, pushed above 127 unless it is below 16, picks from the k-th register or gives nothing.
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
