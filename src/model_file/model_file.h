// Model files (.whet): a Graph and its weights on disk, the same for every CPU, used in place by mapping.
//
// The same Graph always gives the same bytes. Each tensor's bytes stand in the file once, at a multiple of
// 64, with their SHA-256 in the index; the index's own SHA-256 is the model's identity.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"

namespace whet {

struct Model {
  std::unique_ptr<Graph> graph;
  // 64 hexadecimal digits: equal exactly when graph, weights and metadata are.
  std::string id;
};

// Replaces `path` at once or not at all. Constants that nothing reads are left out.
Status SaveModel(const Graph& graph, const std::string& path);
// The bytes that SaveModel writes.
Result<std::vector<std::byte>> SerializeModel(const Graph& graph);
// The identity that the Graph has in a Model file; reads all weights.
Result<std::string> ModelId(const Graph& graph);

// Whether the file starts as a Model file does.
bool IsModelFile(std::span<const std::byte> bytes);

// Maps the file and checks everything but the tensors' bytes (see VerifyModelHashes), whose pages are not
// even read. The Graph's constants refer to the mapped file and keep it alive.
Result<Model> OpenModel(const std::string& path);
// Likewise from memory that `owner` keeps alive, at an address that is a multiple of 64. `name` is what
// errors call it.
Result<Model> OpenModelBytes(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                             const std::string& name);

// Compares every tensor's bytes with their SHA-256.
Status VerifyModelHashes(const std::string& path);
Status VerifyModelHashes(std::span<const std::byte> bytes, const std::string& name);

}  // namespace whet
