#include <algorithm>
#include <cmath>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/onnx_dtype_common.h"
#include "ops/quantize_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kScale, kZeroPoint };

Status Infer(InferContext& context) {
  Type type = context.input(kX);
  type.dtype = context.HasInput(kZeroPoint) ? context.input(kZeroPoint).dtype : DType::kU8;
  // 64 bits are more than the doubles of the reference hold.
  if (!IsInteger(type.dtype) || BitsOf(type.dtype) > 32) {
    return Error(Code::kUnsupported, "quantization to %s", std::string(DTypeName(type.dtype)).c_str());
  }
  WHET_RETURN_IF_ERROR(CheckQuantization(context));
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(kX);
  const TensorView& y = context.output(0);
  WHET_ASSIGN_OR_RETURN(const ScaleWalk walk, ScaleWalk::Make(context));
  const auto [low, high] = RangeOf(y.dtype);
  const bool single = x.dtype == DType::kF32;
  for (int64_t i = 0; i < x.elements(); ++i) {
    const int64_t k = walk.At(i);
    const double scale = LoadFloat(context.input(kScale), k);
    const double zero = context.HasInput(kZeroPoint) ? LoadFloat(context.input(kZeroPoint), k) : 0;
    // f32 is divided in f32, as everyone does: ties then round the same way everywhere.
    const double ratio =
        single ? static_cast<double>(x.as<float>()[i] / static_cast<float>(scale)) : LoadFloat(x, i) / scale;
    // What is not a number becomes the least, as in base/requantize.h.
    const double steps = std::isnan(ratio) ? low : std::nearbyint(ratio) + zero;
    StoreInt(y, i, static_cast<int64_t>(std::clamp(steps, low, high)));
  }
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  // The output's type may be an attribute; the Graph has it as the zero point's.
  const int64_t number = node.attributes.Int("output_dtype");
  RemoveAttributes(node.attributes, {"output_dtype", "saturate", "precision"});
  Value* zero_point = node.input(kZeroPoint);
  if (zero_point == nullptr && number != 0) {
    const DType dtype = DTypeFromOnnx(number);
    if (!IsInteger(dtype)) return node.Unsupported("quantization to 8-bit floats");
    zero_point = builder.EmitFolded(
        "Expand", {builder.Scalar(0, dtype), builder.EmitFolded("Shape", {node.input(kScale)})});
  }
  if (node.version < 13) node.attributes.Remove("axis");
  node.SetResult(0, zero_point != nullptr
                        ? builder.Emit("QuantizeLinear", {node.input(kX), node.input(kScale), zero_point},
                                       std::move(node.attributes))
                        : builder.Emit("QuantizeLinear", {node.input(kX), node.input(kScale)},
                                       std::move(node.attributes)));
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  return ExportQuantization("QuantizeLinear", node, sink);
}

// Rounds to steps between limits that are moved a little, so that 0 is one of the steps.
Status ImportFakeQuant(ForeignNode& node, GraphBuilder& builder) {
  const double low = node.attributes.Float("min");
  const double high = node.attributes.Float("max");
  const int64_t bits = node.attributes.Int("num_bits");
  if (bits < 2 || bits > 16 || !(low < high))
    return Error(Code::kBadFile, "the limits or the number of bits make no steps");
  const double first = node.attributes.Int("narrow_range") != 0 ? 1 : 0;
  const auto last = static_cast<double>((int64_t{1} << bits) - 1);
  const double step = (high - low) / (last - first);
  const double zero = std::round(std::clamp(first - low / step, first, last));
  const double new_low = (first - zero) * step;
  Value* limited =
      builder.Emit("Clip", {node.input(0), builder.Scalar(new_low), builder.Scalar((last - zero) * step)});
  Value* steps =
      builder.Emit("Div", {builder.Emit("Sub", {limited, builder.Scalar(new_low)}), builder.Scalar(step)});
  steps = builder.Emit("Floor", {builder.Emit("Add", {steps, builder.Scalar(0.5)})});
  steps = builder.Emit("Mul", {steps, builder.Scalar(step)});
  node.SetResult(0, builder.Emit("Add", {steps, builder.Scalar(new_low)}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "QuantizeLinear", .since = 10, .import = ImportOnnx}};
constexpr TfliteSpelling kTflite[] = {{"FAKE_QUANT", ImportFakeQuant}};

}  // namespace

extern const OpDef op_quantize_linear;
const OpDef op_quantize_linear = {
    .name = "QuantizeLinear",
    .summary = "Integers of real values: round(x / scale) + zero point, by tensor, axis or block",
    .min_inputs = 2,
    .max_inputs = 3,
    .attributes = kQuantizeAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_quantize_linear;
const OpSpellings spellings_quantize_linear = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
