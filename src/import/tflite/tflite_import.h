// Reads TFLite models.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"
#include "ir/graph.h"

namespace whet {

struct TfliteImportOptions {
  // Which of the file's signatures to take; empty: the first subgraph.
  std::string signature;
  // After inlining the subgraphs that are called; keeps subgraphs that call each other from growing without
  // bound.
  size_t max_operators = size_t{1} << 18;
};

// The Graph of a TFLite file. Names of inputs, outputs and values are the file's tensor names; constants
// refer to the mapped file; quantized tensors are between QuantizeLinear and DequantizeLinear nodes;
// variables are the Graph's states. What the file's metadata buffers and signatures say is in Graph::metadata
// under "tflite.…". Everything in the model that Whet cannot do is reported in one error.
Result<std::unique_ptr<Graph>> ImportTflite(const std::string& path, const TfliteImportOptions& options = {});

// From memory that `owner` keeps alive as long as a constant of the Graph lives; without an owner the bytes
// are copied. `name` is what errors call it.
Result<std::unique_ptr<Graph>> ImportTfliteBytes(std::span<const std::byte> bytes,
                                                 std::shared_ptr<const void> owner, const std::string& name,
                                                 const TfliteImportOptions& options = {});

}  // namespace whet
