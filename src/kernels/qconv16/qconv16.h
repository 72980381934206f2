// Convolutions and matrix products of 16-bit integers by constant 8-bit weights: 2-D over NHWC, any kernel,
// stride, dilation, padding and groups. A product of m x k by k x n is the 1x1 convolution of an image of
// 1 x m pixels with k channels.
//
//   sum = sum over taps and channels of (x - input zero) * w + bias      (exact)
//   y   = Requantize(sum) of base/requantize.h          output i16, u16, i8, u8
//   y   = f32(sum) * multiplier[channel] + f32 bias     output f32
//
// and the same bits on every instruction set.
//
// Products are added up in 32 bits. Where the weights do not prove that these hold the whole sum, K is cut
// into chunks whose sums they hold whatever the input is, and chunks and bias are added in double, which is
// exact, too.
//
// Operands:
//   0 output
//   1 input, i16 or u16
//   2 weights from Prepare
//   3 offset [channels] from Prepare: i32, or f64 if the params say wide
//   4 multiplier f32 [channels]
//   5 bias f32 [channels]; only if the output is f32, or absent
// where channels number through all groups.
//
// Work units and blocking as conv's. Scratch: ScratchLayout.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"
#include "kernels/conv/geometry.h"
#include "kernels/kernel.h"

namespace whet::kernels::qconv16 {

struct Params : conv::Geometry {  // distances count elements
  DType input = DType::kUndefined;
  DType output = DType::kUndefined;
  uint8_t wide = 0;    // filled by Choose: chunks and bias are added in double
  uint8_t copies = 0;  // filled by Choose: the pixels of a tile are copied together first
  int32_t input_zero = 0;
  int32_t output_zero = 0;
  int32_t low = 0;  // bounds of an output of integers
  int32_t high = 0;
  uint32_t chunk = 0;  // filled by Choose: if wide, elements of a chunk; even
};

struct TileRow {
  Row base;
  int tile_m;
  int tile_n;
  int lanes;
};

std::span<const TileRow> Rows();
void AppendRows(std::vector<const Row*>* rows);

// Constant weights as a model has them.
struct Weights {
  const int8_t*
      data;  // element (output channel o, y, x, input channel i): data[o * steps[0] + y * steps[1] + …]
  int64_t steps[4];
  const int32_t* bias;  // [channels], or null

  int8_t At(int64_t o, int64_t y, int64_t x, int64_t i) const {
    return data[o * steps[0] + y * steps[1] + x * steps[2] + i * steps[3]];
  }
};

Status Choose(Isa isa, const Weights& weights, Params* params, Choice* choice);
// The same with a given row.
Status Choose(const TileRow& row, const Weights& weights, Params* params, Choice* choice);

// The kernel multiplies what it reads as i16: the zero point as it is then.
inline int64_t ZeroAsRead(const Params& params) {
  return int64_t{params.input_zero} - (params.input == DType::kU16 ? 32768 : 0);
}

// What 32 bits hold of the sum for an output channel, whatever the input is.
enum class Fit : uint8_t { kAll, kProducts, kChunks };
// Of `k` weights weight(0), weight(1), …
Fit FitOf(const Params& params, int64_t bias, int64_t k, auto weight) {
  int64_t magnitude = 0, total = 0;
  for (int64_t i = 0; i < k; ++i) {
    const int64_t w = weight(i);
    magnitude += w < 0 ? -w : w;
    total += w;
  }
  const int64_t offset = bias - ZeroAsRead(params) * total;  // what stands for bias and zero point
  if (magnitude > INT32_MAX / 32768) return Fit::kChunks;
  return magnitude * 32768 + (offset < 0 ? -offset : offset) <= INT32_MAX ? Fit::kAll : Fit::kProducts;
}

// Of so many elements the products' sum fits 32 bits whatever elements and weights are.
inline constexpr uint32_t kChunk = 510;

// Null, or what is wrong with the params, or with the sizes of the operands other than weights and offset.
const char* CheckParams(const Params& params);
const char* CheckOperands(const Params& params, std::span<const uint64_t> operand_bytes);

// Where the parts of a scratch begin, in bytes, and how K is cut.
struct ScratchLayout {
  int64_t segments;   // of K, as the inner loop sees them
  int64_t length;     // of a segment, elements
  int64_t taps;       // pointers to a pixel's channels: segments, or before these are copied together
  int64_t row_bytes;  // of a copied pixel
  int64_t list;       // pointers [taps][m_tile]
  int64_t rows;       // pointers [m_tile] to the copies, or into segments that are cut into chunks
  int64_t padding;    // channels of the value that stands for 0, readable beyond
  int64_t copies;     // [m_tile][row_bytes]
  int64_t sums;       // i32 [m_tile][tile_n]
  int64_t totals;     // f64 [m_tile][tile_n]; if wide
  int64_t bytes;
};
// The sizes in `p` are checked.
ScratchLayout LayOutScratch(const Params& p, int tile_n);

// What the kernel's operands are made of.
struct Prepared {
  std::vector<int8_t> weights;
  std::vector<int32_t> offset;      // unless wide
  std::vector<double> wide_offset;  // if wide

  // Of the next channel.
  void AddOffset(const Params& params, int64_t value) {
    if (params.wide != 0) {
      wide_offset.push_back(static_cast<double>(value));
    } else {
      offset.push_back(static_cast<int32_t>(value));
    }
  }
};
// `row` is one of this family's, params are as Choose left them.
Prepared Prepare(const Row& row, const Params& params, const Weights& weights);

}  // namespace whet::kernels::qconv16
