// Constants as integers with scales.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ir/builder.h"
#include "ir/graph.h"
#include "quantize/parameters.h"

namespace whet::quantize {

// Integers and what DequantizeLinear needs beside them.
struct QuantizedTensor {
  std::shared_ptr<const Constant> values;
  std::shared_ptr<const Constant> scale;  // f32: one number, one an entry of `axis`, or one a block along it
  std::shared_ptr<const Constant> zero;   // of the values' type and the scale's shape; null: 0
  int axis = -1;                          // -1: one scale for the whole tensor
  int64_t block = 0;                      // entries of `axis` that share a scale; 0: one scale an entry
};

// i8 in [-127, 127], symmetric, one scale an entry of `axis` (-1: one for all). The scales are at least
// `least_scales`, which may be empty. A channel that is all 0 gets the scale of the largest other one.
QuantizedTensor QuantizeByChannel(const TensorView& weights, int axis, std::span<const double> least_scales);

// The channels (entries of `axis`) that are all 0.
std::vector<int64_t> ZeroChannels(const TensorView& weights, int axis);

// i8, or i4, or u4 if not symmetric, one scale a block of `block` entries along `axis`. 4-bit scales are
// those of the least squared error, searched around the one that covers the largest weight; `importance`, one
// number a weight or nothing, says how much each one's error counts.
QuantizedTensor QuantizeByBlock(const TensorView& weights, int axis, int64_t block, int bits, bool symmetric,
                                std::span<const float> importance = {});

// A constant that takes part in computing as an activation does: one scale, the parameters as they are.
QuantizedTensor QuantizeWith(const TensorView& values, const Parameters& parameters);

// i32 with the scale input_scale * weight_scales[c], or weight_scales[0] where there is one only.
QuantizedTensor QuantizeBias(std::span<const float> bias, float input_scale,
                             std::span<const float> weight_scales);
// Of a layer with that bias and input scale: the least weight scales with which QuantizeBias fits into 32
// bits.
std::vector<double> LeastWeightScales(std::span<const float> bias, float input_scale);

// The real numbers that the integers stand for.
std::vector<float> Dequantize(const QuantizedTensor& tensor);

// Of each element, in the tensor's order, the scale and zero point of its integer; and the integers' bounds.
struct ElementSteps {
  std::vector<float> scales;
  std::vector<float> zeros;
  std::vector<size_t> positions;  // of the scales in QuantizedTensor::scale
  float least = 0;
  float largest = 0;
};
ElementSteps StepsOf(const QuantizedTensor& tensor);
// The tensor with other integers, one an element, in place of its own.
QuantizedTensor WithIntegers(const QuantizedTensor& tensor, std::span<const int32_t> integers);
// The tensor, rounded by block, with other scales, one an element.
QuantizedTensor WithScales(const QuantizedTensor& tensor, std::span<const float> scales);
// As the scales of blocks are stored.
float RoundBlockScale(double scale);

// DequantizeLinear of the tensor as constants of the graph, named after `name`.
Value* EmitDequantized(GraphBuilder& builder, const QuantizedTensor& tensor, const std::string& name);

}  // namespace whet::quantize
