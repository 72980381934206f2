// Reads ONNX models.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"
#include "ir/evaluate.h"
#include "ir/graph.h"

namespace whet {

// The newest version of ONNX's own operators that is read.
inline constexpr int kNewestOnnxOpset = 24;

struct OnnxImportOptions {
  // After inlining of the model's functions; keeps functions that call each other from growing without bound.
  size_t max_nodes = size_t{1} << 18;
};

// The Graph of an ONNX file. Names of inputs, outputs, values and nodes are the file's; spatial operators are
// channels last with transposes around them. External data is read from the model's folder and nowhere else.
// Everything in the model that Whet cannot do is reported in one error.
Result<std::unique_ptr<Graph>> ImportOnnx(const std::string& path, const OnnxImportOptions& options = {});

// From memory; such a model can have no external data. `name` is what errors call it.
Result<std::unique_ptr<Graph>> ImportOnnxBytes(std::span<const std::byte> bytes, const std::string& name,
                                               const OnnxImportOptions& options = {});

// A file that holds one TensorProto, SequenceProto or OptionalProto, as `type` says, as in ONNX's backend
// tests.
Result<Datum> ReadOnnxDatum(const std::string& path, const Type& type);

}  // namespace whet
