#include "ir/spelling.h"
#include "ops/spatial_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kScale, kBias };

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  const int64_t groups = context.attributes().Int("num_groups");
  context.SetOutput(0, x);
  if (!x.ranked) return {};
  const Dim channels = x.rank() >= 2 ? x.dims.back() : Dim(0);
  if (groups < 1 || (channels.known() && (channels.lo == 0 || channels.lo % groups != 0))) {
    return Error(Code::kBadFile, "the channels of %s do not divide into %lld groups", ToString(x).c_str(),
                 static_cast<long long>(groups));
  }
  for (size_t i = kScale; i <= kBias; ++i) {
    const Type& parameter = context.input(i);
    if (!parameter.ranked) continue;
    if (parameter.rank() != 1 || parameter.dims[0].lo > channels.hi || channels.lo > parameter.dims[0].hi) {
      return Error(Code::kBadFile, "input %zu is %s but the input has the channels of %s", i,
                   ToString(parameter).c_str(), ToString(x).c_str());
    }
  }
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
  const int64_t groups = context.attributes().Int("num_groups");
  const int64_t size = channels / groups;
  int64_t pixels = 1;
  for (int64_t d : SpatialDims(shape)) pixels *= d;
  const auto count = static_cast<double>(pixels * size);
  for (int64_t n = 0; n < shape[0]; ++n) {
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t start = n * pixels * channels + g * size;
      double mean = 0, variance = 0;
      for (int64_t i = 0; i < pixels; ++i) {
        for (int64_t c = 0; c < size; ++c) mean += static_cast<double>(x[start + i * channels + c]);
      }
      mean /= count;
      for (int64_t i = 0; i < pixels; ++i) {
        for (int64_t c = 0; c < size; ++c) {
          const double difference = static_cast<double>(x[start + i * channels + c]) - mean;
          variance += difference * difference;
        }
      }
      const double inverse = 1 / std::sqrt(variance / count + epsilon);
      for (int64_t i = 0; i < pixels; ++i) {
        for (int64_t c = 0; c < size; ++c) {
          const int64_t at = start + i * channels + c;
          y[at] = static_cast<T>((static_cast<double>(x[at]) - mean) * inverse *
                                     static_cast<double>(scale[g * size + c]) +
                                 static_cast<double>(bias[g * size + c]));
        }
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
  const Type& type = node.input(kX)->type;
  if (!type.ranked) return node.Unsupported("an input whose number of dimensions is not known");
  Value* scale = node.input(kScale);
  Value* bias = node.input(kBias);
  if (node.version < 21) {
    // One scale and one bias a group.
    const int64_t groups = node.attributes.Int("num_groups");
    const Dim channels = type.rank() >= 2 ? type.dims[1] : Dim(0);
    if (!channels.known()) return node.Unsupported("a number of channels that is not known");
    if (groups < 1 || channels.lo % groups != 0) {
      return Error(Code::kBadFile, "the channels of %s do not divide into %lld groups",
                   ToString(type).c_str(), static_cast<long long>(groups));
    }
    std::vector<int64_t> group_of;
    for (int64_t c = 0; c < channels.lo; ++c) group_of.push_back(c / (channels.lo / groups));
    Value* indices = builder.Ints(group_of);
    scale = builder.EmitFolded("Gather", {scale, indices});
    bias = builder.EmitFolded("Gather", {bias, indices});
  }
  Value* x = builder.ToChannelsLast(node.input(kX));
  Value* y = builder.Emit("GroupNormalization", {x, scale, bias}, std::move(node.attributes));
  node.SetResult(0, builder.ToChannelsFirst(y));
  return builder.TakeStatus();
}

// Before opset 21 ONNX's operator has no scale by channel: normalize without, then scale and shift.
Status ExportOnnx(const Node& node, OnnxSink& sink) {
  const std::string x = sink.ChannelsFirst(node.input(kX));
  const std::string scale = sink.NameOf(node.input(kScale));
  const std::string bias = sink.NameOf(node.input(kBias));
  const std::string y = sink.DefineFromChannelsFirst(node.output());
  if (sink.opset() >= 21) {
    sink.Node("GroupNormalization", {x, scale, bias}, {y}, node.attributes);
    return {};
  }
  // As the InstanceNormalization of [N, groups, -1].
  const int64_t groups = node.attributes.Int("num_groups");
  const DType dtype = node.input(kX)->type.dtype;
  auto ones = Constant::Allocate(dtype, Shape{groups});
  auto zeros = Constant::Allocate(dtype, Shape{groups});
  for (int64_t i = 0; i < groups; ++i) {
    StoreFloat(ones->view(), i, 1);
    StoreFloat(zeros->view(), i, 0);
  }
  const int64_t grouped[] = {0, groups, -1};
  std::vector<int64_t> by_channel(static_cast<size_t>(node.input(kX)->type.rank() - 1), 1);
  by_channel[0] = -1;
  const std::string rows = sink.Fresh("grouped"), normal = sink.Fresh("normal"), shape = sink.Fresh("shape"),
                    image = sink.Fresh("image"), factor = sink.Fresh("scale"), offset = sink.Fresh("bias"),
                    scaled = sink.Fresh("scaled");
  const std::string channel_shape = sink.Initializer("shape", Constant::Ints(by_channel));
  sink.Node("Reshape", {x, sink.Initializer("shape", Constant::Ints(grouped))}, {rows});
  sink.Node("InstanceNormalization",
            {rows, sink.Initializer("ones", std::move(ones)), sink.Initializer("zeros", std::move(zeros))},
            {normal}, {{"epsilon", node.attributes.Float("epsilon", 1e-5)}});
  sink.Node("Shape", {x}, {shape});
  sink.Node("Reshape", {normal, shape}, {image});
  sink.Node("Reshape", {scale, channel_shape}, {factor});
  sink.Node("Reshape", {bias, channel_shape}, {offset});
  sink.Node("Mul", {image, factor}, {scaled});
  sink.Node("Add", {scaled, offset}, {y});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"num_groups", AttributeKind::kInt, true},
                                        {"epsilon", AttributeKind::kFloat},
                                        {"stash_type", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "GroupNormalization", .since = 18, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_group_normalization;
const OpDef op_group_normalization = {
    .name = "GroupNormalization",
    .summary = "Normalizes groups of channels of each sample, then scales and shifts by channel",
    .min_inputs = 3,
    .max_inputs = 3,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_group_normalization;
const OpSpellings spellings_group_normalization = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
