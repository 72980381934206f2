// Any model file that Whet reads to a Graph.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "ir/graph.h"

namespace whet::cli {

struct LoadedModel {
  std::string format;  // "ONNX", …
  uint64_t file_bytes = 0;
  std::unique_ptr<Graph> graph;
};

// Tells the format by the file's first bytes.
Result<LoadedModel> LoadModel(const std::string& path);

}  // namespace whet::cli
