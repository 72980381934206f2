// Reading and rewriting the constant weights of Conv, ConvTranspose and MatMul.
#pragma once

#include <optional>
#include <vector>

#include "ir/builder.h"
#include "ir/graph.h"

namespace whet {

// A Conv, ConvTranspose or MatMul in f32 with constant weights, and nothing fused after the bias yet.
bool IsPlainWeighted(const Node& node);
// How many outputs channels (last dimension of the output) it has.
int64_t OutputChannels(const Node& node);

// The values of a constant as one number per channel (the last dimension of a tensor of `rank` dimensions),
// also if it is a single number. Nullopt if it varies along another dimension.
std::optional<std::vector<float>> PerChannel(const Value* value, int64_t channels);

// The node's weights with output channel c multiplied by scale[c], as a new constant.
std::shared_ptr<const Constant> ScaledWeights(const Node& node, std::span<const float> scale);

// The bias as numbers; zeros if it has none, nullopt if it is not constant.
std::optional<std::vector<float>> BiasOf(const Node& node);

// A copy of `node` before `position`, with these weights and bias (null keeps the node's), inputs beyond the
// bias and attributes kept. Returns its output.
Value* CopyWeighted(GraphBuilder& builder, const Node& node, Value* weights, Value* bias);

}  // namespace whet
