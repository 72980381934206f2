#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const bool has_low = context.HasInput(1) && context.input(1).elements() > 0;
  const bool has_high = context.HasInput(2) && context.input(2).elements() > 0;
  const bool is_float = IsFloat(x.dtype);
  for (int64_t i = 0; i < y.elements(); ++i) {
    if (is_float) {
      double value = LoadFloat(x, i);  // NaN stays NaN
      if (has_low && value < LoadFloat(context.input(1), 0)) value = LoadFloat(context.input(1), 0);
      if (has_high && value > LoadFloat(context.input(2), 0)) value = LoadFloat(context.input(2), 0);
      StoreFloat(y, i, value);
    } else {
      // In order for signed and unsigned types of 64 bits alike.
      const auto less = [&](int64_t a, int64_t b) {
        return x.dtype == DType::kU64 ? static_cast<uint64_t>(a) < static_cast<uint64_t>(b) : a < b;
      };
      int64_t value = LoadInt(x, i);
      if (has_low && less(value, LoadInt(context.input(1), 0))) value = LoadInt(context.input(1), 0);
      if (has_high && less(LoadInt(context.input(2), 0), value)) value = LoadInt(context.input(2), 0);
      StoreInt(y, i, value);
    }
  }
  return {};
}

// Before opset 11 the limits are attributes.
Status ImportAttributes(ForeignNode& node, GraphBuilder& builder) {
  const auto limit = [&](std::string_view name) -> Value* {
    if (!node.attributes.Has(name)) return nullptr;
    return builder.Scalar(node.attributes.Float(name), node.input(0)->type.dtype, name);
  };
  Value* low = limit("min");
  Value* high = limit("max");
  node.attributes = {};
  return EmitAs("Clip", node, builder, {node.input(0), low, high});
}

Status ImportLimits(double low, double high, ForeignNode& node, GraphBuilder& builder) {
  const DType dtype = node.input(0)->type.dtype;
  node.SetResult(
      0, builder.Emit("Clip", {node.input(0), builder.Scalar(low, dtype), builder.Scalar(high, dtype)}));
  return builder.TakeStatus();
}
Status ImportRelu6(ForeignNode& node, GraphBuilder& builder) { return ImportLimits(0, 6, node, builder); }
Status ImportReluN1To1(ForeignNode& node, GraphBuilder& builder) {
  return ImportLimits(-1, 1, node, builder);
}
Status ImportRelu0To1(ForeignNode& node, GraphBuilder& builder) { return ImportLimits(0, 1, node, builder); }

struct Limits {
  bool constant = true;
  double low = -INFINITY, high = INFINITY;
};
Limits LimitsOf(const Node& node) {
  Limits limits;
  for (size_t i = 1; i <= 2; ++i) {
    const Value* value = node.input(i);
    if (value == nullptr) continue;
    if (!value->IsConstant()) {
      limits.constant = false;
    } else if (value->constant()->view().elements() > 0) {
      (i == 1 ? limits.low : limits.high) = LoadFloat(value->constant()->view(), 0);
    }
  }
  if (limits.high >= 3.4e38) limits.high = INFINITY;
  return limits;
}

// The limits for which TFLite has an operator.
std::string_view NameOf(const Limits& limits) {
  if (!limits.constant) return {};
  if (limits.low == 0 && limits.high == 6) return "RELU6";
  if (limits.low == 0 && limits.high == INFINITY) return "RELU";
  return limits.low == -1 && limits.high == 1 ? "RELU_N1_TO_1" : std::string_view();
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  const Limits limits = LimitsOf(node);
  Value* x = node.input(0);
  if (IsFloat(x->type.dtype) && !NameOf(limits).empty()) return {};
  const auto bounds = [&](size_t i, double none) {
    const Value* bound = node.input(i);
    return bound != nullptr && (!limits.constant || (i == 1 ? limits.low : limits.high) != none);
  };
  Value* y = x;
  if (bounds(1, -INFINITY)) y = builder.Emit("Max", {y, node.input(1)});
  if (bounds(2, INFINITY)) y = builder.Emit("Min", {y, node.input(2)});
  results = {y};
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  sink.Operator(NameOf(LimitsOf(node)), {sink.Of(node.input(0))}, {sink.Result(node)});
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"Clip", 6, 10, "", ImportAttributes}, {"Clip", 11}};
constexpr TfliteSpelling kTflite[] = {
    {"RELU6", ImportRelu6}, {"RELU_N1_TO_1", ImportReluN1To1}, {"RELU_0_TO_1", ImportRelu0To1}};

}  // namespace

extern const OpDef op_clip;
const OpDef op_clip = {
    .name = "Clip",
    .summary = "min(max(x, low), high)",
    .min_inputs = 1,
    .max_inputs = 3,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_clip;
const OpSpellings spellings_clip = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.expand = ExpandTflite,
                  .write = WriteTflite,
                  .scales = TfliteScales::kAny,
                  .unquantized_inputs = 0b110},
};

}  // namespace whet::ops
