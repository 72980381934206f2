// What QuantizedConv and QuantizedMatMul share: the operands beside x and w, and what becomes of a sum.
//
//   sum = sum of (x - x zero) * (w - w zero) + bias
//
// x is of 8 bits and w, too: the sum is in i32, modulo 2^32. Or x is of 16 bits, and w of i8 without zero
// points: the sum is exact, the scales and the zero point of x are constant, and there is a scale.
//
//   with a scale of the result     y = Requantize(sum) of base/requantize.h, bias i32 in units of x scale * w
//   scale;
//                                  the attributes low and high bound it further
//   with scales of x and w only    y = f32(sum) * (x scale * w scale) + bias in f32; the sum is without bias
//   without scales                 y = sum, no bias
//
// Everything is exact or rounded where it says so: results are the same bits wherever they are computed.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/foreign.h"
#include "ir/op_def.h"

namespace whet::ops {

// ONNX's order. Scales and zero points are single elements; those of w may be one an output channel.
enum ProductInput : size_t {
  kProductX,
  kProductXScale,
  kProductXZero,
  kProductW,
  kProductWScale,
  kProductWZero,
  kProductYScale,
  kProductYZero,
  kProductBias,
  kProductInputs,
};

// Checks the operands and sets the output: `shape`, whose last dimension is the channels, in the type that
// the operands make.
Status InferQuantizedProduct(InferContext& context, Type shape);

// For references: the numbers that a sum needs, and its end.
class ProductSteps {
 public:
  static ProductSteps Make(const ReferenceContext& context, int64_t channels);
  int32_t x_zero() const { return x_zero_; }
  int32_t w_zero(int64_t channel) const { return w_zero_[static_cast<size_t>(channel)]; }
  // Of the products' sum without bias, for element i of the output.
  void Store(const TensorView& y, int64_t i, int64_t channel, uint64_t sum) const;

 private:
  bool wide_ = false;  // the sum is exact, not modulo 2^32
  int32_t x_zero_ = 0;
  std::vector<int32_t> w_zero_;
  std::vector<int32_t> bias_;      // or empty
  std::vector<float> float_bias_;  // or empty
  std::vector<float> multiplier_;  // or empty: the output is the sum
  int32_t y_zero_ = 0, low_ = 0, high_ = 0;
};

// The elements of x or w (`input`) less their zero points, in memory order, for sums modulo 2^64. An output
// channel of w is `run` successive elements, or (`run` 0) the elements that are `channels` apart.
const uint64_t* ProductOperand(ReferenceContext& context, const ProductSteps& steps, size_t input,
                               int64_t channels, int64_t run);

// --- the ONNX spelling

bool IsQuantizedResult(const Node& node);
// The name of input `i`, a zero point; if it is absent that of a new zero like input `like`'s elements.
std::string ExportZeroPoint(const Node& node, size_t i, size_t like, OnnxSink& sink);
// DequantizeLinear of `quantized`, which is input `i` (x or w), in whose ONNX form the channels are `axis`.
std::string ExportDequantized(const Node& node, size_t i, const std::string& quantized, int64_t axis,
                              OnnxSink& sink);
// The bias in real numbers; "" if there is none.
std::string ExportRealBias(const Node& node, OnnxSink& sink);
// Clips `quantized` to the attributes low and high into `result`. Only if HasBounds.
bool HasBounds(const Node& node);
void ExportBounds(const Node& node, OnnxSink& sink, const std::string& quantized, const std::string& result);
// Quantizes `real` to `result`, within the bounds.
void ExportResult(const Node& node, const std::string& real, const std::string& result, OnnxSink& sink);

}  // namespace whet::ops
