// Which operators of a TFLite model the Edge TPU compiler would map to the Edge TPU, and which would run on
// the CPU.
//
// The rules are those that Google publishes in "TensorFlow models on the Edge TPU", sections "Model
// requirements" and "Supported operations" (https://coral.ai/docs/edgetpu/models-intro/), for runtime 14 and
// later. The compiler itself may leave more to the CPU, for reasons of size and precision that are not
// published.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace whet {

struct EdgeTpuOperator {
  std::string op;    // "CONV_2D"
  std::string name;  // of its first output
  bool mapped = false;
  // QUANTIZE of an input and DEQUANTIZE of an output of reals: on the CPU, but at the border, so that what is
  // between is mapped all the same.
  bool border = false;
  std::string reason;  // why it is not mapped
};

struct EdgeTpuReport {
  // In the order of execution.
  std::vector<EdgeTpuOperator> operators;

  size_t mapped() const;
  // All but those at the border.
  bool all_mapped() const;
};

// Of the first subgraph of the model. After the first operator that is not mapped none is: the compiler cuts
// a model in two at most.
Result<EdgeTpuReport> CheckEdgeTpu(std::span<const std::byte> model);

}  // namespace whet
