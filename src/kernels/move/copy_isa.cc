#include "kernels/move/copy.h"

#include <utility>

#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

void Copy(const Args& args, int64_t begin, int64_t end);

namespace {

using copy::Params;

// A rectangle on both sides; strides in elements.
struct Rectangle {
  int64_t rows, columns;
  int64_t dst_row, dst_column;
  int64_t src_row, src_column;
};

// memcpy without the call where it would take longer than the copy.
WHET_INLINE void CopyBytes(char* dst, const char* src, int64_t n) {
  const auto two = [=](auto word) {
    const int64_t last = n - static_cast<int64_t>(sizeof(word));
    auto a = word, b = word;
    std::memcpy(&a, src, sizeof(a));
    std::memcpy(&b, src + last, sizeof(b));
    std::memcpy(dst, &a, sizeof(a));
    std::memcpy(dst + last, &b, sizeof(b));
  };
  using V16 = int64_t __attribute__((vector_size(16)));
  if (n > 64) {
    std::memcpy(dst, src, static_cast<size_t>(n));
  } else if (n > 32) {
    V16 v[2], w[2];
    std::memcpy(v, src, 32);
    std::memcpy(w, src + n - 32, 32);
    std::memcpy(dst, v, 32);
    std::memcpy(dst + n - 32, w, 32);
  } else if (n >= 16) {
    two(V16{});
  } else if (n >= 8) {
    two(uint64_t{});
  } else if (n >= 4) {
    two(uint32_t{});
  } else if (n >= 2) {
    two(uint16_t{});
  } else if (n == 1) {
    *dst = *src;
  }
}

template <typename T>
void CopyRows(T* dst, const T* src, const Rectangle& at) {
  const int64_t bytes = at.columns * static_cast<int64_t>(sizeof(T));
  for (int64_t r = 0; r < at.rows; ++r, dst += at.dst_row, src += at.src_row) {
    CopyBytes(reinterpret_cast<char*>(dst), reinterpret_cast<const char*>(src), bytes);
  }
}

// Any strides.
template <typename T>
void CopyStrided(T* dst, const T* src, const Rectangle& at) {
  for (int64_t r = 0; r < at.rows; ++r, dst += at.dst_row, src += at.src_row) {
    if (at.dst_column == 1 && at.src_column == 0) {
      const T value = *src;
      for (int64_t c = 0; c < at.columns; ++c) dst[c] = value;
    } else if (at.dst_column == 1) {
      for (int64_t c = 0; c < at.columns; ++c) dst[c] = src[c * at.src_column];
    } else {
      for (int64_t c = 0; c < at.columns; ++c) dst[c * at.dst_column] = src[c * at.src_column];
    }
  }
}

// Transposes with few channels, as an image has: kCount streams to or from interleaved values, by shuffles of
// a register of each stream.
template <typename T>
struct Stream {
  static constexpr int kCount = 16 / sizeof(T);
  typedef T Vector __attribute__((vector_size(16)));  // GCC takes the attribute of a dependent type only here
};

// A vector of the elements of v that Source::At(lane) names, counted through all four.
template <typename Source, typename T, size_t... lanes>
WHET_INLINE auto Shuffled(const typename Stream<T>::Vector (&v)[4], std::index_sequence<lanes...>) {
  constexpr int kLow = 2 * Stream<T>::kCount;
  const auto low =
      __builtin_shufflevector(v[0], v[1], (Source::At(lanes) < kLow ? Source::At(lanes) : -1)...);
  const auto high =
      __builtin_shufflevector(v[2], v[3], (Source::At(lanes) < kLow ? -1 : Source::At(lanes) - kLow)...);
  return __builtin_shufflevector(
      low, high, static_cast<int>(Source::At(lanes) < kLow ? lanes : lanes + sizeof...(lanes))...);
}
// Of the interleaved elements, the kPart-th vector; and of the streams, the kPart-th stream.
template <int kCount, int kPart, typename T>
struct Interleaved {
  static constexpr int At(size_t lane) {
    const int at = kPart * Stream<T>::kCount + static_cast<int>(lane);
    return at % kCount * Stream<T>::kCount + at / kCount;
  }
};
template <int kCount, int kPart, typename T>
struct Deinterleaved {
  static constexpr int At(size_t lane) { return kCount * static_cast<int>(lane) + kPart; }
};

template <int kCount, typename T, size_t... parts>
WHET_INLINE void DeinterleaveVectors(T* dst, int64_t dst_row, const T* src, std::index_sequence<parts...>) {
  constexpr int kLength = Stream<T>::kCount;
  typename Stream<T>::Vector v[4] = {};
  std::memcpy(v, src, kCount * sizeof(v[0]));
  const auto store = [&](size_t part, auto stream) {
    std::memcpy(dst + static_cast<int64_t>(part) * dst_row, &stream, sizeof(stream));
  };
  (store(parts, Shuffled<Deinterleaved<kCount, parts, T>, T>(v, std::make_index_sequence<kLength>{})), ...);
}
template <int kCount, typename T, size_t... parts>
WHET_INLINE void InterleaveVectors(T* dst, const T* src, int64_t src_column, std::index_sequence<parts...>) {
  constexpr int kLength = Stream<T>::kCount;
  typename Stream<T>::Vector v[4] = {};
  for (int c = 0; c < kCount; ++c) std::memcpy(&v[c], src + c * src_column, sizeof(v[c]));
  const auto store = [&](size_t part, auto vector) {
    std::memcpy(dst + part * kLength, &vector, sizeof(vector));
  };
  (store(parts, Shuffled<Interleaved<kCount, parts, T>, T>(v, std::make_index_sequence<kLength>{})), ...);
}

template <int kCount, typename T>
void Deinterleave(T* dst, const T* src, const Rectangle& at) {
  constexpr int kLength = Stream<T>::kCount;
  int64_t c = 0;
  for (; c + kLength <= at.columns; c += kLength) {
    DeinterleaveVectors<kCount>(dst + c, at.dst_row, src + c * kCount, std::make_index_sequence<kCount>{});
  }
  for (; c < at.columns; ++c) {
    for (int r = 0; r < kCount; ++r) dst[r * at.dst_row + c] = src[c * kCount + r];
  }
}
template <int kCount, typename T>
void Interleave(T* dst, const T* src, const Rectangle& at) {
  constexpr int kLength = Stream<T>::kCount;
  int64_t r = 0;
  for (; r + kLength <= at.rows; r += kLength) {
    InterleaveVectors<kCount>(dst + r * kCount, src + r, at.src_column, std::make_index_sequence<kCount>{});
  }
  for (; r < at.rows; ++r) {
    for (int c = 0; c < kCount; ++c) dst[r * kCount + c] = src[c * at.src_column + r];
  }
}

// Tiles of kSide x kSide elements through registers.
#if defined(__AVX2__)
inline constexpr int kSide = 8;
WHET_INLINE void TransposeTile(uint32_t* dst, int64_t dst_row, const uint32_t* src, int64_t src_column) {
  __m256 a[8], b[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) a[i] = _mm256_loadu_ps(reinterpret_cast<const float*>(src + i * src_column));
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(reinterpret_cast<float*>(dst + i * dst_row),
                     _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
    _mm256_storeu_ps(reinterpret_cast<float*>(dst + (i + 4) * dst_row),
                     _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
  }
}
#else
inline constexpr int kSide = 4;
WHET_INLINE void TransposeTile(uint32_t* dst, int64_t dst_row, const uint32_t* src, int64_t src_column) {
  using V4 = uint32_t __attribute__((vector_size(16)));
  V4 a[4], b[4];
  for (int i = 0; i < 4; ++i) std::memcpy(&a[i], src + i * src_column, sizeof(V4));
  b[0] = __builtin_shufflevector(a[0], a[1], 0, 4, 1, 5);
  b[1] = __builtin_shufflevector(a[0], a[1], 2, 6, 3, 7);
  b[2] = __builtin_shufflevector(a[2], a[3], 0, 4, 1, 5);
  b[3] = __builtin_shufflevector(a[2], a[3], 2, 6, 3, 7);
  a[0] = __builtin_shufflevector(b[0], b[2], 0, 1, 4, 5);
  a[1] = __builtin_shufflevector(b[0], b[2], 2, 3, 6, 7);
  a[2] = __builtin_shufflevector(b[1], b[3], 0, 1, 4, 5);
  a[3] = __builtin_shufflevector(b[1], b[3], 2, 3, 6, 7);
  for (int i = 0; i < 4; ++i) std::memcpy(dst + i * dst_row, &a[i], sizeof(V4));
}
#endif

// The same of bytes, 16 x 16: four times, each lane is interleaved with the one half the tile away.
WHET_INLINE void TransposeTile(uint8_t* dst, int64_t dst_row, const uint8_t* src, int64_t src_column) {
  using V16 = uint8_t __attribute__((vector_size(16)));
  V16 a[16], b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) std::memcpy(&a[i], src + i * src_column, sizeof(V16));
#pragma GCC unroll 4
  for (int step = 0; step < 4; ++step) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      b[2 * i] =
          __builtin_shufflevector(a[i], a[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      b[2 * i + 1] = __builtin_shufflevector(a[i], a[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14,
                                             30, 15, 31);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) a[i] = b[i];
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) std::memcpy(dst + i * dst_row, &a[i], sizeof(V16));
}

// The output's columns and the source's rows are contiguous.
template <typename T>
void Transpose(T* dst, const T* src, const Rectangle& at) {
  if (at.src_column == at.rows) {
    switch (at.rows) {
      case 2: return Deinterleave<2>(dst, src, at);
      case 3: return Deinterleave<3>(dst, src, at);
      case 4: return Deinterleave<4>(dst, src, at);
      default: break;
    }
  }
  if (at.dst_row == at.columns) {
    switch (at.columns) {
      case 2: return Interleave<2>(dst, src, at);
      case 3: return Interleave<3>(dst, src, at);
      case 4: return Interleave<4>(dst, src, at);
      default: break;
    }
  }
  constexpr bool kInRegisters = sizeof(T) == 4 || sizeof(T) == 1;
  constexpr int64_t kTile = sizeof(T) == 4 ? kSide : 16;
  const auto tile = [&](int64_t r, int64_t c) {
    if constexpr (kInRegisters) {
      // At the ends some elements are copied once more.
      if (at.rows >= kTile && r + kTile > at.rows) r = at.rows - kTile;
      if (at.columns >= kTile && c + kTile > at.columns) c = at.columns - kTile;
    }
    const int64_t width = at.columns - c < kTile ? at.columns - c : kTile;
    const int64_t height = at.rows - r < kTile ? at.rows - r : kTile;
    T* to = dst + r * at.dst_row + c;
    const T* from = src + r + c * at.src_column;
    if constexpr (kInRegisters) {
      if (width == kTile && height == kTile) return TransposeTile(to, at.dst_row, from, at.src_column);
    }
    CopyStrided(to, from, {height, width, at.dst_row, 1, 1, at.src_column});
  };
  // Along the side whose lines are further apart, since that is where lines push each other out of the cache.
  if (at.dst_row > at.src_column) {
    for (int64_t r = 0; r < at.rows; r += kTile) {
      for (int64_t c = 0; c < at.columns; c += kTile) tile(r, c);
    }
  } else {
    for (int64_t c = 0; c < at.columns; c += kTile) {
      for (int64_t r = 0; r < at.rows; r += kTile) tile(r, c);
    }
  }
}

template <typename T>
void CopyUnits(const Params& p, T* output, const T* input, int64_t begin, int64_t end) {
  const int row_dim = p.dims - 2, column_dim = p.dims - 1;
  const int64_t row_blocks = (p.size[row_dim] + p.block_rows - 1) / p.block_rows;
  const int64_t column_blocks = (p.size[column_dim] + p.block_columns - 1) / p.block_columns;
  Rectangle at;
  at.dst_row = p.dst_stride[row_dim];
  at.dst_column = p.dst_stride[column_dim];
  at.src_row = p.src_stride[row_dim];
  at.src_column = p.src_stride[column_dim];
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t column = unit % column_blocks * p.block_columns;
    int64_t rest = unit / column_blocks;
    const int64_t row = rest % row_blocks * p.block_rows;
    rest /= row_blocks;
    int64_t dst = row * at.dst_row + column * at.dst_column;
    int64_t src = p.src_offset + row * at.src_row + column * at.src_column;
    for (int d = row_dim - 1; d >= 0; --d) {
      dst += rest % p.size[d] * p.dst_stride[d];
      src += rest % p.size[d] * p.src_stride[d];
      rest /= p.size[d];
    }
    at.rows = p.size[row_dim] - row < p.block_rows ? p.size[row_dim] - row : p.block_rows;
    at.columns =
        p.size[column_dim] - column < p.block_columns ? p.size[column_dim] - column : p.block_columns;
    if (at.dst_column == 1 && at.src_column == 1) {
      CopyRows(output + dst, input + src, at);
    } else if (at.dst_column == 1 && at.src_row == 1) {
      Transpose(output + dst, input + src, at);
    } else {
      CopyStrided(output + dst, input + src, at);
    }
  }
}

}  // namespace

void Copy(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  void* const output = args.operands[0];
  const void* const input = args.operands[1];
  switch (p.element_bytes) {
    case 1:
      return CopyUnits(p, static_cast<uint8_t*>(output), static_cast<const uint8_t*>(input), begin, end);
    case 2:
      return CopyUnits(p, static_cast<uint16_t*>(output), static_cast<const uint16_t*>(input), begin, end);
    case 4:
      return CopyUnits(p, static_cast<uint32_t*>(output), static_cast<const uint32_t*>(input), begin, end);
    default:
      return CopyUnits(p, static_cast<uint64_t*>(output), static_cast<const uint64_t*>(input), begin, end);
  }
}

}  // namespace whet::kernels::WHET_ISA
