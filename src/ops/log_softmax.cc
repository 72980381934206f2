#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/softmax_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

template <typename T>
Status Run(ReferenceContext& context) {
  return ForLines<T>(context, context.attributes().Int("axis", -1),
                     [](const T* x, T* y, int64_t stride, int64_t size) {
                       if (size == 0) return;
                       T largest = x[0];
                       for (int64_t i = 1; i < size; ++i) largest = std::max(largest, x[i * stride]);
                       double sum = 0;
                       for (int64_t i = 0; i < size; ++i) {
                         sum += std::exp(static_cast<double>(x[i * stride] - largest));
                       }
                       const double offset = static_cast<double>(largest) + std::log(sum);
                       for (int64_t i = 0; i < size; ++i) {
                         y[i * stride] = static_cast<T>(static_cast<double>(x[i * stride]) - offset);
                       }
                     });
}

Status Reference(ReferenceContext& context) {
  return context.input(0).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, ModernizeAxis(node));
  Value* x = node.input(0);
  if (axes.empty()) {
    node.SetResult(0, builder.Emit("LogSoftmax", {x}, std::move(node.attributes)));
    return builder.TakeStatus();
  }
  Value* over = builder.Ints(axes);
  Value* shifted = builder.Emit("Sub", {x, builder.Emit("ReduceMax", {x, over})});
  Value* sum = builder.Emit("ReduceSum", {builder.Emit("Exp", {shifted}), over});
  node.SetResult(0, builder.Emit("Sub", {shifted, builder.Emit("Log", {sum})}));
  return builder.TakeStatus();
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit("LogSoftmax", {node.input(0)}, {{"axis", int64_t{-1}}}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  sink.Operator("LOG_SOFTMAX", {sink.Of(node.input(0))}, {sink.Result(node)});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "LogSoftmax", .since = 13},
                                  {.op_type = "LogSoftmax", .until = 12, .import = ImportOnnx}};
constexpr TfliteSpelling kTflite[] = {{"LOG_SOFTMAX", ImportTflite}};

}  // namespace

extern const OpDef op_log_softmax;
const OpDef op_log_softmax = {
    .name = "LogSoftmax",
    .summary = "Logarithm of Softmax",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferAlongAxis,
    .reference = Reference,
};

extern const OpSpellings spellings_log_softmax;
const OpSpellings spellings_log_softmax = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.expand = ExpandToLastAxis, .write = WriteTflite, .scales = TfliteScales::kLogSoftmax},
};

}  // namespace whet::ops
