// A transposed convolution whose stride is s computes every s-th output pixel by the same taps: it is a
// convolution with a set of output channels for each of the s x s phases, DepthToSpace, and a slice that
// takes the padding off.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "ir/builder.h"
#include "ir/graph.h"

namespace whet {

struct PhaseConvolution {
  int64_t stride;     // the phases are stride x stride, row by row
  int64_t kernel[2];  // of the convolution
  int64_t end[2];     // padding at its bottom and right; at the top and left it is kernel - 1
  int64_t first[2];   // output pixels cut off at the top and left
  int64_t size[2];    // of the output
  int64_t phases() const { return stride * stride; }
};

// Of a ConvTranspose in two dimensions without groups or dilation, whose kernel the phases' fill at least
// half of: the rest would be products with zeros.
std::optional<PhaseConvolution> PhasesOf(const Node& node);

// The convolution's weights [phase and O, kernel, C] of the node's [O, kernel, C], of whole bytes; `zero`, by
// O or for all, is what stands for 0 of 8-bit integers, or null.
std::shared_ptr<const Constant> PhaseWeights(const PhaseConvolution& phases, const Constant& weights,
                                             const Value* zero);

// A constant of one number for each O, for each of the convolution's channels.
Value* RepeatForPhases(GraphBuilder& builder, const PhaseConvolution& phases, Value* vector);

// The convolution's attributes.
Attributes PhaseAttributes(const PhaseConvolution& phases);

// The node's output from the convolution's.
Value* JoinPhases(GraphBuilder& builder, const PhaseConvolution& phases, Value* y);

}  // namespace whet
