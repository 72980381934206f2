#include "kernels/qdepthwise/qdepthwise.h"

#include "kernels/qconv/finish.h"
#include "kernels/qdepthwise/quads.h"

namespace whet::kernels::WHET_ISA {
namespace {

using qconv::Params;
using qdepthwise::kStrip;

// Channels computed at once; each quad of their taps fills four vectors, of which every one holds four
// channels of each 16.
constexpr int kAtOnce = kVectorBytes;
constexpr int64_t kQuadBytes = 4 * kVectorBytes;

#if defined(__AVX2__) && !defined(__AVX512VNNI__)
constexpr int kParts = 2;
#else
constexpr int kParts = 1;
#endif
#if defined(__ARM_FEATURE_DOTPROD)
constexpr bool kSignedElements = true;
#else
constexpr bool kSignedElements = false;
#endif

WHET_INLINE I32 LoadBytes(const uint8_t* p) {
  I32 v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

#if defined(__AVX2__)
// A vector whose k-th register of 128 bits is read at at(k). Put together in registers: a load of what was
// just stored in parts would wait for all of them.
template <typename At>
WHET_INLINE I32 LoadRegisters(At at) {
  const auto load = [&](int part) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at(part))); };
  const __m256i low = _mm256_set_m128i(load(1), load(0));
#if defined(__AVX512F__)
  const __m256i high = _mm256_set_m128i(load(3), load(2));
  return reinterpret_cast<I32>(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
#else
  return reinterpret_cast<I32>(low);
#endif
}
#endif

// The order that sums are in: a register of 128 bits holds the channels 4 v to 4 v + 3 of its 16.
WHET_INLINE void StoreInTurn(int32_t* to, int v, I32 sums) {
  for (int part = 0; part < kVectorBytes / 16; ++part) {
    std::memcpy(to + part * 16 + 4 * v, reinterpret_cast<const char*>(&sums) + 16 * part, 16);
  }
}

// What a chunk of channels has in common.
struct Chunk {
  const Params* params;
  int64_t channel;
  const int8_t* weights;
  bool has_rest;       // the second part of the weights is not all 0
  int64_t part_bytes;  // from the first part to the second
  int64_t quads;
  // What follows is for QuantizeStrip.
  int64_t channels;
  int64_t shares;
  I32 offset[4];  // complete; these in the order of the sums
  F32 multiplier[4];
};

// Four vectors of bytes to a quad for each byte.
template <bool kFlip>
WHET_INLINE void InterleaveFour(I32 (&x)[kQuad], uint8_t* to) {
#pragma GCC unroll 4
  for (int i = 0; i < kQuad; ++i) {
    if constexpr (kFlip) x[i] ^= Set1(static_cast<int32_t>(0x80808080));
  }
  const I32 low01 = UnpackLow8(x[0], x[1]), high01 = UnpackHigh8(x[0], x[1]);
  const I32 low23 = UnpackLow8(x[2], x[3]), high23 = UnpackHigh8(x[2], x[3]);
  auto* lanes = reinterpret_cast<int32_t*>(to);
  StoreI32(lanes, UnpackLow16(low01, low23));
  StoreI32(lanes + kLanes, UnpackHigh16(low01, low23));
  StoreI32(lanes + 2 * kLanes, UnpackLow16(high01, high23));
  StoreI32(lanes + 3 * kLanes, UnpackHigh16(high01, high23));
}

// A strip of output pixels of a row. Those that share a vector are `apart` pixels apart.
struct Strip {
  int64_t y0, x0;  // of the input, under the first pixel's first tap
  int64_t pixels;
  int64_t apart;
  int64_t columns;  // of the input, under the first `apart` pixels
};

// One vector out of kShares pixels, each of which fills an equal part of it.
template <int kShares>
WHET_INLINE I32 LoadShares(const uint8_t* const (&from)[kShares]) {
  if constexpr (kShares == 1) return LoadBytes(from[0]);
#if defined(__AVX512F__)
  if constexpr (kShares == 2) {
    const auto load = [](const uint8_t* p) {
      return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    };
    return reinterpret_cast<I32>(_mm512_inserti64x4(_mm512_castsi256_si512(load(from[0])), load(from[1]), 1));
  }
#endif
#if defined(__AVX2__)
  constexpr int kBytes = kVectorBytes / kShares;
  return LoadRegisters([&](int part) { return from[part * 16 / kBytes] + part * 16 % kBytes; });
#endif
}

// One column: from[i][share] are the pixels of the quad's tap i.
template <bool kFlip, int kShares>
WHET_INLINE void InterleaveColumn(const uint8_t* const (&from)[kQuad][kShares], uint8_t* to) {
  I32 taps[kQuad];
#pragma GCC unroll 4
  for (int i = 0; i < kQuad; ++i) taps[i] = LoadShares<kShares>(from[i]);
  InterleaveFour<kFlip>(taps, to);
}

// Interleaves the columns of the input that are under a strip.
template <bool kFlip, int kShares>
void Interleave(const Chunk& chunk, const uint8_t* image, const Strip& strip, const uint8_t* padding,
                uint8_t* to) {
  const Params& p = *chunk.params;
  const int64_t column_bytes = chunk.quads * kQuadBytes;
  const int64_t columns_apart = strip.apart * p.stride_w;
  // The columns [begin, end) are inside the image for every share.
  const int64_t begin = strip.x0 >= 0 ? 0 : -strip.x0 < strip.columns ? -strip.x0 : strip.columns;
  const int64_t left = p.in_w - strip.x0 - (kShares - 1) * columns_apart;
  const int64_t end = left < begin ? begin : left < strip.columns ? left : strip.columns;
  const uint8_t* const outside = padding + chunk.channel;
  for (int64_t q = 0; q < chunk.quads; ++q, to += kQuadBytes) {
    const uint8_t* rows[kQuad];  // null: all of it is outside
    for (int64_t i = 0; i < kQuad; ++i) {
      const int64_t ky = qdepthwise::RowOfQuad(chunk.quads, q, i);
      const int64_t y = strip.y0 + ky * p.dilation_h;
      const bool inside = ky < p.kernel_h && y >= 0 && y < p.in_h;
      rows[i] = inside ? image + y * p.in_w * p.in_stride + chunk.channel : nullptr;
    }
    for (int64_t at_border = 0; at_border < strip.columns - (end - begin); ++at_border) {
      const int64_t x = at_border < begin ? at_border : at_border + (end - begin);
      const uint8_t* from[kQuad][kShares];
      for (int i = 0; i < kQuad; ++i) {
        for (int share = 0; share < kShares; ++share) {
          const int64_t column = strip.x0 + x + share * columns_apart;
          const bool inside = rows[i] != nullptr && column >= 0 && column < p.in_w;
          from[i][share] = inside ? rows[i] + column * p.in_stride : outside;
        }
      }
      InterleaveColumn<kFlip, kShares>(from, to + x * column_bytes);
    }
    if (begin == end) continue;
    const uint8_t* at[kQuad];
    int64_t step[kQuad], apart[kQuad];
#pragma GCC unroll 4
    for (int i = 0; i < kQuad; ++i) {
      const bool inside = rows[i] != nullptr;
      at[i] = inside ? rows[i] + (strip.x0 + begin) * p.in_stride : outside;
      step[i] = inside ? p.in_stride : 0;
      apart[i] = columns_apart * step[i];
    }
    uint8_t* column = to + begin * column_bytes;
    for (int64_t count = end - begin; count > 0; --count, column += column_bytes) {
      const uint8_t* from[kQuad][kShares];
#pragma GCC unroll 4
      for (int i = 0; i < kQuad; ++i) {
#pragma GCC unroll 4
        for (int share = 0; share < kShares; ++share) from[i][share] = at[i] + share * apart[i];
        at[i] += step[i];
      }
      InterleaveColumn<kFlip, kShares>(from, column);
    }
  }
}

using InterleaveFn = void (*)(const Chunk&, const uint8_t*, const Strip&, const uint8_t*, uint8_t*);

template <bool kFlip>
InterleaveFn FindInterleave(int64_t shares) {
  if constexpr (kVectorBytes >= 64) {
    if (shares == 4) return Interleave<kFlip, 4>;
  }
  if constexpr (kVectorBytes >= 32) {
    if (shares == 2) return Interleave<kFlip, 2>;
  }
  return Interleave<kFlip, 1>;
}

WHET_INLINE void AddQuad(const uint8_t* x, const int8_t* w, I32 (&sums)[4]) {
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
    const I32 weights = LoadBytes(reinterpret_cast<const uint8_t*>(w) + v * kVectorBytes);
    sums[v] = DotQuads(sums[v], LoadBytes(x + v * kVectorBytes), weights);
  }
}

// How the taps of an output pixel lie. kColumns: of a kernel with one quad a column, or 0 for any.
template <int kColumns>
struct Taps {
  explicit Taps(const Chunk& chunk)
      : step(chunk.params->dilation_w * chunk.quads * kQuadBytes),
        weights(chunk.weights),
        part_bytes(chunk.part_bytes),
        columns(chunk.params->kernel_w),
        quads(chunk.quads) {}
  int64_t step;
  const int8_t* weights;
  int64_t part_bytes;
  int64_t columns;
  int64_t quads;

  // Adds the products of the output pixel whose first column of quads is at x.
  template <bool kRest>
  WHET_INLINE void Add(const Taps& taps, const uint8_t* x, I32 (&sums)[4]) {
    const int8_t* w = taps.weights;
    if constexpr (kColumns > 0) {
#pragma GCC unroll 8
      for (int kx = 0; kx < kColumns; ++kx) {
        AddQuad(x + kx * taps.step, w + kx * kQuadBytes, sums);
        if constexpr (kRest) AddQuad(x + kx * taps.step, w + taps.part_bytes + kx * kQuadBytes, sums);
      }
    } else {
      for (int64_t kx = 0; kx < taps.columns; ++kx, x += taps.step) {
        for (int64_t q = 0; q < taps.quads; ++q, w += kQuadBytes) {
          AddQuad(x + q * kQuadBytes, w, sums);
          if constexpr (kRest) AddQuad(x + q * kQuadBytes, w + taps.part_bytes, sums);
        }
      }
    }
  }
};

// The sums of a strip, in the order of the channels, for FinishTile.
template <bool kRest>
void SumStrip(const Chunk& chunk, const uint8_t* quads, int64_t pixels, int32_t* sums) {
  const Taps<0> taps(chunk);
  const int64_t step = chunk.params->stride_w * chunk.quads * kQuadBytes;
  for (int64_t i = 0; i < pixels; ++i, quads += step, sums += kAtOnce) {
    I32 acc[4] = {};
    Taps<0>::Add<kRest>(taps, quads, acc);
    for (int v = 0; v < 4; ++v) StoreInTurn(sums, v, acc[v]);
  }
}

// Of weights with zero points: takes the zero point times the sum of the inputs off.
void TakeZerosOff(const Chunk& chunk, const uint8_t* quads, int64_t pixels, const int32_t* weight_zero,
                  int64_t channels, int32_t* sums) {
  const Params& p = *chunk.params;
  for (int64_t i = 0; i < pixels; ++i, sums += kAtOnce) {
    I32 inputs[4] = {};
    for (int64_t kx = 0; kx < p.kernel_w; ++kx) {
      for (int64_t q = 0; q < chunk.quads; ++q) {
        // Not of what stands in for taps that there are not.
        int32_t ones = 0;
        for (int64_t e = 0; e < kQuad; ++e) {
          if (qdepthwise::RowOfQuad(chunk.quads, q, e) < p.kernel_h) ones |= 1 << (8 * e);
        }
        const uint8_t* x = quads + ((i * p.stride_w + kx * p.dilation_w) * chunk.quads + q) * kQuadBytes;
        for (int v = 0; v < 4; ++v)
          inputs[v] = DotQuads(inputs[v], LoadBytes(x + v * kVectorBytes), Set1(ones));
      }
    }
    int32_t in_turn[kAtOnce];
    for (int v = 0; v < 4; ++v) StoreInTurn(in_turn, v, inputs[v]);
    for (int64_t c = 0; c < channels; ++c) sums[c] -= in_turn[c] * weight_zero[c];
  }
}

#if defined(__AVX2__)
// Where the outputs of a strip go; a copy of what the chunk and the strip say, which stores of bytes cannot
// change. Store takes a vector of pixel i and of those that share it.
struct Outputs {
  Outputs(const Chunk& chunk, const Strip& strip, uint8_t* first)
      : output(first),
        step(chunk.params->out_stride),
        whole(chunk.channels == kAtOnce),
        count(CountOf(chunk.channels)),
        share_bytes(kAtOnce / chunk.shares),
        pixels(strip.pixels),
        apart(strip.apart) {}
  WHET_INLINE void Store(const Outputs& to, int64_t i, Wide bytes) {
    if (to.whole) {
      std::memcpy(to.output + i * to.step, &bytes, sizeof(bytes));
      return;
    }
    for (int64_t first = 0; i < to.pixels && first < kAtOnce; i += to.apart, first += to.share_bytes)
      StoreSome(to.output + i * to.step, bytes, first, to.count);
  }
  uint8_t* output;
  int64_t step;
  bool whole;
  Count count;
  int64_t share_bytes;
  int64_t pixels;
  int64_t apart;
};

// The outputs of a strip, without a way through memory.
template <bool kRest, int kColumns>
void QuantizeStrip(const Chunk& chunk, const uint8_t* quads, const Strip& strip, uint8_t* output) {
  const Params& p = *chunk.params;
  const PackedSteps steps(p.output == DType::kI8, p.output_zero, p.low, p.high);
  const Taps<kColumns> taps(chunk);
  const I32 offset[4] = {chunk.offset[0], chunk.offset[1], chunk.offset[2], chunk.offset[3]};
  const F32 multiplier[4] = {chunk.multiplier[0], chunk.multiplier[1], chunk.multiplier[2],
                             chunk.multiplier[3]};
  const Outputs outputs(chunk, strip, output);
  const int64_t step = p.stride_w * chunk.quads * kQuadBytes;
  for (int64_t i = 0; i < outputs.apart; ++i, quads += step) {
    I32 sums[4] = {offset[0], offset[1], offset[2], offset[3]};
    Taps<kColumns>::template Add<kRest>(taps, quads, sums);
    const Wide bytes =
        PackedSteps::Pack(steps, ConvertToF32(sums[0]) * multiplier[0], ConvertToF32(sums[1]) * multiplier[1],
                          ConvertToF32(sums[2]) * multiplier[2], ConvertToF32(sums[3]) * multiplier[3]);
    Outputs::Store(outputs, i, bytes);
  }
}

// The same for kernels without dilation, of kColumns columns of kQuads quads each, two pixels at once, which
// share what they load.
template <bool kRest, int kStride, int kColumns, int kQuads>
void QuantizePairs(const Chunk& chunk, const uint8_t* quads, const Strip& strip, uint8_t* output) {
  constexpr int kColumnsOfOneQuad = kQuads == 1 ? kColumns : 0;
  if (strip.apart < 2) return QuantizeStrip<kRest, kColumnsOfOneQuad>(chunk, quads, strip, output);
  const Params& p = *chunk.params;
  const PackedSteps steps(p.output == DType::kI8, p.output_zero, p.low, p.high);
  const int64_t part_bytes = chunk.part_bytes;
  const int8_t* weights = chunk.weights;
  const Outputs outputs(chunk, strip, output);
  for (int64_t i = 0; i < outputs.apart; i += 2) {
    // Of an odd number, the last but one is done again.
    const int64_t first = i + 2 <= outputs.apart ? i : outputs.apart - 2;
    const uint8_t* x = quads + first * kStride * kQuads * kQuadBytes;
    F32 scaled[2][4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      I32 sums[2] = {chunk.offset[v], chunk.offset[v]};
#pragma GCC unroll 2
      for (int part = 0; part < (kRest ? 2 : 1); ++part) {
        I32 w[kColumns * kQuads];
#pragma GCC unroll 10
        for (int k = 0; k < kColumns * kQuads; ++k) {
          w[k] = LoadBytes(reinterpret_cast<const uint8_t*>(weights) + part * part_bytes + k * kQuadBytes +
                           v * kVectorBytes);
          WHET_KEEP_IN_REGISTER(w[k]);
        }
#pragma GCC unroll 14
        for (int k = 0; k < (kColumns + kStride) * kQuads; ++k) {
          const I32 quad = LoadBytes(x + k * kQuadBytes + v * kVectorBytes);
          if (k < kColumns * kQuads) sums[0] = DotQuads(sums[0], quad, w[k]);
          if (k >= kStride * kQuads) sums[1] = DotQuads(sums[1], quad, w[k - kStride * kQuads]);
        }
      }
      scaled[0][v] = ConvertToF32(sums[0]) * chunk.multiplier[v];
      scaled[1][v] = ConvertToF32(sums[1]) * chunk.multiplier[v];
    }
#pragma GCC unroll 2
    for (int k = 0; k < 2; ++k) {
      const Wide bytes = PackedSteps::Pack(steps, scaled[k][0], scaled[k][1], scaled[k][2], scaled[k][3]);
      Outputs::Store(outputs, first + k, bytes);
    }
  }
}

using QuantizeStripFn = void (*)(const Chunk&, const uint8_t*, const Strip&, uint8_t*);

template <bool kRest>
QuantizeStripFn QuantizeStripOf(const Params& p) {
  const bool pairs = p.dilation_w == 1 && (p.stride_w == 1 || p.stride_w == 2);
  if (p.kernel_h <= 4 && p.kernel_w == 3) {
    if (!pairs) return QuantizeStrip<kRest, 3>;
    return p.stride_w == 1 ? QuantizePairs<kRest, 1, 3, 1> : QuantizePairs<kRest, 2, 3, 1>;
  }
  // With fewer registers, ten weights do not stay in them.
  if (kVectorRegisters >= 32 && pairs && p.kernel_h > 4 && p.kernel_h <= 8 && p.kernel_w == 5) {
    return p.stride_w == 1 ? QuantizePairs<kRest, 1, 5, 2> : QuantizePairs<kRest, 2, 5, 2>;
  }
  return QuantizeStrip<kRest, 0>;
}

// Null if the outputs have to be finished otherwise.
QuantizeStripFn FindQuantizeStrip(const Chunk& chunk) {
  const Params& p = *chunk.params;
  if (p.output != DType::kU8 && p.output != DType::kI8) return nullptr;
  return chunk.has_rest ? QuantizeStripOf<true>(p) : QuantizeStripOf<false>(p);
}

void PutInTurn(const Finish& f, Chunk* chunk) {
  const int64_t share_bytes = kAtOnce / chunk->shares;
  for (int v = 0; v < 4; ++v) {
    // Registers that are not channels of the chunk's repeat the first ones.
    const auto load = [&](const int32_t* from) {
      return LoadRegisters([&](int part) {
        const int64_t at = part * 16 & (share_bytes - 1);
        return from + 4 * v + (at < chunk->channels ? at : 0);
      });
    };
    chunk->offset[v] = load(f.offset);
    if (f.weight_sums != nullptr) chunk->offset[v] -= load(f.weight_sums) * f.input_zero;
    chunk->multiplier[v] = AsF32(load(reinterpret_cast<const int32_t*>(f.multiplier)));
  }
}
#else
using QuantizeStripFn = void (*)(const Chunk&, const uint8_t*, const Strip&, uint8_t*);
QuantizeStripFn FindQuantizeStrip(const Chunk&) { return nullptr; }
void PutInTurn(const Finish&, Chunk*) {}
#endif

// Whether the second part of the weights has anything in it.
bool HasRest(const Chunk& chunk) {
  if constexpr (kParts == 1) return false;
  I32 any{};
  for (int64_t at = 0; at < chunk.part_bytes; at += kVectorBytes) {
    any |= LoadBytes(reinterpret_cast<const uint8_t*>(chunk.weights) + chunk.part_bytes + at);
  }
  int32_t lanes[kLanes];
  StoreI32(lanes, any);
  int32_t all = 0;
  for (int32_t lane : lanes) all |= lane;
  return all != 0;
}

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
  const bool flips = is_signed != kSignedElements;
  const int32_t input_zero = InputZeroOf(p, args.operands[7]);

  const qdepthwise::ScratchLayout layout = qdepthwise::LayOutScratch(p, kLanes);
  auto* scratch = static_cast<uint8_t*>(args.scratch);
  auto* padding = scratch + layout.padding;
  auto* quads = scratch + layout.quads;
  auto* sums = reinterpret_cast<int32_t*>(scratch + layout.sums);
  std::memset(padding, input_zero & 0xff, static_cast<size_t>(p.cin));

  const int64_t rows = p.batch * p.out_h;
  const int64_t m_blocks = (rows + p.m_block - 1) / p.m_block;
  Chunk chunk{};
  chunk.params = &p;
  chunk.quads = qdepthwise::QuadsOf(p);
  chunk.part_bytes = p.kernel_w * chunk.quads * kQuadBytes;
  Finish finish{};
  finish.input_zero = input_zero + (flips ? (is_signed ? 128 : -128) : 0);
  finish.input_scale = static_cast<const float*>(args.operands[9]);
  finish.sums = sums;
  finish.sums_stride = kAtOnce;
  finish.out_stride = p.out_stride;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t n0 = unit / m_blocks * p.n_block;
    const int64_t n1 = n0 + p.n_block < p.cout ? n0 + p.n_block : p.cout;
    const int64_t row0 = unit % m_blocks * p.m_block;
    const int64_t row1 = row0 + p.m_block < rows ? row0 + p.m_block : rows;
    for (int64_t channel = n0; channel < n1; channel += kAtOnce) {
      chunk.channel = channel;
      chunk.weights = weights + channel / kAtOnce * kParts * chunk.part_bytes;
      chunk.has_rest = HasRest(chunk);
      finish.columns = n1 - channel < kAtOnce ? n1 - channel : kAtOnce;
      finish.offset = offset + channel;
      finish.multiplier = multiplier != nullptr ? multiplier + channel : nullptr;
      finish.bias = bias != nullptr ? bias + channel : nullptr;
      finish.weight_sums = weight_sums != nullptr ? weight_sums + channel : nullptr;
      chunk.channels = finish.columns;
      const QuantizeStripFn quantize = weight_zero == nullptr ? FindQuantizeStrip(chunk) : nullptr;
      chunk.shares = quantize != nullptr ? qdepthwise::SharesOf(chunk.channels, kAtOnce) : 1;
      if (quantize != nullptr) PutInTurn(finish, &chunk);
      const InterleaveFn interleave =
          flips ? FindInterleave<true>(chunk.shares) : FindInterleave<false>(chunk.shares);
      const int64_t most = kStrip * chunk.shares;
      for (int64_t row = row0; row < row1; ++row) {
        const uint8_t* image = input + row / p.out_h * p.in_h * p.in_w * p.in_stride;
        Strip strip{};
        strip.y0 = row % p.out_h * p.stride_h - p.pad_top;
        for (int64_t ox = 0; ox < p.out_w; ox += most) {
          strip.x0 = ox * p.stride_w - p.pad_left;
          strip.pixels = p.out_w - ox < most ? p.out_w - ox : most;
          strip.apart = (strip.pixels + chunk.shares - 1) / chunk.shares;
          strip.columns = (strip.apart - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1;
          interleave(chunk, image, strip, padding, quads);
          const int64_t at = (row * p.out_w + ox) * p.out_stride + channel;
          if (quantize != nullptr) {
            quantize(chunk, quads, strip, static_cast<uint8_t*>(args.operands[0]) + at);
            continue;
          }
          finish.rows = strip.pixels;
          (chunk.has_rest ? SumStrip<true> : SumStrip<false>)(chunk, quads, strip.pixels, sums);
          if (weight_zero != nullptr)
            TakeZerosOff(chunk, quads, strip.pixels, weight_zero + channel, finish.columns, sums);
          FinishTile(finish, p, args.operands[0], at);
        }
      }
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
