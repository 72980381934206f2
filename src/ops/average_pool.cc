#include "ops/pool_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

template <typename T>
Status Run(ReferenceContext& context) {
  const Shape& xs = context.input(0).shape;
  const Shape& ys = context.output(0).shape;
  WHET_ASSIGN_OR_RETURN(const Window window, PoolWindow(context.attributes(), xs));
  const auto sizes = SpatialDims(xs);
  const bool include_pad = context.attributes().Int("count_include_pad") != 0;
  const int64_t channels = xs.back();
  int64_t pixels = 1;
  for (int64_t size : sizes) pixels *= size;
  const T* x = InputArray<T>(context, 0);
  T* y = OutputArray<T>(context, 0);
  T* to = y;
  for (int64_t n = 0; n < xs[0]; ++n) {
    const T* image = x + n * pixels * channels;
    ForPositions(SpatialDims(ys), [&](const int64_t* position, int64_t) {
      for (int64_t c = 0; c < channels; ++c) to[c] = 0;
      int64_t count = 0;
      ForTaps(window, sizes, position, [&](int64_t, int64_t offset) {
        const T* pixel = image + offset * channels;
        for (int64_t c = 0; c < channels; ++c) to[c] += pixel[c];
        ++count;
      });
      if (include_pad) count = PaddedTaps(window, sizes, position);
      for (int64_t c = 0; c < channels && count > 0; ++c) to[c] /= static_cast<T>(count);
      to += channels;
    });
  }
  StoreArray(context, 0, y);
  return {};
}

Status Reference(ReferenceContext& context) {
  return context.input(0).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  return ImportPool("AveragePool", node, builder);
}
Status ExportOnnx(const Node& node, OnnxSink& sink) { return ExportPool("AveragePool", node, sink); }

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(Value * y, EmitTflitePool("AveragePool", node, builder, node.input(0)));
  node.SetResult(0, ApplyTfliteActivation(node, builder, y));
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {
    {"kernel_shape", AttributeKind::kInts, true}, {"strides", AttributeKind::kInts},
    {"dilations", AttributeKind::kInts},          {"pads", AttributeKind::kInts},
    {"auto_pad", AttributeKind::kString},         {"ceil_mode", AttributeKind::kInt},
    {"count_include_pad", AttributeKind::kInt},
};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "AveragePool", .import = ImportOnnx}};
constexpr TfliteSpelling kTflite[] = {{"AVERAGE_POOL_2D", ImportTflite}};

}  // namespace

extern const OpDef op_average_pool;
const OpDef op_average_pool = {
    .name = "AveragePool",
    .summary = "Mean under a sliding window",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferPool,
    .reference = Reference,
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
