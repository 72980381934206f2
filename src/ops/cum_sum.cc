#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/shape_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const bool exclusive = context.attributes().Int("exclusive") != 0;
  const bool reverse = context.attributes().Int("reverse") != 0;
  if (context.input(1).elements() != 1) return Error(Code::kInvalidArgument, "the axis must be one number");
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(LoadInt(context.input(1), 0), x.shape.rank()));
  const int64_t size = x.shape[axis];
  const int64_t inner = StridesOf(x.shape)[static_cast<size_t>(axis)];
  const int64_t lines = size == 0 ? 0 : x.elements() / size;
  for (int64_t line = 0; line < lines; ++line) {
    const int64_t begin = line / inner * size * inner + line % inner;
    double sum = 0;
    uint64_t integer_sum = 0;
    for (int64_t k = 0; k < size; ++k) {
      const int64_t i = begin + (reverse ? size - 1 - k : k) * inner;
      const double before = sum;
      const uint64_t integer_before = integer_sum;
      if (IsFloat(x.dtype)) {
        sum += LoadFloat(x, i);
        StoreFloat(y, i, exclusive ? before : sum);
      } else {
        integer_sum += static_cast<uint64_t>(LoadInt(x, i));
        StoreInt(y, i, static_cast<int64_t>(exclusive ? integer_before : integer_sum));
      }
    }
  }
  return {};
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit("CumSum", {node.input(0), TfliteInts(builder, node.input(1))},
                                 {{"exclusive", node.attributes.Int("exclusive")},
                                  {"reverse", node.attributes.Int("reverse")}}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> axis, ConstantIntsOf(node.input(1), "the axis"));
  sink.Operator(
      "CUMSUM", {sink.Of(node.input(0)), sink.Int(axis.at(0))}, {sink.Result(node)},
      {{"exclusive", node.attributes.Int("exclusive")}, {"reverse", node.attributes.Int("reverse")}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"exclusive", AttributeKind::kInt}, {"reverse", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"CumSum", 11}};
constexpr TfliteSpelling kTflite[] = {{"CUMSUM", ImportTflite, 2}};

}  // namespace

extern const OpDef op_cum_sum;
const OpDef op_cum_sum = {
    .name = "CumSum",
    .summary = "Running sum along an axis",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_cum_sum;
const OpSpellings spellings_cum_sum = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite},
};

}  // namespace whet::ops
