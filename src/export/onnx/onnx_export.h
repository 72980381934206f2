// Writes a Graph as an ONNX model.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "ir/graph.h"

namespace whet {

struct OnnxExportOptions {
  // 17 to 23. 0: the lowest of them that can express the Graph.
  int opset = 0;
  // Where the constants take more bytes than this in all, the large ones go to a file beside the model, named
  // after it with ".data". ONNX's format itself ends at 2 GiB.
  uint64_t external_data_above = uint64_t{1} << 30;
};

// Spatial operators become channels first again, fused activations and residuals become nodes, and states
// become plain inputs and outputs. Written so that a crash leaves no half of it under its name.
Status ExportOnnx(const Graph& graph, const std::string& path, const OnnxExportOptions& options = {});

// The bytes of the model, all data within it.
Result<std::string> ExportOnnxBytes(const Graph& graph, int opset = 0);

}  // namespace whet
