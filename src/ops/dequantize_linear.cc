#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/quantize_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kScale, kZeroPoint };

Status Infer(InferContext& context) {
  Type type = context.input(kX);
  if (!IsInteger(type.dtype)) {
    return Error(Code::kUnsupported, "dequantization of %s", std::string(DTypeName(type.dtype)).c_str());
  }
  WHET_RETURN_IF_ERROR(CheckQuantization(context));
  type.dtype = context.input(kScale).dtype;
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(kX);
  const TensorView& y = context.output(0);
  WHET_ASSIGN_OR_RETURN(const ScaleWalk walk, ScaleWalk::Make(context));
  const bool single = y.dtype == DType::kF32;
  for (int64_t i = 0; i < x.elements(); ++i) {
    const int64_t k = walk.At(i);
    const int64_t zero = context.HasInput(kZeroPoint) ? LoadInt(context.input(kZeroPoint), k) : 0;
    // Wraps: zero points of 64 bits are possible, and make no sense.
    const auto steps =
        static_cast<int64_t>(static_cast<uint64_t>(LoadInt(x, i)) - static_cast<uint64_t>(zero));
    const double scale = LoadFloat(context.input(kScale), k);
    if (single) {
      y.as<float>()[i] = static_cast<float>(steps) * static_cast<float>(scale);
    } else {
      StoreFloat(y, i, static_cast<double>(steps) * scale);
    }
  }
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  RemoveAttributes(node.attributes, {"output_dtype"});
  if (node.version < 13) node.attributes.Remove("axis");
  node.SetResult(
      0, builder.Emit("DequantizeLinear", std::span<Value* const>(node.inputs), std::move(node.attributes)));
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  return ExportQuantization("DequantizeLinear", node, sink);
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "DequantizeLinear", .since = 10, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_dequantize_linear;
const OpDef op_dequantize_linear = {
    .name = "DequantizeLinear",
    .summary = "Real values of integers: (x - zero point) * scale, by tensor, axis or block",
    .min_inputs = 2,
    .max_inputs = 3,
    .attributes = kQuantizeAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_dequantize_linear;
const OpSpellings spellings_dequantize_linear = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
