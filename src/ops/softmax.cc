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
                         y[i * stride] = std::exp(x[i * stride] - largest);
                         sum += static_cast<double>(y[i * stride]);
                       }
                       for (int64_t i = 0; i < size; ++i) {
                         y[i * stride] = static_cast<T>(static_cast<double>(y[i * stride]) / sum);
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
    node.SetResult(0, builder.Emit("Softmax", {x}, std::move(node.attributes)));
    return builder.TakeStatus();
  }
  Value* over = builder.Ints(axes);
  Value* shifted = builder.Emit("Sub", {x, builder.Emit("ReduceMax", {x, over})});
  Value* exponential = builder.Emit("Exp", {shifted});
  node.SetResult(0, builder.Emit("Div", {exponential, builder.Emit("ReduceSum", {exponential, over})}));
  return builder.TakeStatus();
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
  const double beta = node.attributes.Float("beta");
  if (beta != 1) x = builder.Emit("Mul", {x, builder.Scalar(beta, x->type.dtype)});
  node.SetResult(0, builder.Emit("Softmax", {x}, {{"axis", int64_t{-1}}}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  sink.Operator("SOFTMAX", {sink.Of(node.input(0))}, {sink.Result(node)}, {{"beta", 1.0}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "Softmax", .since = 13},
                                  {.op_type = "Softmax", .until = 12, .import = ImportOnnx}};
constexpr TfliteSpelling kTflite[] = {{"SOFTMAX", ImportTflite}};

}  // namespace

extern const OpDef op_softmax;
const OpDef op_softmax = {
    .name = "Softmax",
    .summary = "exp(x) / sum(exp(x)) along an axis",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferAlongAxis,
    .reference = Reference,
};

extern const OpSpellings spellings_softmax;
const OpSpellings spellings_softmax = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.expand = ExpandToLastAxis, .write = WriteTflite, .scales = TfliteScales::kUnit},
};

}  // namespace whet::ops
