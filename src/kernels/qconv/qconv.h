// Convolutions and matrix products of 8-bit integers: 2-D over NHWC, any kernel, stride, dilation, padding
// and groups. A product of m x k by k x n is the 1x1 convolution of an image of 1 x m pixels with k channels.
//
//   sum = sum over taps and channels of (x - input zero) * (w - weight zero) + bias      (i32, modulo 2^32)
//   y   = Requantize(sum) of base/requantize.h          output i8, u8
//   y   = f32(sum) * multiplier[channel] + f32 bias     output f32
//   y   = sum                                           output i32
//
// and the same bits on every instruction set.
//
// Operands:
//   0 output
//   1 input, i8 or u8
//   2 weights, 3 offset i32 [channels], 5 weight zero i32 [channels]: all from Prepare; 5 absent if all are 0
//   4 multiplier f32 [channels]; absent if the output is i32
//   6 bias f32 [channels]; only if the output is f32, or absent
//   7 input zero (one element like the input), 8 weight sums i32 [channels] from Prepare: both, if the
//   input's
//     zero point is known only when it runs, else neither
//   9 input scale f32 (one element), multiplied into the multiplier first; only if the output is f32, or
//   absent
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

namespace whet::kernels::qconv {

struct Params : conv::Geometry {  // distances count elements
  DType input = DType::kUndefined;
  DType output = DType::kUndefined;
  uint16_t unused = 0;
  uint32_t copies = 0;     // filled by Choose: the pixels of a tile are copied together first
  int32_t input_zero = 0;  // unless operand 7 is there
  int32_t output_zero = 0;
  int32_t low = 0;  // bounds of an i8 or u8 output
  int32_t high = 0;
};

// What a row's inner loop takes for an element of the input.
enum class Elements : uint8_t {
  kWidened,   // 16 bits, in pairs; weights are bytes in pairs
  kUnsigned,  // a byte, in fours; i8 is moved up by 128
  kSigned,    // a byte, in fours; u8 is moved down by 128
};

// Elements of a group, whose products the inner loop adds up at once.
int64_t GroupOf(Elements elements);
// What the inner loop adds to an element of that type.
int32_t ShiftOf(Elements elements, DType input);

struct TileRow {
  Row base;
  int tile_m;
  int tile_n;
  int lanes;
  Elements elements;
};

std::span<const TileRow> Rows();
void AppendRows(std::vector<const Row*>* rows);

Status Choose(Isa isa, Params* params, Choice* choice);
// The same with a given row.
Status Choose(const TileRow& row, Params* params, Choice* choice);

// Null, or what is wrong with the params, or with the sizes of the operands other than the weights.
const char* CheckParams(const Params& params);
const char* CheckOperands(const Params& params, std::span<const uint64_t> operand_bytes);

// Where the parts of a scratch begin, in bytes, and how K is cut.
struct ScratchLayout {
  int64_t segments;    // of K, as the inner loop sees them
  int64_t length;      // of a segment, elements
  int64_t taps;        // pointers to a pixel's channels: segments, or before these are copied together
  int64_t channels;    // behind each
  int64_t row_bytes;   // of a copied pixel
  int64_t list;        // pointers [taps][m_tile]
  int64_t rows;        // pointers [m_tile] to the copies
  int64_t padding;     // channels of the value that stands for 0, readable beyond
  int64_t copies;      // [m_tile][row_bytes]
  int64_t sums;        // i32 [m_tile][tile_n]
  int64_t input_sums;  // i32 [m_tile]
  int64_t bytes;
};
// The sizes in `p` are checked.
ScratchLayout LayOutScratch(const Params& p, Elements elements, int tile_n);

// Constant weights as a model has them.
struct Weights {
  const void*
      data;    // element (output channel o, y, x, input channel i): data[o * steps[0] + y * steps[1] + …]
  DType type;  // kI8 or kU8
  int64_t steps[4];
  const int32_t* zero;  // [channels], or null: all are 0
  const int32_t* bias;  // [channels], or null

  // As a byte with a sign: u8 is moved down by 128.
  int8_t At(int64_t o, int64_t y, int64_t x, int64_t i) const {
    const uint8_t byte =
        static_cast<const uint8_t*>(data)[o * steps[0] + y * steps[1] + x * steps[2] + i * steps[3]];
    return static_cast<int8_t>(type == DType::kU8 ? byte ^ 0x80 : byte);
  }
};
// What the kernel's operands are made of. `row` is one of this family's, params are as Choose left them.
struct Prepared {
  std::vector<int8_t> weights;
  std::vector<int32_t> offset;
  std::vector<int32_t> weight_zero;  // empty: absent
  std::vector<int32_t> weight_sums;  // for an input zero that is an operand

  // For families: makes room for the channels' numbers; sets those of channel `o`, whose `k` weights as bytes
  // have the sum `sum`, where the inner loop sees the input's zero point as `input_zero`.
  void Resize(int64_t channels);
  void SetChannel(const Weights& given, int64_t o, int64_t k, uint32_t sum, int32_t input_zero,
                  bool fixed_zero);
};
// `fixed_zero`: the input's zero point is params.input_zero.
Prepared Prepare(const Row& row, const Params& params, const Weights& weights, bool fixed_zero);

}  // namespace whet::kernels::qconv
