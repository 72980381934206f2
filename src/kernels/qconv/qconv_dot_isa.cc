#include "kernels/qconv/qconv.h"

#include "kernels/conv/taps.h"
#include "kernels/qconv/dot_tile.h"
#include "kernels/qconv/finish.h"

namespace whet::kernels::WHET_ISA {
namespace {

using qconv::Elements;
using qconv::Params;

using VectorOfBytes = uint8_t __attribute__((vector_size(kVectorBytes)));
using ShortVectorOfBytes = uint8_t __attribute__((vector_size(16)));

// Copies of `length` elements as the inner loop takes them, by whole vectors: what follows is overwritten.
template <typename Vector>
WHET_INLINE void CopyElements(const uint8_t* from, uint8_t* to, int64_t length, uint8_t flip) {
  const Vector mask = Vector{} + flip;
  for (int64_t i = 0; i < length; i += int64_t{sizeof(Vector)}) {
    Vector v;
    std::memcpy(&v, from + i, sizeof(v));
    v ^= mask;
    std::memcpy(to + i, &v, sizeof(v));
  }
}
WHET_INLINE void WidenSigned(const uint8_t* from, uint8_t* to, int64_t length) {
  constexpr int64_t kStep = kVectorBytes / 2;
  for (int64_t i = 0; i < length; i += kStep) {
    const I32 v = LoadSignedPairs(from + i);
    std::memcpy(to + 2 * i, &v, sizeof(v));
  }
}
WHET_INLINE void WidenUnsigned(const uint8_t* from, uint8_t* to, int64_t length) {
  constexpr int64_t kStep = kVectorBytes / 2;
  for (int64_t i = 0; i < length; i += kStep) {
    const I32 v = LoadUnsignedPairs(from + i);
    std::memcpy(to + 2 * i, &v, sizeof(v));
  }
}

// Calls copy(from, to, length) for the pieces, listed [piece][pixel], of `count` pixels; those of a pixel
// come to lie side by side.
template <typename CopyFn>
WHET_INLINE void CopyPieces(const Pieces& pieces, const uint8_t* const* list, int64_t count, uint8_t* to,
                            int64_t row_bytes, CopyFn copy) {
  constexpr int64_t kElementBytes = kElements == Elements::kWidened ? 2 : 1;
  for (int64_t r = 0; r < count; ++r, to += row_bytes) {
    uint8_t* at = to;
    for (int64_t piece = 0; piece < pieces.count; ++piece, at += pieces.length * kElementBytes)
      copy(list[piece * count + r], at, pieces.length);
  }
}
void CopyPieces(const Pieces& pieces, const uint8_t* const* list, int64_t count, bool is_signed, uint8_t flip,
                uint8_t* to, int64_t row_bytes) {
  if constexpr (kElements == Elements::kWidened) {
    return CopyPieces(pieces, list, count, to, row_bytes,
                      [&](const uint8_t* from, uint8_t* at, int64_t length) {
                        if (is_signed) return WidenSigned(from, at, length);
                        WidenUnsigned(from, at, length);
                      });
  }
  // Short pieces are copied by short vectors, since longer ones would mostly cross from a line of the cache
  // to the next.
  if (pieces.length <= 16) {
    return CopyPieces(pieces, list, count, to, row_bytes, [&](const uint8_t* from, uint8_t* at, int64_t) {
      CopyElements<ShortVectorOfBytes>(from, at, 16, flip);
    });
  }
  return CopyPieces(pieces, list, count, to, row_bytes,
                    [&](const uint8_t* from, uint8_t* at, int64_t length) {
                      CopyElements<VectorOfBytes>(from, at, length, flip);
                    });
}

// Sums of `length` elements, each as the inner loop takes it.
int32_t SumOf(const uint8_t* elements, int64_t length) {
  int32_t sum = 0;
  for (int64_t i = 0; i < length; ++i) {
    if constexpr (kElements == Elements::kUnsigned) {
      sum += elements[i];
    } else if constexpr (kElements == Elements::kSigned) {
      sum += static_cast<int8_t>(elements[i]);
    } else {
      int16_t element;
      std::memcpy(&element, elements + 2 * i, sizeof(element));
      sum += element;
    }
  }
  return sum;
}

// The tiles that quantize their sums to outputs of that type; null if there are none.
const DotTileFn (*QuantizingTiles([[maybe_unused]] DType output))[kDotRows] {
#if defined(__AVX2__)
  static constexpr DotTiles<ByteProduct, StoreSteps> kTiles;
  if (output == DType::kU8 || output == DType::kI8) return kTiles.fn;
#endif
  return nullptr;
}

}  // namespace

void QConv(const Args& args, int64_t begin, int64_t end) {
  static constexpr DotTiles<ByteProduct, StoreSums> kTiles;
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
  const int32_t shift = ShiftOf(is_signed);
  const uint8_t flip = shift != 0 ? 0x80 : 0;

  const qconv::ScratchLayout layout = qconv::LayOutScratch(p, kElements, kDotColumns);
  auto* scratch = static_cast<uint8_t*>(args.scratch);
  auto* list = reinterpret_cast<const uint8_t**>(scratch + layout.list);
  auto* copied = reinterpret_cast<const uint8_t**>(scratch + layout.rows);
  auto* padding = scratch + layout.padding;
  auto* sums = reinterpret_cast<int32_t*>(scratch + layout.sums);
  auto* input_sums = reinterpret_cast<int32_t*>(scratch + layout.input_sums);
  std::memset(padding, input_zero & 0xff, static_cast<size_t>(p.cin));
  for (int64_t r = 0; r < p.m_tile; ++r) copied[r] = scratch + layout.copies + r * layout.row_bytes;

  const bool pointwise = conv::IsPointwise(p);
  const bool copies = p.copies != 0;
  // The elements under a row of the kernel lie side by side, and are copied at once.
  const bool whole_rows = copies && p.dilation_w == 1 && p.in_stride == p.cin;
  const int64_t pixels = p.batch * p.out_h * p.out_w;
  const int64_t m_blocks = (pixels + p.m_block - 1) / p.m_block;
  const int64_t n_blocks = (p.cout + p.n_block - 1) / p.n_block;
  const int64_t groups_of_k = (layout.length + kDotGroup - 1) / kDotGroup;
  const int64_t column_bytes = layout.segments * groups_of_k * kDotGroup;
  const int64_t group_weights = (p.cout + kLanes - 1) / kLanes * kLanes * column_bytes;

  DotTileArgs tile;
  tile.a = copies ? copied : list;
  tile.segments = layout.segments;
  tile.groups = groups_of_k;
  tile.sums = sums;
  tile.signed_output = p.output == DType::kI8;
  tile.zero_point = p.output_zero;
  tile.low = p.low;
  tile.high = p.high;
  tile.out_stride = p.out_stride;
  const DotTileFn(*const quantizing)[kDotRows] =
      weight_zero == nullptr && weight_sums == nullptr ? QuantizingTiles(p.output) : nullptr;
  Finish finish{};
  finish.input_zero = input_zero + shift;
  finish.input_scale = static_cast<const float*>(args.operands[9]);
  finish.sums = sums;
  finish.sums_stride = kDotColumns;
  finish.input_sums = input_sums;
  finish.out_stride = p.out_stride;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t group = unit / m_blocks / n_blocks;
    const int64_t n0 = unit / m_blocks % n_blocks * p.n_block;
    const int64_t n1 = n0 + p.n_block < p.cout ? n0 + p.n_block : p.cout;
    const int64_t m0 = unit % m_blocks * p.m_block;
    const int64_t m1 = m0 + p.m_block < pixels ? m0 + p.m_block : pixels;
    const uint8_t* group_input = input + group * p.cin;
    const int8_t* panels = weights + group * group_weights + n0 * column_bytes;
    for (int64_t i = m0; i < m1; i += p.m_tile) {
      const int64_t count = m1 - i < p.m_tile ? m1 - i : p.m_tile;
      const Pieces pieces =
          ListPieces<uint8_t>(p, pointwise, whole_rows, group_input, padding, list, i, count);
      if (copies) {
        CopyPieces(pieces, list, count, is_signed, flip, scratch + layout.copies, layout.row_bytes);
      }
      tile.rows = count;
      if (weight_zero != nullptr) {
        for (int64_t r = 0; r < count; ++r) {
          input_sums[r] = 0;
          for (int64_t s = 0; s < layout.segments; ++s) {
            input_sums[r] += SumOf(tile.a[s * count + r], layout.length);
          }
        }
      }
      tile.b = panels;
      for (int64_t j = n0; j < n1; j += kDotColumns) {
        const int64_t channel = group * p.cout + j;
        finish.columns = n1 - j < kDotColumns ? n1 - j : kDotColumns;
        const int64_t at = i * p.out_stride + channel;
        if (quantizing != nullptr) {
          tile.offset = offset + channel;
          tile.multiplier = multiplier + channel;
          tile.output = static_cast<uint8_t*>(args.operands[0]) + at;
          tile.columns = finish.columns;
          quantizing[(finish.columns - 1) / kLanes][count - 1](tile);
          tile.b += kDotColumns * column_bytes;
          continue;
        }
        kTiles.fn[(finish.columns - 1) / kLanes][count - 1](tile);
        tile.b += kDotColumns * column_bytes;
        finish.rows = count;
        finish.offset = offset + channel;
        finish.multiplier = multiplier != nullptr ? multiplier + channel : nullptr;
        finish.weight_zero = weight_zero != nullptr ? weight_zero + channel : nullptr;
        finish.bias = bias != nullptr ? bias + channel : nullptr;
        finish.weight_sums = weight_sums != nullptr ? weight_sums + channel : nullptr;
        FinishTile(finish, p, args.operands[0], at);
      }
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
