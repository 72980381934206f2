// ONNX's sequences of tensors. The Graph has none: while a model is read, a sequence is the output of a
// SequenceConstruct node, whose inputs are its elements; the operators on sequences take from there what they
// need, and nothing of it is left when the model has been read.
#pragma once

#include "ir/foreign.h"

namespace whet::ops {

// The elements of a sequence; an error if they are not known while the model is read.
Result<std::vector<Value*>> SequenceElements(const ForeignNode& node, const Value* sequence);
// Input `i` of the node, a constant position in 0 … `limit` - 1 (negative counts from the end); absent:
// `fallback`.
Result<size_t> SequencePosition(const ForeignNode& node, size_t i, size_t limit, size_t fallback);
// Sets the node's result to the sequence of these elements.
Status SetSequence(ForeignNode& node, GraphBuilder& builder, std::span<Value* const> elements);

}  // namespace whet::ops
