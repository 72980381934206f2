#include <algorithm>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/quantized_common.h"
#include "ops/resize_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kYTaps, kXTaps, kScales, kSizes };

constexpr int64_t kOne = 2048;  // a weight of 1

Status CheckTaps(const InferContext& context, size_t input) {
  const Type& taps = context.input(input);
  if (taps.dtype != DType::kI32 || (taps.ranked && taps.rank() != 2) ||
      (taps.ranked && taps.dims[1].known() && taps.dims[1].lo != 2)) {
    return Error(Code::kBadFile, "the taps are %s; they must be i32[…,2]", ToString(taps).c_str());
  }
  std::vector<int64_t> values;
  if (!context.IntValues(input, &values)) return {};
  for (size_t i = 1; i < values.size(); i += 2) {
    if (values[i] < 0 || values[i] > kOne) {
      return Error(Code::kBadFile, "a tap's weight is %lld; it must be within 0 and 2048",
                   static_cast<long long>(values[i]));
    }
  }
  return {};
}

Status Infer(InferContext& context) {
  WHET_RETURN_IF_ERROR(CheckQuantizedInput(context, kX, "x"));
  WHET_RETURN_IF_ERROR(CheckQuantizedOutput(context.attributes()));
  Type type = context.input(kX);
  type.dtype = QuantizedOutputOf(context.attributes()).type;
  if (type.ranked && type.rank() != 4) {
    return Error(Code::kBadFile, "the input is %s; it must have four dimensions", ToString(type).c_str());
  }
  for (size_t i : {kYTaps, kXTaps}) {
    WHET_RETURN_IF_ERROR(CheckTaps(context, i));
    const Type& taps = context.input(i);
    if (type.ranked) type.dims[i] = taps.ranked ? taps.dims[0] : Dim();
  }
  context.SetOutput(0, std::move(type));
  return {};
}

// Positions and weights of two neighbours.
struct Pair {
  int64_t first, second, weight;
};
Pair PairAt(const TensorView& taps, int64_t i, int64_t size) {
  const int64_t index = LoadInt(taps, 2 * i);
  return {std::clamp<int64_t>(index, 0, size - 1), std::clamp<int64_t>(index + 1, 0, size - 1),
          std::clamp<int64_t>(LoadInt(taps, 2 * i + 1), 0, kOne)};
}

Status Reference(ReferenceContext& context) {
  const TensorView &x = context.input(kX), &y = context.output(0);
  const Quantization from = QuantizationOf(context.attributes(), "x");
  const QuantizedOutput to = QuantizedOutputOf(context.attributes());
  const float scale = RatioOf(from.scale, to.quantization.scale) * (1.0F / (kOne * kOne));
  const int64_t height = x.shape[1], width = x.shape[2], channels = x.shape[3];
  int64_t element = 0;
  for (int64_t n = 0; n < y.shape[0]; ++n) {
    for (int64_t i = 0; i < y.shape[1]; ++i) {
      const Pair rows = PairAt(context.input(kYTaps), i, height);
      for (int64_t k = 0; k < y.shape[2]; ++k) {
        const Pair columns = PairAt(context.input(kXTaps), k, width);
        for (int64_t c = 0; c < channels; ++c) {
          const auto at = [&](int64_t row, int64_t column) {
            return LoadInt(x, ((n * height + row) * width + column) * channels + c);
          };
          const auto blend = [](int64_t a, int64_t b, int64_t weight) {
            return a * (kOne - weight) + b * weight;
          };
          const int64_t left =
              blend(at(rows.first, columns.first), at(rows.second, columns.first), rows.weight);
          const int64_t right =
              blend(at(rows.first, columns.second), at(rows.second, columns.second), rows.weight);
          const int64_t sum = blend(left, right, columns.weight) - from.zero_point * kOne * kOne;
          StoreInt(y, element++, ToSteps(static_cast<float>(sum) * scale, to));
        }
      }
    }
  }
  return {};
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  const Value* x = node.input(kX);
  if (!x->type.ranked) {
    return Error(Code::kUnsupported, "a Resize whose number of dimensions is not known");
  }
  const std::string real =
      ExportDequantize(sink, sink.ChannelsFirst(x), x->type.dtype, QuantizationOf(node.attributes, "x"));
  Attributes attributes = node.attributes;
  for (const AttributeDef& attribute : kQuantizedUnaryAttributes) attributes.Remove(attribute.name);
  const std::string resized = sink.Fresh("resized");
  WHET_RETURN_IF_ERROR(
      ExportResize(node, real, nullptr, node.input(kScales), node.input(kSizes), attributes, resized, sink));
  ExportQuantize(sink, resized, QuantizedOutputOf(node.attributes),
                 sink.DefineFromChannelsFirst(node.output()));
  return {};
}

// Those of Resize that linear interpolation has, which only ONNX needs, and the quantization.
constexpr AttributeDef kAttributes[] = {
    {"mode", AttributeKind::kString},
    {"coordinate_transformation_mode", AttributeKind::kString},
    {"nearest_mode", AttributeKind::kString},
    {"cubic_coeff_a", AttributeKind::kFloat},
    {"exclude_outside", AttributeKind::kInt},
    {"extrapolation_value", AttributeKind::kFloat},
    {"antialias", AttributeKind::kInt},
    {"x_scale", AttributeKind::kFloat, true},
    {"x_zero_point", AttributeKind::kInt, true},
    {"y_scale", AttributeKind::kFloat, true},
    {"y_zero_point", AttributeKind::kInt, true},
    {"y_type", AttributeKind::kString, true},
    {"low", AttributeKind::kInt},
    {"high", AttributeKind::kInt},
};

}  // namespace

extern const OpDef op_quantized_resize;
const OpDef op_quantized_resize = {
    .name = "QuantizedResize",
    .summary = "Linear resampling of 8-bit images, positions and weights in 1/2048 given; made by a pass",
    .min_inputs = 3,
    .max_inputs = 5,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_quantized_resize;
const OpSpellings spellings_quantized_resize = {
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
