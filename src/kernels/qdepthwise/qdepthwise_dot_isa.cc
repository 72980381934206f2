#include "kernels/qdepthwise/qdepthwise.h"

#include "kernels/conv/taps.h"
#include "kernels/qconv/finish.h"

namespace whet::kernels::WHET_ISA {
namespace {

using qconv::Params;

// The channels that a vector holds of each tap of a group; kDotGroup vectors of sums.
constexpr int kAtOnce = kDotGroup * kLanes;

using VectorOfBytes = uint8_t __attribute__((vector_size(kVectorBytes)));

// Within each 128 bits: the elements of a and b in turn, of the lower and of the upper halves.
WHET_INLINE I32 UnpackLow16(I32 a, I32 b) {
#if defined(__AVX512F__)
  return reinterpret_cast<I32>(
      _mm512_unpacklo_epi16(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<I32>(
      _mm256_unpacklo_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#else
  using Halves = int16_t __attribute__((vector_size(16)));
  const auto x = reinterpret_cast<Halves>(a), y = reinterpret_cast<Halves>(b);
  return reinterpret_cast<I32>(__builtin_shufflevector(x, y, 0, 8, 1, 9, 2, 10, 3, 11));
#endif
}
WHET_INLINE I32 UnpackHigh16(I32 a, I32 b) {
#if defined(__AVX512F__)
  return reinterpret_cast<I32>(
      _mm512_unpackhi_epi16(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<I32>(
      _mm256_unpackhi_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#else
  using Halves = int16_t __attribute__((vector_size(16)));
  const auto x = reinterpret_cast<Halves>(a), y = reinterpret_cast<Halves>(b);
  return reinterpret_cast<I32>(__builtin_shufflevector(x, y, 4, 12, 5, 13, 6, 14, 7, 15));
#endif
}
#if defined(__AVX512VNNI__) || defined(__ARM_FEATURE_DOTPROD)
WHET_INLINE I32 UnpackLow8(I32 a, I32 b) {
#if defined(__AVX512F__)
  return reinterpret_cast<I32>(
      _mm512_unpacklo_epi8(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#else
  using Bytes16 = int8_t __attribute__((vector_size(16)));
  const auto x = reinterpret_cast<Bytes16>(a), y = reinterpret_cast<Bytes16>(b);
  return reinterpret_cast<I32>(
      __builtin_shufflevector(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
#endif
}
WHET_INLINE I32 UnpackHigh8(I32 a, I32 b) {
#if defined(__AVX512F__)
  return reinterpret_cast<I32>(
      _mm512_unpackhi_epi8(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#else
  using Bytes16 = int8_t __attribute__((vector_size(16)));
  const auto x = reinterpret_cast<Bytes16>(a), y = reinterpret_cast<Bytes16>(b);
  return reinterpret_cast<I32>(
      __builtin_shufflevector(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
#endif
}
#endif

// The elements of kAtOnce channels under a group of taps, as the lanes of kDotGroup vectors.
struct Groups {
  I32 v[kDotGroup];
};

template <bool kSigned>
WHET_INLINE Groups LoadGroups(const uint8_t* const* taps, int64_t step, int64_t channel) {
  Groups groups;
#if defined(__AVX512VNNI__) || defined(__ARM_FEATURE_DOTPROD)
  constexpr bool kFlip = kSigned == (kElements == qconv::Elements::kUnsigned);
  I32 x[4];
#pragma GCC unroll 4
  for (int t = 0; t < 4; ++t) {
    VectorOfBytes bytes;
    std::memcpy(&bytes, taps[t * step] + channel, sizeof(bytes));
    if constexpr (kFlip) bytes ^= VectorOfBytes{} + 0x80;
    x[t] = reinterpret_cast<I32>(bytes);
  }
  const I32 low01 = UnpackLow8(x[0], x[1]), high01 = UnpackHigh8(x[0], x[1]);
  const I32 low23 = UnpackLow8(x[2], x[3]), high23 = UnpackHigh8(x[2], x[3]);
  groups.v[0] = UnpackLow16(low01, low23);
  groups.v[1] = UnpackHigh16(low01, low23);
  groups.v[2] = UnpackLow16(high01, high23);
  groups.v[3] = UnpackHigh16(high01, high23);
#else
  const uint8_t* first = taps[0] + channel;
  const uint8_t* second = taps[step] + channel;
  const I32 a = kSigned ? LoadSignedPairs(first) : LoadUnsignedPairs(first);
  const I32 b = kSigned ? LoadSignedPairs(second) : LoadUnsignedPairs(second);
  groups.v[0] = UnpackLow16(a, b);
  groups.v[1] = UnpackHigh16(a, b);
#endif
  return groups;
}

// The sums' lanes in the order of the channels.
WHET_INLINE void StoreInOrder(const I32 (&sums)[kDotGroup], int32_t* to) {
  constexpr int kParts = kLanes / 4;  // registers of 128 bits
#pragma GCC unroll 4
  for (int v = 0; v < kDotGroup; ++v) {
    if constexpr (kParts == 1) {
      StoreI32(to + v * kLanes, sums[v]);
    } else {
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part) {
        using Part = int32_t __attribute__((vector_size(16)));
        Part four;
        std::memcpy(&four, reinterpret_cast<const char*>(&sums[v]) + 16 * part, sizeof(four));
        std::memcpy(to + (part * kDotGroup + v) * 4, &four, sizeof(four));
      }
    }
  }
}

struct TileArgs {
  const uint8_t* const* list;  // [tap][pixel]
  int64_t pixels;
  int64_t taps;
  int64_t groups;
  int64_t channel;
  const int8_t* weights;       // of the channels at once
  const int32_t* weight_zero;  // at the channel, or null
  int32_t* sums;               // [pixel][kAtOnce]
};

template <bool kSigned, bool kWeightZero>
void DepthwiseTile(const TileArgs& shared_args, int64_t channels) {
  const TileArgs args = shared_args;
  // The sums of the inputs themselves; not of what stands in for the taps that fill the last group up.
  constexpr int32_t kOnes = kDotGroup == 4 ? 0x01010101 : 0x00010001;
  constexpr int64_t kElementBits = 32 / kDotGroup;
  const I32 ones = Set1(kOnes);
  const I32 last_ones =
      Set1(static_cast<int32_t>(kOnes >> (kElementBits * (args.groups * kDotGroup - args.taps))));
  for (int64_t i = 0; i < args.pixels; ++i) {
    I32 sums[kDotGroup] = {};
    I32 inputs[kDotGroup] = {};
    const int8_t* w = args.weights;
    const uint8_t* const* taps = args.list + i;
    for (int64_t g = 0; g < args.groups; ++g) {
      const Groups x = LoadGroups<kSigned>(taps, args.pixels, args.channel);
#pragma GCC unroll 4
      for (int v = 0; v < kDotGroup; ++v) {
        sums[v] = Dot(sums[v], x.v[v], LoadColumns(w + v * kLanes * kDotGroup));
        if constexpr (kWeightZero) inputs[v] = Dot(inputs[v], x.v[v], g + 1 < args.groups ? ones : last_ones);
      }
      w += kDotGroup * kLanes * kDotGroup;
      taps += kDotGroup * args.pixels;
    }
    int32_t* to = args.sums + i * kAtOnce;
    StoreInOrder(sums, to);
    if constexpr (kWeightZero) {
      int32_t input_sums[kAtOnce];
      StoreInOrder(inputs, input_sums);
      for (int64_t c = 0; c < channels; ++c) to[c] -= input_sums[c] * args.weight_zero[c];
    }
  }
}

using TileFn = void (*)(const TileArgs& args, int64_t channels);

}  // namespace

void QDepthwise(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const auto* input = static_cast<const uint8_t*>(args.operands[1]);
  const auto* weights = static_cast<const int8_t*>(args.operands[2]);
  const auto* offset = static_cast<const int32_t*>(args.operands[3]);
  const auto* multiplier = static_cast<const float*>(args.operands[4]);
  const auto* weight_zero = static_cast<const int32_t*>(args.operands[5]);
  const auto* bias = static_cast<const float*>(args.operands[6]);
  const auto* weight_sums = static_cast<const int32_t*>(args.operands[8]);
  const bool is_signed = p.input == DType::kI8;
  const int32_t input_zero = InputZeroOf(p, args.operands[7]);

  const qdepthwise::ScratchLayout layout = qdepthwise::LayOutScratch(p, kElements, kLanes);
  auto* scratch = static_cast<uint8_t*>(args.scratch);
  auto* list = reinterpret_cast<const uint8_t**>(scratch + layout.list);
  auto* padding = scratch + layout.padding;
  auto* sums = reinterpret_cast<int32_t*>(scratch + layout.sums);
  std::memset(padding, input_zero & 0xff, static_cast<size_t>(p.cin));

  const TileFn tile_fn =
      is_signed ? (weight_zero != nullptr ? DepthwiseTile<true, true> : DepthwiseTile<true, false>)
                : (weight_zero != nullptr ? DepthwiseTile<false, true> : DepthwiseTile<false, false>);
  const int64_t pixels = p.batch * p.out_h * p.out_w;
  const int64_t m_blocks = (pixels + p.m_block - 1) / p.m_block;
  const int64_t taps = p.kernel_h * p.kernel_w;
  TileArgs tile;
  tile.list = list;
  tile.taps = taps;
  tile.groups = layout.taps / kDotGroup;
  tile.sums = sums;
  Finish finish{};
  finish.input_zero = input_zero + ShiftOf(is_signed);
  finish.input_scale = static_cast<const float*>(args.operands[9]);
  finish.sums = sums;
  finish.sums_stride = kAtOnce;
  finish.out_stride = p.out_stride;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t n0 = unit / m_blocks * p.n_block;
    const int64_t n1 = n0 + p.n_block < p.cout ? n0 + p.n_block : p.cout;
    const int64_t m0 = unit % m_blocks * p.m_block;
    const int64_t m1 = m0 + p.m_block < pixels ? m0 + p.m_block : pixels;
    for (int64_t i = m0; i < m1; i += p.m_tile) {
      const int64_t count = m1 - i < p.m_tile ? m1 - i : p.m_tile;
      const Pixel first = Pixel::At(p, i);
      if (!FillInside(p, input, list, first, count, p.kernel_w)) {
        FillTaps<uint8_t>(p, input, padding, list, first, count);
      }
      // Their weights are 0.
      for (int64_t slot = taps * count; slot < layout.taps * count; ++slot) list[slot] = padding;
      tile.pixels = finish.rows = count;
      for (int64_t channel = n0; channel < n1; channel += kAtOnce) {
        finish.columns = n1 - channel < kAtOnce ? n1 - channel : kAtOnce;
        tile.channel = channel;
        tile.weights = weights + channel * layout.taps;
        tile.weight_zero = weight_zero != nullptr ? weight_zero + channel : nullptr;
        tile_fn(tile, finish.columns);
        finish.offset = offset + channel;
        finish.multiplier = multiplier != nullptr ? multiplier + channel : nullptr;
        finish.bias = bias != nullptr ? bias + channel : nullptr;
        finish.weight_sums = weight_sums != nullptr ? weight_sums + channel : nullptr;
        FinishTile(finish, p, args.operands[0], i * p.out_stride + channel);
      }
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
