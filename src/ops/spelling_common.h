// What the spellings of several operators in other formats share.
#pragma once

#include "ir/foreign.h"

namespace whet::ops {

// Applies TFLite's fused_activation_function ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT") of
// `node`.
Value* ApplyTfliteActivation(ForeignNode& node, GraphBuilder& builder, Value* x);
// A binary operator with TFLite's fused activation.
Status ImportTfliteBinary(std::string_view op, ForeignNode& node, GraphBuilder& builder);

// One node `op` with `inputs`, the node's remaining attributes and as many outputs as the node has; sets all
// results.
Status EmitAs(std::string_view op, ForeignNode& node, GraphBuilder& builder, std::span<Value* const> inputs);
inline Status EmitAs(std::string_view op, ForeignNode& node, GraphBuilder& builder,
                     std::initializer_list<Value*> inputs) {
  return EmitAs(op, node, builder, std::span(inputs.begin(), inputs.size()));
}

// Takes an integer list attribute, which older ONNX versions have where newer ones have an input, out of the
// node: the constant that stands for it, or null if it is absent.
Value* TakeIntsAsInput(ForeignNode& node, GraphBuilder& builder, std::string_view name);
// A node of the same name whose attribute `axes` became input 1 (Squeeze, Unsqueeze, reductions).
Status ImportAxesAttribute(ForeignNode& node, GraphBuilder& builder);
// A binary operator of ONNX before opset 7: `b` is broadcast only if the attribute says so, from `axis` on.
Status ImportLegacyBroadcast(ForeignNode& node, GraphBuilder& builder);

}  // namespace whet::ops
