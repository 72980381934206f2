// How ONNX's convolutions, real-valued and quantized, become the Graph's Conv, and its shape.
#pragma once

#include "ops/spatial_common.h"

namespace whet::ops {

// x and w channels last, b null where absent; `attributes` are ONNX's. The result is channels last.
Result<Value*> EmitConv(GraphBuilder& builder, Value* x, Value* w, Value* b, Attributes attributes);
// Gives x and w (inputs 0 and `w` of the node) the rank that one of them has; an error if that is below 3 or
// they differ.
Status AgreeOnRank(ForeignNode& node, size_t w);
// The type of a convolution of input 0 (channels last) with the weights [O, k1 … kk, C/group] that are input
// `weights`, by the attributes group, strides, dilations, pads and auto_pad; of input 0's element type.
Result<Type> InferConvolution(const InferContext& context, size_t weights);
// The sizes of the kernel of channels-last weights; unknown ones are an error.
Result<std::vector<int64_t>> KernelSizes(const Type& w);

}  // namespace whet::ops
