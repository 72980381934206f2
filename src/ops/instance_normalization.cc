#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/spatial_common.h"
#include "ops/tflite_write_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kScale, kBias };

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  for (size_t i = kScale; i <= kBias && x.ranked; ++i) {
    const Type& parameter = context.input(i);
    if (!parameter.ranked) continue;
    const bool fits = x.rank() >= 2 && parameter.rank() == 1 && parameter.dims[0].lo <= x.dims.back().hi &&
                      x.dims.back().lo <= parameter.dims[0].hi;
    if (!fits) {
      return Error(Code::kBadFile, "input %zu is %s but the input has the channels of %s", i,
                   ToString(parameter).c_str(), ToString(x).c_str());
    }
  }
  context.SetOutput(0, x);
  return {};
}

template <typename T>
Status Run(ReferenceContext& context) {
  const Shape& shape = context.input(kX).shape;
  const T* x = InputArray<T>(context, kX);
  const T* scale = InputArray<T>(context, kScale);
  const T* bias = InputArray<T>(context, kBias);
  T* y = OutputArray<T>(context, 0);
  const double epsilon = context.attributes().Float("epsilon", 1e-5);
  const int64_t channels = shape.back();
  int64_t pixels = 1;
  for (int64_t size : SpatialDims(shape)) pixels *= size;
  for (int64_t n = 0; n < shape[0]; ++n) {
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t start = n * pixels * channels + c;
      double mean = 0, variance = 0;
      for (int64_t i = 0; i < pixels; ++i) mean += static_cast<double>(x[start + i * channels]);
      mean /= static_cast<double>(pixels);
      for (int64_t i = 0; i < pixels; ++i) {
        const double difference = static_cast<double>(x[start + i * channels]) - mean;
        variance += difference * difference;
      }
      variance /= static_cast<double>(pixels);
      const double factor = static_cast<double>(scale[c]) / std::sqrt(variance + epsilon);
      for (int64_t i = 0; i < pixels; ++i) {
        const int64_t at = start + i * channels;
        y[at] = static_cast<T>((static_cast<double>(x[at]) - mean) * factor + static_cast<double>(bias[c]));
      }
    }
  }
  StoreArray(context, 0, y);
  return {};
}

Status Reference(ReferenceContext& context) {
  return context.input(kX).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  if (!node.input(kX)->type.ranked) {
    return node.Unsupported("an input whose number of dimensions is not known");
  }
  Value* x = builder.ToChannelsLast(node.input(kX));
  Value* y = builder.Emit("InstanceNormalization", {x, node.input(kScale), node.input(kBias)},
                          std::move(node.attributes));
  node.SetResult(0, builder.ToChannelsFirst(y));
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  sink.Node(
      "InstanceNormalization",
      {sink.ChannelsFirst(node.input(kX)), sink.NameOf(node.input(kScale)), sink.NameOf(node.input(kBias))},
      {sink.DefineFromChannelsFirst(node.output())}, node.attributes);
  return {};
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  Value* x = node.input(kX);
  if (!x->type.ranked) return Error(Code::kUnsupported, "the number of dimensions is not known");
  std::vector<int64_t> axes;
  for (int64_t i = 1; i + 1 < x->type.rank(); ++i) axes.push_back(i);
  results = {EmitNormalization(builder, x, axes, node.attributes.Float("epsilon", 1e-5), node.input(kScale),
                               node.input(kBias), true)};
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"epsilon", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "InstanceNormalization", .since = 6, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_instance_normalization;
const OpDef op_instance_normalization = {
    .name = "InstanceNormalization",
    .summary = "Normalizes each channel of each sample over its pixels, then scales and shifts",
    .min_inputs = 3,
    .max_inputs = 3,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_instance_normalization;
const OpSpellings spellings_instance_normalization = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
