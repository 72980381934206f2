#include "ops/spelling_common.h"

#include <algorithm>

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

Status EmitAs(std::string_view op, ForeignNode& node, GraphBuilder& builder, std::span<Value* const> inputs) {
  const size_t outputs = std::max<size_t>(node.output_names.size(), 1);
  const auto results = builder.EmitNode(op, inputs, outputs, std::move(node.attributes));
  for (size_t i = 0; i < outputs; ++i) node.SetResult(i, results[i]);
  return builder.TakeStatus();
}

Value* TakeIntsAsInput(ForeignNode& node, GraphBuilder& builder, std::string_view name) {
  if (!node.attributes.Has(name)) return nullptr;
  Value* value = builder.Ints(node.attributes.Ints(name), name);
  node.attributes.Remove(name);
  return value;
}

Status ImportAxesAttribute(ForeignNode& node, GraphBuilder& builder) {
  Value* axes = TakeIntsAsInput(node, builder, "axes");
  return EmitAs(node.op_type, node, builder, {node.input(0), axes});
}

Status ImportLegacyBroadcast(ForeignNode& node, GraphBuilder& builder) {
  Value* a = node.input(0);
  Value* b = node.input(1);
  if (node.attributes.Int("broadcast") != 0 && node.attributes.Has("axis")) {
    if (!a->type.ranked || !b->type.ranked)
      return node.Unsupported("broadcasting along an axis of unknown rank");
    int64_t axis = node.attributes.Int("axis");
    if (axis < 0) axis += a->type.rank();
    std::vector<int64_t> trailing;
    for (int64_t d = b->type.rank(); d < a->type.rank() - axis; ++d) trailing.push_back(d);
    if (!trailing.empty()) b = builder.Emit("Unsqueeze", {b, builder.Ints(trailing, "axes")});
  }
  node.attributes = {};
  return EmitAs(node.op_type, node, builder, {a, b});
}

}  // namespace whet::ops
