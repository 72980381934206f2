#include "kernels/qdepthwise16/qdepthwise16.h"

#include "kernels/conv/taps.h"
#include "kernels/requantize/requantize_simd.h"
#include "kernels/simd/math.h"
#include "kernels/simd/pairs.h"
#include "kernels/simd/unpack.h"

namespace whet::kernels::WHET_ISA {

void QDepthwise16(const Args& args, int64_t begin, int64_t end);

namespace {

using qdepthwise16::kPixels;
using qdepthwise16::Params;

constexpr int64_t kAtOnce = 2 * kLanes;

WHET_INLINE I32 LoadElements(const uint8_t* p, I32 flip) {
  I32 v;
  std::memcpy(&v, p, sizeof(v));
  return v ^ flip;
}

// Two vectors of 32-bit numbers of successive channels as the interleaving of halves leaves them: of every
// eight channels the first four in `low`, the others in `high`; and back.
template <typename V>
WHET_INLINE void Deal(V first, V second, V* low, V* high) {
#if defined(__AVX512F__)
  *low = __builtin_shufflevector(first, second, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
  *high = __builtin_shufflevector(first, second, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
#elif defined(__AVX2__)
  *low = __builtin_shufflevector(first, second, 0, 1, 2, 3, 8, 9, 10, 11);
  *high = __builtin_shufflevector(first, second, 4, 5, 6, 7, 12, 13, 14, 15);
#else
  *low = first;
  *high = second;
#endif
}
template <typename V>
WHET_INLINE void Gather(V low, V high, V* first, V* second) {
#if defined(__AVX512F__)
  *first = __builtin_shufflevector(low, high, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  *second = __builtin_shufflevector(low, high, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
#elif defined(__AVX2__)
  *first = __builtin_shufflevector(low, high, 0, 1, 2, 3, 8, 9, 10, 11);
  *second = __builtin_shufflevector(low, high, 4, 5, 6, 7, 12, 13, 14, 15);
#else
  *first = low;
  *second = high;
#endif
}

// f32(sum + offset), exact up to that.
WHET_INLINE F32 AddWide(I32 sum, const double* offset) {
  const F64Pair wide = Widen(sum);
  F64Pair to;
  std::memcpy(&to, offset, sizeof(to));
  return Narrow({wide.lo + to.lo, wide.hi + to.hi});
}

// The sums of the channels at `channel`, scaled, of kCount pixels: [pixel][vector], dealt. `offset` is
// theirs.
template <int kCount>
WHET_INLINE void SumPixels(const Params& p, const uint8_t* const* list, int64_t channel,
                           const int8_t* weights, const void* offset, const float* multiplier, I32 flip,
                           F32 (&scaled)[kCount][2]) {
  // Where a vector holds all that is left, there is no second one to read.
  const int64_t second = p.cout - channel > kLanes ? kLanes : 0;
  const auto* narrow = static_cast<const int32_t*>(offset);
  I32 sums[kCount][2] = {};
  if (p.wide == 0) Deal(LoadI32(narrow), LoadI32(narrow + second), &sums[0][0], &sums[0][1]);
  for (int i = 1; i < kCount; ++i) {
    sums[i][0] = sums[0][0];
    sums[i][1] = sums[0][1];
  }
  const int64_t pairs = qdepthwise16::PairsOf(p);
  for (int64_t pair = 0; pair < pairs; ++pair) {
    I32 low, high;
    std::memcpy(&low, weights, sizeof(low));
    std::memcpy(&high, weights + kVectorBytes, sizeof(high));
    weights += 2 * kVectorBytes;
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) {
      const I32 a = LoadElements(list[i] + 2 * channel, flip);
      const I32 b = LoadElements(list[kCount + i] + 2 * channel, flip);
      sums[i][0] = DotPairs(sums[i][0], UnpackLow16(a, b), low);
      sums[i][1] = DotPairs(sums[i][1], UnpackHigh16(a, b), high);
    }
    list += 2 * kCount;
  }
  F32 factor[2];
  Deal(Load(multiplier), Load(multiplier + second), &factor[0], &factor[1]);
  for (int i = 0; i < kCount; ++i) {
    F32 real[2] = {ConvertToF32(sums[i][0]), ConvertToF32(sums[i][1])};
    if (p.wide != 0) {
      const auto* wide = static_cast<const double*>(offset);
      I32 parts[2];
      Gather(sums[i][0], sums[i][1], &parts[0], &parts[1]);
      Deal(AddWide(parts[0], wide), AddWide(parts[1], wide + second), &real[0], &real[1]);
    }
    for (int v = 0; v < 2; ++v) scaled[i][v] = real[v] * factor[v];
  }
}

template <typename T>
WHET_INLINE void StoreChannels(T* to, I32 low, I32 high, int64_t left) {
  I32 first, second;
  Gather(low, high, &first, &second);
  if (left >= kAtOnce) {
    StoreNarrow(to, first);
    StoreNarrow(to + kLanes, second);
  } else if (left >= kLanes) {
    StoreNarrow(to, first);
    StoreNarrowPartial(to + kLanes, second, left - kLanes);
  } else {
    StoreNarrowPartial(to, first, left);
  }
}
#if defined(__AVX2__) && !defined(__AVX512F__)
// Packing gathers what was dealt.
WHET_INLINE void StoreWhole(int16_t* to, I32 low, I32 high) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      _mm256_packs_epi32(reinterpret_cast<__m256i>(low), reinterpret_cast<__m256i>(high)));
}
WHET_INLINE void StoreWhole(uint16_t* to, I32 low, I32 high) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      _mm256_packus_epi32(reinterpret_cast<__m256i>(low), reinterpret_cast<__m256i>(high)));
}
#endif

template <typename T, int kCount>
void Run(const Params& p, const uint8_t* const* list, int64_t channel, const int8_t* weights,
         const void* offset, const float* multiplier, const float* bias, I32 flip, T* to) {
  F32 x[kCount][2];
  SumPixels<kCount>(p, list, channel, weights, offset, multiplier, flip, x);
  const int64_t left = p.cout - channel;
  if constexpr (sizeof(T) == 4) {
    for (int i = 0; i < kCount; ++i, to += p.out_stride) {
      F32 y[2];
      Gather(x[i][0], x[i][1], &y[0], &y[1]);
      for (int v = 0; v < 2 && v * kLanes < left; ++v) {
        const int64_t lanes = left - v * kLanes < kLanes ? left - v * kLanes : kLanes;
        if (bias != nullptr) y[v] = y[v] + LoadPartial(bias + v * kLanes, lanes);
        StorePartial(to + v * kLanes, y[v], lanes);
      }
    }
  } else {
    const Steps steps = MakeSteps(p.output_zero, p.low, p.high);
    for (int i = 0; i < kCount; ++i, to += p.out_stride) {
      const I32 low = ToSteps(x[i][0], steps), high = ToSteps(x[i][1], steps);
#if defined(__AVX2__) && !defined(__AVX512F__)
      if constexpr (sizeof(T) == 2) {
        if (left >= kAtOnce) {
          StoreWhole(to, low, high);
          continue;
        }
      }
#endif
      StoreChannels(to, low, high, left);
    }
  }
}

// Elements of the output are T.
template <typename T>
void RunUnits(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  // Distances of pixels in bytes.
  conv::Geometry geometry = p;
  geometry.in_stride *= 2;
  const auto* input = static_cast<const uint8_t*>(args.operands[1]);
  const auto* weights = static_cast<const int8_t*>(args.operands[2]);
  const auto* offsets = static_cast<const uint8_t*>(args.operands[3]);
  const int64_t offset_bytes = p.wide != 0 ? 8 : 4;
  const auto* multiplier = static_cast<const float*>(args.operands[4]);
  const auto* bias = static_cast<const float*>(args.operands[5]);
  auto* output = static_cast<T*>(args.operands[0]);
  const I32 flip = Set1(p.input == DType::kU16 ? static_cast<int32_t>(0x80008000) : 0);

  const qdepthwise16::ScratchLayout layout = qdepthwise16::LayOutScratch(p);
  auto* scratch = static_cast<uint8_t*>(args.scratch);
  auto* list = reinterpret_cast<const uint8_t**>(scratch + layout.list);
  auto* padding = scratch + layout.padding;
  for (int64_t i = 0; i < p.cin; ++i) {
    const auto zero = static_cast<uint16_t>(p.input_zero);
    std::memcpy(padding + 2 * i, &zero, sizeof(zero));
  }
  const int64_t taps = qdepthwise16::TapsOf(p);
  const int64_t block_weights = qdepthwise16::PairsOf(p) * 2 * kVectorBytes;
  const int64_t pixels = p.batch * p.out_h * p.out_w;
  const int64_t m_blocks = (pixels + p.m_block - 1) / p.m_block;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t n0 = unit / m_blocks * p.n_block;
    const int64_t n1 = n0 + p.n_block < p.cout ? n0 + p.n_block : p.cout;
    const int64_t m0 = unit % m_blocks * p.m_block;
    const int64_t m1 = m0 + p.m_block < pixels ? m0 + p.m_block : pixels;
    for (int64_t i = m0; i < m1; i += kPixels) {
      const int64_t count = m1 - i < kPixels ? m1 - i : kPixels;
      const Pixel first = Pixel::At(p, i);
      if (!FillInside(geometry, input, list, first, count, p.kernel_w))
        FillTaps<uint8_t>(geometry, input, padding, list, first, count);
      // What an odd tap is paired with.
      for (int64_t r = 0; r < count; ++r) list[taps * count + r] = padding;
      for (int64_t channel = n0; channel < n1; channel += kAtOnce) {
        const int8_t* of_block = weights + channel / kAtOnce * block_weights;
        T* to = output + i * p.out_stride + channel;
        const float* real_bias = bias != nullptr ? bias + channel : nullptr;
        const auto run = [&](auto fn) {
          fn(p, list, channel, of_block, offsets + channel * offset_bytes, multiplier + channel, real_bias,
             flip, to);
        };
        switch (count) {
          case 1: run(Run<T, 1>); break;
          case 2: run(Run<T, 2>); break;
          case 3: run(Run<T, 3>); break;
          default: run(Run<T, 4>); break;
        }
      }
    }
  }
}

}  // namespace

void QDepthwise16(const Args& args, int64_t begin, int64_t end) {
  switch (static_cast<const Params*>(args.params)->output) {
    case DType::kI16: RunUnits<int16_t>(args, begin, end); break;
    case DType::kU16: RunUnits<uint16_t>(args, begin, end); break;
    case DType::kI8: RunUnits<int8_t>(args, begin, end); break;
    case DType::kU8: RunUnits<uint8_t>(args, begin, end); break;
    default: RunUnits<float>(args, begin, end); break;
  }
}

}  // namespace whet::kernels::WHET_ISA
