#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/elementwise_common.h"
#include "ops/normalize_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kScale, kBias };

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  context.SetOutput(0, x);
  // Mean and 1 / deviation are of the type in which they are computed.
  for (size_t i = 1; i <= 2; ++i) context.SetOutput(i, Type::Unranked(DType::kF32));
  if (!x.ranked) return {};
  const int64_t given = context.attributes().Int("axis", -1);
  const int axis = NormalizeAxis(given, x.rank());
  if (axis < 0) {
    return Error(Code::kBadFile, "axis %lld is not one of the dimensions of %s",
                 static_cast<long long>(given), ToString(x).c_str());
  }
  for (size_t i = kScale; i <= kBias; ++i) {
    if (!context.HasInput(i) || !context.input(i).ranked) continue;
    if (!BroadcastsOver(x.dims, context.input(i).dims)) {
      return Error(Code::kBadFile, "input %zu is %s, which does not broadcast over %s", i,
                   ToString(context.input(i)).c_str(), ToString(x).c_str());
    }
  }
  std::vector<Dim> dims = x.dims;
  for (size_t i = static_cast<size_t>(axis); i < dims.size(); ++i) dims[i] = Dim(1);
  for (size_t i = 1; i <= 2; ++i) context.SetOutput(i, Type(DType::kF32, dims));
  return {};
}

template <typename T>
Status Run(ReferenceContext& context) {
  const Shape& shape = context.input(kX).shape;
  const Rows rows = RowsFrom(shape, context.attributes().Int("axis", -1));
  const T* x = InputArray<T>(context, kX);
  const auto scale = ParameterOfRows<T>(context, kScale, shape, rows);
  const auto bias = ParameterOfRows<T>(context, kBias, shape, rows);
  T* y = OutputArray<T>(context, 0);
  const double epsilon = context.attributes().Float("epsilon", 1e-5);
  const auto count = static_cast<double>(rows.size);
  for (int64_t r = 0; r < rows.count; ++r) {
    const T* from = x + r * rows.size;
    T* to = y + r * rows.size;
    const T* factors = scale.Row(r);
    const T* offsets = bias.Row(r);
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < rows.size; ++i) mean += static_cast<double>(from[i]);
    mean /= count;
    for (int64_t i = 0; i < rows.size; ++i) {
      const double difference = static_cast<double>(from[i]) - mean;
      variance += difference * difference;
    }
    const double inverse = 1 / std::sqrt(variance / count + epsilon);
    for (int64_t i = 0; i < rows.size; ++i) {
      double value = (static_cast<double>(from[i]) - mean) * inverse;
      if (factors != nullptr) value *= static_cast<double>(factors[i]);
      if (offsets != nullptr) value += static_cast<double>(offsets[i]);
      to[i] = static_cast<T>(value);
    }
    if (context.HasOutput(1)) StoreFloat(context.output(1), r, mean);
    if (context.HasOutput(2)) StoreFloat(context.output(2), r, inverse);
  }
  StoreArray(context, 0, y);
  return {};
}

Status Reference(ReferenceContext& context) {
  return context.input(kX).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  Value* x = node.input(kX);
  if (!x->type.ranked) return Error(Code::kUnsupported, "the number of dimensions is not known");
  if (node.outputs().size() > 1) return Error(Code::kUnsupported, "mean and deviation are outputs");
  std::vector<int64_t> axes;
  for (int64_t i = NormalizeAxis(node.attributes.Int("axis", -1), x->type.rank()); i < x->type.rank(); ++i) {
    axes.push_back(i);
  }
  results = {EmitNormalization(builder, x, axes, node.attributes.Float("epsilon", 1e-5), node.input(kScale),
                               node.input(kBias), true)};
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {
    {"axis", AttributeKind::kInt}, {"epsilon", AttributeKind::kFloat}, {"stash_type", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "LayerNormalization", .since = 17}};

}  // namespace

extern const OpDef op_layer_normalization;
const OpDef op_layer_normalization = {
    .name = "LayerNormalization",
    .summary = "Normalizes over the last dimensions from an axis on, then scales and shifts",
    .min_inputs = 2,
    .max_inputs = 3,
    .max_outputs = 3,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_layer_normalization;
const OpSpellings spellings_layer_normalization = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
