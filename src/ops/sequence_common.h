// Sequences of tensors.
//
// Plans have none, but most models use sequences of a fixed length only: as lists of what is then joined.
// While such a model is read, the operators that take something out of a sequence take it from where it was
// put in, so that nobody reads the sequence any more. What is not known then stays and runs on the operators'
// references.
#pragma once

#include <optional>

#include "ir/evaluate.h"
#include "ir/foreign.h"

namespace whet::ops {

// --- while a model is read

// The elements, if they are known: from the nodes that made the sequence out of tensors. Neither so many
// nodes nor so many elements are followed that many readers of one sequence would take long.
std::optional<std::vector<Value*>> KnownElements(const Value* sequence);
// The constant input `i` as a position in 0 … `limit` - 1 (negative counts from the end); absent: `fallback`.
// Nothing if it is known only in a run.
Result<std::optional<size_t>> KnownPosition(const ForeignNode& node, size_t i, size_t limit, size_t fallback);
// Sets the node's result to the sequence of these elements; `type` is that of the sequence if there are none.
Status SetSequence(ForeignNode& node, GraphBuilder& builder, std::span<Value* const> elements,
                   const Type& type);
// The operator of that name as it is.
Status EmitSame(std::string_view op, ForeignNode& node, GraphBuilder& builder);
// Writes the node as the ONNX operator of the same name, inputs, outputs and attributes.
Status ExportSame(const Node& node, OnnxSink& sink);

// --- shape inference

// Input `i`, which must be a sequence.
Status RequireSequence(const InferContext& context, size_t i);
// What is true of the tensors of a sequence (or a tensor) and of another tensor; an error if their element
// types differ.
Result<Type> JoinElements(const Type& a, const Type& b);

// --- evaluation

// More elements than this are an error.
inline constexpr size_t kMaxSequenceLength = size_t{1} << 20;

// Input `i`, which must be a sequence.
Result<Datum> SequenceInput(const Node& node, const GraphEvaluator& evaluator, size_t i);
// Input `i` as a position in 0 … `limit` - 1 (negative counts from the end); absent: `fallback`.
Result<size_t> PositionInput(const Node& node, const GraphEvaluator& evaluator, size_t i, size_t limit,
                             size_t fallback);
// Input `i` as the place of a new element, 0 … `size`; absent: the end. A negative one counts from the end of
// the sequence as it was, so that there is none that means its end.
Result<size_t> InsertionInput(const Node& node, const GraphEvaluator& evaluator, size_t i, size_t size);

}  // namespace whet::ops
