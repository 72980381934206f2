// Writes a Graph as a TFLite model.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"

namespace whet {

// The Graph's inputs, outputs and their names are kept, and a signature "serving_default" lists them. What is
// quantized by QuantizeLinear and DequantizeLinear becomes quantized tensors wherever TFLite has the operator
// on integers: per-channel weights, biases of the scale that TFLite demands, i8 or i16 activations; elsewhere
// the operator computes on reals between DEQUANTIZE and QUANTIZE. Weights converted from f16 stay f16. States
// become variables. Dimensions that are not known are left open.
//
// Everything that TFLite cannot express is reported in one error. Written so that a crash leaves no half of
// the file under its name.
Status ExportTflite(const Graph& graph, const std::string& path);

// The bytes of the model.
Result<std::vector<std::byte>> ExportTfliteBytes(const Graph& graph);

}  // namespace whet
