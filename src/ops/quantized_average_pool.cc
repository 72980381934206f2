#include <algorithm>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/pool_common.h"
#include "ops/quantized_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  WHET_RETURN_IF_ERROR(CheckQuantizedInput(context, 0, "x", Integers::k8Or16Bit));
  WHET_RETURN_IF_ERROR(CheckQuantizedOutput(context.attributes(), Integers::k8Or16Bit));
  WHET_RETURN_IF_ERROR(CheckOneType(context, 0));
  WHET_RETURN_IF_ERROR(InferPool(context));
  context.output(0).dtype = QuantizedOutputOf(context.attributes()).type;
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView &x = context.input(0), &y = context.output(0);
  WHET_ASSIGN_OR_RETURN(const Window window, PoolWindow(context.attributes(), x.shape));
  const auto sizes = SpatialDims(x.shape);
  const bool include_pad = context.attributes().Int("count_include_pad") != 0;
  const Quantization from = QuantizationOf(context.attributes(), "x");
  const QuantizedOutput to = QuantizedOutputOf(context.attributes());
  const float ratio = RatioOf(from.scale, to.quantization.scale);
  const int64_t channels = x.shape.back();
  int64_t pixels = 1;
  for (int64_t size : sizes) pixels *= size;
  std::span<int64_t> sums = context.Scratch<int64_t>(channels);
  int64_t element = 0;
  for (int64_t n = 0; n < x.shape[0]; ++n) {
    ForPositions(SpatialDims(y.shape), [&](const int64_t* position, int64_t) {
      std::fill(sums.begin(), sums.end(), int64_t{0});
      int64_t count = 0;
      ForTaps(window, sizes, position, [&](int64_t, int64_t offset) {
        const int64_t pixel = (n * pixels + offset) * channels;
        for (int64_t c = 0; c < channels; ++c) {
          sums[static_cast<size_t>(c)] += LoadInt(x, pixel + c) - from.zero_point;
        }
        ++count;
      });
      const int64_t divisor = include_pad ? PaddedTaps(window, sizes, position) : count;
      const float scale = divisor > 0 ? ratio / static_cast<float>(divisor) : 0.0F;
      for (int64_t sum : sums) StoreInt(y, element++, ToSteps(static_cast<float>(sum) * scale, to));
    });
  }
  return {};
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  const Value* x = node.input(0);
  WHET_RETURN_IF_ERROR(CheckExport(sink, x->type.dtype));
  const std::string real =
      ExportDequantize(sink, sink.ChannelsFirst(x), x->type.dtype, QuantizationOf(node.attributes, "x"));
  const std::string mean = sink.Fresh("mean");
  Attributes attributes = node.attributes;
  for (const AttributeDef& attribute : kQuantizedUnaryAttributes) attributes.Remove(attribute.name);
  sink.Node("AveragePool", {real}, {mean}, attributes);
  ExportQuantize(sink, mean, QuantizedOutputOf(node.attributes), sink.DefineFromChannelsFirst(node.output()));
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"kernel_shape", AttributeKind::kInts, true},
    {"strides", AttributeKind::kInts},
    {"dilations", AttributeKind::kInts},
    {"pads", AttributeKind::kInts},
    {"auto_pad", AttributeKind::kString},
    {"ceil_mode", AttributeKind::kInt},
    {"count_include_pad", AttributeKind::kInt},
    {"x_scale", AttributeKind::kFloat, true},
    {"x_zero_point", AttributeKind::kInt, true},
    {"y_scale", AttributeKind::kFloat, true},
    {"y_zero_point", AttributeKind::kInt, true},
    {"y_type", AttributeKind::kString, true},
    {"low", AttributeKind::kInt},
    {"high", AttributeKind::kInt},
};

}  // namespace

extern const OpDef op_quantized_average_pool;
const OpDef op_quantized_average_pool = {
    .name = "QuantizedAveragePool",
    .summary = "Mean of 8-bit or 16-bit integers under a sliding window, rescaled; made by a pass",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_quantized_average_pool;
const OpSpellings spellings_quantized_average_pool = {
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
