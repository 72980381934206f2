#include "ops/sequence_common.h"

#include "ops/spatial_common.h"

namespace whet::ops {

Result<std::vector<Value*>> SequenceElements(const ForeignNode& node, const Value* sequence) {
  const Node* producer = sequence->producer();
  if (producer == nullptr || !producer->Is("SequenceConstruct")) {
    return node.Unsupported("a sequence whose elements are known only when the model runs");
  }
  return std::vector<Value*>(producer->inputs().begin(), producer->inputs().end());
}

Result<size_t> SequencePosition(const ForeignNode& node, size_t i, size_t limit, size_t fallback) {
  if (!node.HasInput(i)) return fallback;
  std::vector<int64_t> position;
  if (!ConstantInts(node.input(i), &position) || position.size() != 1) {
    return node.Unsupported("a position in a sequence that is not a constant");
  }
  const auto size = static_cast<int64_t>(limit);
  const int64_t at = position[0] < 0 ? position[0] + size : position[0];
  if (at >= 0 && at < size) return static_cast<size_t>(at);
  return Error(Code::kBadFile, "position %lld of a sequence with %zu", static_cast<long long>(position[0]),
               limit);
}

Status SetSequence(ForeignNode& node, GraphBuilder& builder, std::span<Value* const> elements) {
  node.SetResult(0, builder.Emit("SequenceConstruct", elements));
  return builder.TakeStatus();
}

}  // namespace whet::ops
