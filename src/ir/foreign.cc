#include "ir/foreign.h"

namespace whet {

ForeignNode::ForeignNode() = default;
ForeignNode::ForeignNode(ForeignNode&&) noexcept = default;
ForeignNode::~ForeignNode() = default;

void ForeignNode::SetResult(size_t i, Value* value) {
  if (results.size() <= i) results.resize(i + 1);
  results[i] = value;
}

void ForeignNode::SetVariable(size_t i, Value* value) { variables[i] = value; }

Status ForeignNode::Unsupported(std::string what) const { return {Code::kUnsupported, std::move(what)}; }

}  // namespace whet
