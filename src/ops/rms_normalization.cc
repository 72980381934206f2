#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/elementwise_common.h"
#include "ops/normalize_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kScale };

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  const Type& scale = context.input(kScale);
  context.SetOutput(0, x);
  if (!x.ranked) return {};
  const int64_t axis = context.attributes().Int("axis", -1);
  if (NormalizeAxis(axis, x.rank()) < 0) {
    return Error(Code::kBadFile, "axis %lld is not one of the dimensions of %s", static_cast<long long>(axis),
                 ToString(x).c_str());
  }
  if (!scale.ranked) return {};
  if (!BroadcastsOver(x.dims, scale.dims)) {
    return Error(Code::kBadFile, "the scale is %s, which does not broadcast over %s", ToString(scale).c_str(),
                 ToString(x).c_str());
  }
  return {};
}

template <typename T>
Status Run(ReferenceContext& context) {
  const Shape& shape = context.input(kX).shape;
  const Rows rows = RowsFrom(shape, context.attributes().Int("axis", -1));
  const T* x = InputArray<T>(context, kX);
  const auto scale = ParameterOfRows<T>(context, kScale, shape, rows);
  T* y = OutputArray<T>(context, 0);
  const double epsilon = context.attributes().Float("epsilon", 1e-5);
  for (int64_t r = 0; r < rows.count; ++r) {
    const T* from = x + r * rows.size;
    const T* factors = scale.Row(r);
    double sum = 0;
    for (int64_t i = 0; i < rows.size; ++i)
      sum += static_cast<double>(from[i]) * static_cast<double>(from[i]);
    const double inverse = 1 / std::sqrt(sum / static_cast<double>(rows.size) + epsilon);
    for (int64_t i = 0; i < rows.size; ++i) {
      y[r * rows.size + i] =
          static_cast<T>(static_cast<double>(from[i]) * inverse * static_cast<double>(factors[i]));
    }
  }
  StoreArray(context, 0, y);
  return {};
}

Status Reference(ReferenceContext& context) {
  return context.input(kX).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

// Before opset 23 ONNX has no such operator.
Status ExportOnnx(const Node& node, OnnxSink& sink) {
  const std::string x = sink.NameOf(node.input(kX));
  const std::string scale = sink.NameOf(node.input(kScale));
  const std::string y = sink.NameOf(node.output());
  if (sink.opset() >= 23) {
    sink.Node("RMSNormalization", {x, scale}, {y}, node.attributes);
    return {};
  }
  const Type& type = node.input(kX)->type;
  if (!type.ranked) return Error(Code::kUnsupported, "an input whose number of dimensions is not known");
  std::vector<int64_t> axes;
  for (int i = NormalizeAxis(node.attributes.Int("axis", -1), type.rank()); i < type.rank(); ++i) {
    axes.push_back(i);
  }
  auto epsilon = Constant::Allocate(type.dtype, Shape{});
  StoreFloat(epsilon->view(), 0, node.attributes.Float("epsilon", 1e-5));
  const std::string square = sink.Fresh("square"), mean = sink.Fresh("mean"), sum = sink.Fresh("sum"),
                    root = sink.Fresh("root"), normal = sink.Fresh("normal");
  sink.Node("Mul", {x, x}, {square});
  if (sink.opset() >= 18) {
    sink.Node("ReduceMean", {square, sink.Initializer("axes", Constant::Ints(axes))}, {mean});
  } else {
    sink.Node("ReduceMean", {square}, {mean}, {{"axes", axes}});
  }
  sink.Node("Add", {mean, sink.Initializer("epsilon", std::move(epsilon))}, {sum});
  sink.Node("Sqrt", {sum}, {root});
  sink.Node("Div", {x, root}, {normal});
  sink.Node("Mul", {normal, scale}, {y});
  return {};
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  Value* x = node.input(kX);
  if (!x->type.ranked) return Error(Code::kUnsupported, "the number of dimensions is not known");
  std::vector<int64_t> axes;
  for (int64_t i = NormalizeAxis(node.attributes.Int("axis", -1), x->type.rank()); i < x->type.rank(); ++i) {
    axes.push_back(i);
  }
  results = {EmitNormalization(builder, x, axes, node.attributes.Float("epsilon", 1e-5), node.input(kScale),
                               nullptr, false)};
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {
    {"axis", AttributeKind::kInt}, {"epsilon", AttributeKind::kFloat}, {"stash_type", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "RMSNormalization", .since = 23}};

}  // namespace

extern const OpDef op_rms_normalization;
const OpDef op_rms_normalization = {
    .name = "RMSNormalization",
    .summary = "Divides by the root of the mean square over the last dimensions from an axis on, then scales",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_rms_normalization;
const OpSpellings spellings_rms_normalization = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
