// Maximum and average over windows of an image, NHWC, f32.
//
// Operands: 0 output [batch, out_height, out_width, channels], 1 input [batch, height, width, channels].
// Rows, pixels and images may be further apart than dense (strides), so that an output may be part of a
// concatenation. Units: output rows times channel blocks. Scratch: none.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::pool {

enum class Mode : int32_t {
  kMax = 0,                  // a window without elements gives -infinity
  kAverage = 1,              // over the elements in the image; without any, 0
  kAverageIncludingPad = 2,  // over the elements in the padded image, as ONNX's count_include_pad
};

struct Params {
  Mode mode;
  int32_t unused;
  int64_t batch, channels;
  int64_t height, width;
  int64_t out_height, out_width;  // given, so that any rounding of theirs will do
  int64_t kernel_height, kernel_width;
  int64_t stride_height, stride_width;
  int64_t dilation_height, dilation_width;
  int64_t pad_top, pad_left;
  int64_t pad_bottom, pad_right;  // only the average over the padded image reads them
  // In elements; channels are next to each other.
  int64_t in_batch_stride, in_row_stride, in_pixel_stride;
  int64_t out_batch_stride, out_row_stride, out_pixel_stride;
  // Filled by Choose: how many channels a unit does.
  int64_t channel_block;
};

// Everything in `params` but channel_block is filled by the caller.
Status Choose(Isa isa, Params* params, Choice* choice);

// --- for the pools of other element types
// What is wrong with the window and the sizes, or null.
const char* CheckWindow(const Params& params);
// What is wrong with them for operands of elements of these sizes, or null. After CheckWindow.
const char* CheckOperands(const Params& params, int64_t element_bytes, uint64_t out_bytes, uint64_t in_bytes);
// Fills channel_block.
void ChooseBlock(Params* params);
// Nothing on overflow.
std::optional<int64_t> UnitsOf(const Params& params);

const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::pool
