#include "ops/spelling_common.h"

namespace whet::ops {

Value* ApplyTfliteActivation(ForeignNode& node, GraphBuilder& builder, Value* x) {
  const std::string_view activation = node.attributes.String("fused_activation_function", "NONE");
  if (activation == "NONE") return x;
  if (activation == "RELU") return builder.Emit("Relu", {x});
  if (activation == "TANH") return builder.Emit("Tanh", {x});
  if (activation == "RELU6" || activation == "RELU_N1_TO_1") {
    const double low = activation == "RELU6" ? 0 : -1;
    const double high = activation == "RELU6" ? 6 : 1;
    return builder.Emit("Clip", {x, builder.Scalar(low, x->type.dtype), builder.Scalar(high, x->type.dtype)});
  }
  builder.Fail(node.Unsupported("the fused activation " + std::string(activation)));
  return x;
}

Status ImportTfliteBinary(std::string_view op, ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, ApplyTfliteActivation(node, builder, builder.Emit(op, {node.input(0), node.input(1)})));
  return builder.TakeStatus();
}

}  // namespace whet::ops
