// How each operator can be quantized.
#pragma once

#include <optional>
#include <string_view>

#include "ir/graph.h"
#include "quantize/parameters.h"
#include "quantize/scheme.h"

namespace whet::quantize {

enum class Rule {
  kNone,       // stays in float
  kWeighted,   // a convolution or a product with constant weights (input 1) and perhaps a bias (input 2)
  kRecurrent,  // an LSTM or GRU with constant weights (inputs 1 and 2), which alone are quantized
  kComputes,   // activations in, activations out, each with parameters of its own
  kSameScale,  // gives out what it is given: all activations share the parameters
  kClamps,     // Relu or Clip: becomes part of what it follows; by itself as kComputes
};

// For f32 nodes of a prepared Graph.
Rule RuleOf(const Node& node, Convention convention);
// The activations among the inputs: bit i for input i. Others (shapes, pads, slopes, weights) stay as they
// are.
uint32_t ActivationInputs(const Node& node, Rule rule, Convention convention);
// The range that TensorFlow Lite's specification prescribes for the output, if it does.
std::optional<Parameters> FixedOutput(const Node& node, DType activation);

// The dimension of the weights along which the output channels lie; -1 where they cannot be quantized by
// channel. `input_axis` the one along which a row of weights meets the input's channels.
struct WeightAxes {
  int channel = -1;
  int input = -1;
};
WeightAxes AxesOf(const Node& node);
bool IsRecurrent(std::string_view op);
// Each output channel has weights of its own input channel only.
bool IsDepthwise(const Node& node);

}  // namespace whet::quantize
