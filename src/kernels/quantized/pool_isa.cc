#include "kernels/pool/taps.h"
#include "kernels/quantized/halves_simd.h"
#include "kernels/quantized/pool.h"
#include "kernels/requantize/bytes_simd.h"

namespace whet::kernels::WHET_ISA {

void QuantizedPool(const Args& args, int64_t begin, int64_t end);

namespace {

using pool::Mode;
using quantized_pool::Params;

// Windows whose elements, T, lie at the same distances: of neighbouring channels.
template <typename T>
struct Windows {
  const T* in;
  T* out;
  int64_t rows, columns;
  int64_t row_step, column_step;
};

template <typename T>
constexpr T kLeast = T(-1) < T(0) ? static_cast<T>(1u << (8 * sizeof(T) - 1)) : T(0);

// 16 bytes of T, and the greater of every element.
template <typename T>
struct FewElements {
  static constexpr int64_t kCount = 16 / sizeof(T);
  typedef T Vector __attribute__((vector_size(16)));  // GCC takes the attribute of a dependent type only here
  Vector v;
  static FewElements Load(const T* p) {
    FewElements elements;
    std::memcpy(&elements.v, p, sizeof(elements.v));
    return elements;
  }
  void Store(T* p) const { std::memcpy(p, &v, sizeof(v)); }
  static FewElements Max(FewElements a, FewElements b) { return {a.v > b.v ? a.v : b.v}; }
  static FewElements Least() { return {Vector{} + kLeast<T>}; }
};

// The same of a whole vector.
#if defined(__AVX512F__)
template <typename T>
struct Elements {
  static constexpr int64_t kCount = 64 / sizeof(T);
  __m512i v;
  static Elements Load(const T* p) { return {_mm512_loadu_si512(p)}; }
  void Store(T* p) const { _mm512_storeu_si512(p, v); }
  static Elements Max(Elements a, Elements b) {
    if constexpr (sizeof(T) == 1)
      return {T(-1) < T(0) ? _mm512_max_epi8(a.v, b.v) : _mm512_max_epu8(a.v, b.v)};
    if constexpr (sizeof(T) == 2)
      return {T(-1) < T(0) ? _mm512_max_epi16(a.v, b.v) : _mm512_max_epu16(a.v, b.v)};
  }
  static Elements Least() {
    return {sizeof(T) == 1 ? _mm512_set1_epi8(static_cast<char>(kLeast<T>))
                           : _mm512_set1_epi16(static_cast<int16_t>(kLeast<T>))};
  }
};
#elif defined(__AVX2__)
template <typename T>
struct Elements {
  static constexpr int64_t kCount = 32 / sizeof(T);
  __m256i v;
  static Elements Load(const T* p) { return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))}; }
  void Store(T* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  static Elements Max(Elements a, Elements b) {
    if constexpr (sizeof(T) == 1)
      return {T(-1) < T(0) ? _mm256_max_epi8(a.v, b.v) : _mm256_max_epu8(a.v, b.v)};
    if constexpr (sizeof(T) == 2)
      return {T(-1) < T(0) ? _mm256_max_epi16(a.v, b.v) : _mm256_max_epu16(a.v, b.v)};
  }
  static Elements Least() {
    return {sizeof(T) == 1 ? _mm256_set1_epi8(static_cast<char>(kLeast<T>))
                           : _mm256_set1_epi16(static_cast<int16_t>(kLeast<T>))};
  }
};
#else
template <typename T>
using Elements = FewElements<T>;
#endif

template <typename T, int kVectors, typename E = Elements<T>>
WHET_INLINE void MaxOf(const Windows<T>& w, int64_t c, T* out) {
  E acc[kVectors];
  for (int v = 0; v < kVectors; ++v) acc[v] = E::Least();
  for (int64_t y = 0; y < w.rows; ++y) {
    const T* p = w.in + c + y * w.row_step;
    for (int64_t x = 0; x < w.columns; ++x, p += w.column_step) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[v] = E::Max(acc[v], E::Load(p + v * E::kCount));
    }
  }
  for (int v = 0; v < kVectors; ++v) acc[v].Store(out + v * E::kCount);
}

template <typename T>
void Maximum(const Windows<T>& w, int64_t n) {
  using Few = FewElements<T>;
  constexpr int64_t kCount = Elements<T>::kCount;
  int64_t c = 0;
  for (; c + 4 * kCount <= n; c += 4 * kCount) MaxOf<T, 4>(w, c, w.out + c);
  for (; c + kCount <= n; c += kCount) MaxOf<T, 1>(w, c, w.out + c);
  if (c == n) return;
  // The last vector does some once more.
  if (c > 0) return MaxOf<T, 1>(w, n - kCount, w.out + n - kCount);
  for (; c + Few::kCount <= n; c += Few::kCount) MaxOf<T, 1, Few>(w, c, w.out + c);
  if (c == n) return;
  if (c > 0) return MaxOf<T, 1, Few>(w, n - Few::kCount, w.out + n - Few::kCount);
  // Operands can be read beyond their end.
  T best[Few::kCount];
  MaxOf<T, 1, Few>(w, 0, best);
  for (int64_t i = 0; i < n; ++i) w.out[i] = best[i];
}

template <typename T>
WHET_INLINE I32 LoadSome(const T* p, int64_t n) {
  if constexpr (sizeof(T) == 1) return LoadBytesPartial<T>(p, n);
  if constexpr (sizeof(T) == 2) return LoadHalvesPartial(p, n);
}

struct Scaling {
  F32 ratio;  // x_scale / y_scale / divisor
  I32 zeros;  // of all elements together
  Steps steps;
};

template <typename T, int kVectors, bool kPartial>
WHET_INLINE void AverageOf(const Windows<T>& w, int64_t c, const Scaling& scaling, int64_t last) {
  I32 acc[kVectors];
  for (int v = 0; v < kVectors; ++v) acc[v] = -scaling.zeros;
  for (int64_t y = 0; y < w.rows; ++y) {
    const T* p = w.in + c + y * w.row_step;
    for (int64_t x = 0; x < w.columns; ++x, p += w.column_step) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        acc[v] += kPartial ? LoadSome(p + v * kLanes, last) : LoadNarrow(p + v * kLanes);
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    const I32 q = Requantize(acc[v], scaling.ratio, scaling.steps);
    T* out = w.out + c + v * kLanes;
    if constexpr (sizeof(T) == 1) {
      if (kPartial) {
        StoreBytesPartial(out, q, last);
      } else {
        StoreBytes(out, q);
      }
    } else {
      StoreHalves(out, q, last);
    }
  }
}

template <typename T>
void Average(const Windows<T>& w, int64_t n, const Scaling& scaling) {
  int64_t c = 0;
  for (; c + 4 * kLanes <= n; c += 4 * kLanes) AverageOf<T, 4, false>(w, c, scaling, kLanes);
  for (; c + kLanes <= n; c += kLanes) AverageOf<T, 1, false>(w, c, scaling, kLanes);
  if (c < n) AverageOf<T, 1, true>(w, c, scaling, n - c);
}

template <typename T>
void PoolRow(const Params& params, const T* image, T* out, Taps rows, int64_t channels) {
  const pool::Params& p = params.window;
  // Neighbouring pixels side by side are like more channels of one, as in pool_isa.cc.
  int64_t run_first = p.out_width, run_last = p.out_width;
  if (p.stride_width == 1 && channels == p.in_pixel_stride && channels == p.out_pixel_stride) {
    const int64_t end = p.width - (p.kernel_width - 1) * p.dilation_width + p.pad_left;
    run_last = end < p.out_width ? end : p.out_width;
    if (p.pad_left < run_last) run_first = p.pad_left;
  }
  const Steps steps = MakeSteps(params.y_zero, params.low, params.high);
  for (int64_t ox = 0; ox < p.out_width;) {
    const Taps columns =
        ClipTaps(ox * p.stride_width - p.pad_left, p.kernel_width, p.dilation_width, p.width, p.pad_right);
    const bool any = rows.count > 0 && columns.count > 0;
    Windows<T> w;
    w.rows = any ? rows.count : 0;
    w.columns = any ? columns.count : 0;
    w.row_step = p.dilation_height * p.in_row_stride;
    w.column_step = p.dilation_width * p.in_pixel_stride;
    // Not formed for an empty window: its position need not be in the image.
    w.in = any ? image + rows.first * p.in_row_stride + columns.first * p.in_pixel_stride : image;
    w.out = out + ox * p.out_pixel_stride;
    const int64_t pixels = ox == run_first ? run_last - run_first : 1;
    if (p.mode == Mode::kMax) {
      Maximum<T>(w, pixels * channels);
    } else {
      const int64_t count = w.rows * w.columns;
      const int64_t divisor = p.mode == Mode::kAverageIncludingPad ? rows.padded * columns.padded : count;
      const float ratio = divisor > 0 ? params.ratio / static_cast<float>(divisor) : 0.0f;
      const auto zeros = static_cast<int32_t>(count * params.x_zero);
      Average<T>(w, pixels * channels, {Set1(ratio), Set1(zeros), steps});
    }
    ox += pixels;
  }
}

// Elements are T, of a sum's result T or as many bits of the other sign.
template <typename T>
void RunUnits(const Args& args, int64_t begin, int64_t end) {
  const Params& params = *static_cast<const Params*>(args.params);
  const pool::Params& p = params.window;
  const int64_t channel_blocks = (p.channels + p.channel_block - 1) / p.channel_block;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t channel = unit % channel_blocks * p.channel_block;
    const int64_t row = unit / channel_blocks % p.out_height;
    const int64_t batch = unit / channel_blocks / p.out_height;
    const int64_t channels = p.channels - channel < p.channel_block ? p.channels - channel : p.channel_block;
    // Of an empty input no address is formed: its strides may be anything.
    const int64_t at = p.height > 0 && p.width > 0 ? batch * p.in_batch_stride + channel : 0;
    const T* image = static_cast<const T*>(args.operands[1]) + at;
    T* out =
        static_cast<T*>(args.operands[0]) + batch * p.out_batch_stride + row * p.out_row_stride + channel;
    const Taps rows = ClipTaps(row * p.stride_height - p.pad_top, p.kernel_height, p.dilation_height,
                               p.height, p.pad_bottom);
    PoolRow(params, image, out, rows, channels);
  }
}

}  // namespace

void QuantizedPool(const Args& args, int64_t begin, int64_t end) {
  switch (static_cast<const Params*>(args.params)->in_type) {
    case DType::kI8: RunUnits<int8_t>(args, begin, end); break;
    case DType::kU8: RunUnits<uint8_t>(args, begin, end); break;
    case DType::kI16: RunUnits<int16_t>(args, begin, end); break;
    default: RunUnits<uint16_t>(args, begin, end); break;
  }
}

}  // namespace whet::kernels::WHET_ISA
