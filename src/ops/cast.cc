#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/cast_common.h"
#include "ops/onnx_dtype_common.h"
#include "ops/string_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const int64_t to = context.attributes().Int("to");
  Type type = context.input(0);
  type.dtype = DTypeFromOnnx(to);
  if (type.dtype == DType::kUndefined) {
    return Error(Code::kUnsupported,
                 "a cast to ONNX element type %lld (complex numbers and 8-bit floats are not supported)",
                 static_cast<long long>(to));
  }
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  if (x.dtype != y.dtype && y.dtype == DType::kString) return NumbersToStrings(context);
  if (x.dtype != y.dtype && x.dtype == DType::kString) return StringsToNumbers(x, y);
  CastElements(x, y);
  return {};
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0,
                 builder.Emit("Cast", {node.input(0)}, {{"to", OnnxFromDType(node.output_types[0].dtype)}}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  const DType from = node.input(0)->type.dtype;
  const DType to = node.output()->type.dtype;
  // Half precision weights are what DEQUANTIZE is for; CAST of them is newer.
  if (from == DType::kF16 && to == DType::kF32) {
    sink.Operator("DEQUANTIZE", {sink.Of(node.input(0))}, {sink.Result(node)});
    return {};
  }
  sink.Operator("CAST", {sink.Of(node.input(0))}, {sink.Result(node)},
                {{"in_data_type", std::string(TfliteTypeName(from))},
                 {"out_data_type", std::string(TfliteTypeName(to))}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"to", AttributeKind::kInt, true},
                                        {"saturate", AttributeKind::kInt},
                                        {"round_mode", AttributeKind::kString}};
constexpr OnnxSpelling kOnnx[] = {{"Cast", 6}};
constexpr TfliteSpelling kTflite[] = {{"CAST", ImportTflite}};

}  // namespace

extern const OpDef op_cast;
const OpDef op_cast = {
    .name = "Cast",
    .summary = "Converts to the element type `to` (ONNX's number for it)",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
};

extern const OpSpellings spellings_cast;
const OpSpellings spellings_cast = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite},
};

}  // namespace whet::ops
