#include "ir/spelling.h"
#include "ops/pool_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const Shape& xs = context.input(0).shape;
  const Shape& ys = context.output(0).shape;
  WHET_ASSIGN_OR_RETURN(const Window window, PoolWindow(context.attributes(), xs));
  const auto p = static_cast<double>(context.attributes().Int("p", 2));
  const int64_t channels = xs.back();
  int64_t pixels = 1;
  for (int64_t size : SpatialDims(xs)) pixels *= size;
  const double* x = InputArray<double>(context, 0);
  double* y = OutputArray<double>(context, 0);
  double* to = y;
  for (int64_t n = 0; n < xs[0]; ++n) {
    const double* image = x + n * pixels * channels;
    ForPositions(SpatialDims(ys), [&](const int64_t* position, int64_t) {
      for (int64_t c = 0; c < channels; ++c) to[c] = 0;
      ForTaps(window, SpatialDims(xs), position, [&](int64_t, int64_t offset) {
        for (int64_t c = 0; c < channels; ++c) to[c] += std::pow(std::abs(image[offset * channels + c]), p);
      });
      for (int64_t c = 0; c < channels; ++c) to[c] = std::pow(to[c], 1 / p);
      to += channels;
    });
  }
  StoreArray(context, 0, y);
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) { return ImportPool("LpPool", node, builder); }
Status ExportOnnx(const Node& node, OnnxSink& sink) {
  if (sink.opset() < 18 && (node.attributes.Has("dilations") || node.attributes.Int("ceil_mode") != 0)) {
    return Error(Code::kUnsupported, "LpPool with dilations or ceil_mode needs opset 18");
  }
  return ExportPool("LpPool", node, sink);
}

// The root of the mean square, not of the sum of squares.
Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  Value* square = builder.Emit("Mul", {node.input(0), node.input(0)});
  WHET_ASSIGN_OR_RETURN(Value * mean, EmitTflitePool("AveragePool", node, builder, square));
  node.SetResult(0, ApplyTfliteActivation(node, builder, builder.Emit("Sqrt", {mean})));
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {
    {"kernel_shape", AttributeKind::kInts, true},
    {"strides", AttributeKind::kInts},
    {"dilations", AttributeKind::kInts},
    {"pads", AttributeKind::kInts},
    {"auto_pad", AttributeKind::kString},
    {"ceil_mode", AttributeKind::kInt},
    {"p", AttributeKind::kInt},
};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "LpPool", .since = 2, .import = ImportOnnx}};
constexpr TfliteSpelling kTflite[] = {{"L2_POOL_2D", ImportTflite}};

}  // namespace

extern const OpDef op_lp_pool;
const OpDef op_lp_pool = {
    .name = "LpPool",
    .summary = "Lp norm under a sliding window",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferPool,
    .reference = Reference,
};

extern const OpSpellings spellings_lp_pool;
const OpSpellings spellings_lp_pool = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
