#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/spatial_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kScale, kBias, kMean, kVariance };
constexpr double kEpsilon = 1e-5;

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  if (x.ranked && x.rank() == 0) return Error(Code::kBadFile, "the input is a scalar");
  for (size_t i = kScale; i <= kVariance && x.ranked; ++i) {
    const Type& parameter = context.input(i);
    if (!parameter.ranked) continue;
    const bool fits = parameter.rank() == 1 && parameter.dims[0].lo <= x.dims.back().hi &&
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
  const TensorView& view = context.input(kX);
  const T* x = InputArray<T>(context, kX);
  T* y = OutputArray<T>(context, 0);
  const int64_t channels = view.shape.back();
  const double epsilon = context.attributes().Float("epsilon", kEpsilon);
  const auto factors = context.Scratch<double>(channels);
  const auto offsets = context.Scratch<double>(channels);
  for (int64_t c = 0; c < channels; ++c) {
    const auto k = static_cast<size_t>(c);
    factors[k] =
        LoadFloat(context.input(kScale), c) / std::sqrt(LoadFloat(context.input(kVariance), c) + epsilon);
    offsets[k] = LoadFloat(context.input(kBias), c) - LoadFloat(context.input(kMean), c) * factors[k];
  }
  const int64_t count = view.elements();
  for (int64_t at = 0; at < count; at += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const auto k = static_cast<size_t>(c);
      y[at + c] = static_cast<T>(static_cast<double>(x[at + c]) * factors[k] + offsets[k]);
    }
  }
  StoreArray(context, 0, y);
  return {};
}

Status Reference(ReferenceContext& context) {
  return context.input(kX).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(kX);
  if (!x->type.ranked) return node.Unsupported("an input whose number of dimensions is not known");
  if (node.version < 9 && node.attributes.Int("spatial", 1) == 0 && x->type.rank() > 2) {
    return node.Unsupported("spatial = 0");
  }
  const double momentum = node.attributes.Float("momentum", 0.9);
  const bool training =
      node.version >= 14 ? node.attributes.Int("training_mode") != 0 : node.HasOutput(1) || node.HasOutput(2);
  Value* mean = node.input(kMean);
  Value* variance = node.input(kVariance);
  if (training) {
    // The statistics of this batch take the place of those given, which are mixed into the running ones.
    std::vector<int64_t> axes;
    for (int i = 0; i < x->type.rank(); ++i) {
      if (i != 1) axes.push_back(i);
    }
    Value* axes_value = builder.Ints(axes);
    Value* centre = builder.Emit("ReduceMean", {x, axes_value}, {{"keepdims", int64_t{1}}});
    Value* difference = builder.Emit("Sub", {x, centre});
    Value* square = builder.Emit("Mul", {difference, difference});
    mean = builder.Emit("ReduceMean", {x, axes_value}, {{"keepdims", int64_t{0}}});
    variance = builder.Emit("ReduceMean", {square, axes_value}, {{"keepdims", int64_t{0}}});
    const auto mix = [&](Value* running, Value* now) {
      const DType dtype = running->type.dtype;
      Value* wide = now->type.dtype == dtype ? now : builder.Emit("CastLike", {now, running});
      return builder.Emit("Add", {builder.Emit("Mul", {running, builder.Scalar(momentum, dtype)}),
                                  builder.Emit("Mul", {wide, builder.Scalar(1 - momentum, dtype)})});
    };
    node.SetResult(1, mix(node.input(kMean), mean));
    node.SetResult(2, mix(node.input(kVariance), variance));
    node.SetResult(3, mean);
    node.SetResult(4, variance);
  }
  Attributes attributes;
  if (node.attributes.Has("epsilon")) attributes.Set("epsilon", *node.attributes.Find("epsilon"));
  Value* y = builder.Emit("BatchNormalization",
                          {builder.ToChannelsLast(x), node.input(kScale), node.input(kBias), mean, variance},
                          attributes);
  node.SetResult(0, builder.ToChannelsFirst(y));
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  std::vector<std::string> inputs = {sink.ChannelsFirst(node.input(kX))};
  for (size_t i = kScale; i <= kVariance; ++i) inputs.push_back(sink.NameOf(node.input(i)));
  const std::string result = sink.DefineFromChannelsFirst(node.output());
  sink.Node("BatchNormalization", inputs, std::span(&result, 1), node.attributes);
  return {};
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  // x * factor + offset, both known by channel
  Value* epsilon =
      builder.Scalar(node.attributes.Float("epsilon", kEpsilon), node.input(kVariance)->type.dtype);
  Value* deviation =
      builder.EmitFolded("Sqrt", {builder.EmitFolded("Add", {node.input(kVariance), epsilon})});
  Value* factor = builder.EmitFolded("Div", {node.input(kScale), deviation});
  Value* offset =
      builder.EmitFolded("Sub", {node.input(kBias), builder.EmitFolded("Mul", {node.input(kMean), factor})});
  results = {builder.Emit("Add", {builder.Emit("Mul", {node.input(kX), factor}), offset})};
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"epsilon", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "BatchNormalization", .since = 6, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_batch_normalization;
const OpDef op_batch_normalization = {
    .name = "BatchNormalization",
    .summary = "(x - mean) / sqrt(variance + epsilon) * scale + bias, by channel",
    .min_inputs = 5,
    .max_inputs = 5,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_batch_normalization;
const OpSpellings spellings_batch_normalization = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
