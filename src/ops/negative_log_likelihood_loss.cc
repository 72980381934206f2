#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kTarget, kWeight };

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  const Type& target = context.input(kTarget);
  const std::string_view reduction = context.attributes().String("reduction", "mean");
  if (reduction == "mean" || reduction == "sum") {
    context.SetOutput(0, Type(x.dtype, {}));
  } else if (reduction == "none") {
    Type type = target;
    type.dtype = x.dtype;
    context.SetOutput(0, std::move(type));
  } else {
    return Error(Code::kBadFile, "reduction is '%s'", std::string(reduction).c_str());
  }
  if (!x.ranked || !target.ranked) return {};
  bool fits = x.rank() >= 2 && target.rank() == x.rank() - 1;
  for (int i = 0; fits && i < target.rank(); ++i) {
    const Dim& a = x.dims[static_cast<size_t>(i == 0 ? 0 : i + 1)];
    const Dim& b = target.dims[static_cast<size_t>(i)];
    fits = a.lo <= b.hi && b.lo <= a.hi;
  }
  if (!fits) {
    return Error(Code::kBadFile, "targets %s do not fit scores %s", ToString(target).c_str(),
                 ToString(x).c_str());
  }
  if (context.HasInput(kWeight) && context.input(kWeight).ranked) {
    const Type& weight = context.input(kWeight);
    if (weight.rank() != 1 || weight.dims[0].hi < x.dims[1].lo) {
      return Error(Code::kBadFile, "weights %s do not fit scores %s", ToString(weight).c_str(),
                   ToString(x).c_str());
    }
  }
  return {};
}

Status Reference(ReferenceContext& context) {
  const Shape& shape = context.input(kX).shape;
  const TensorView& target = context.input(kTarget);
  const TensorView& y = context.output(0);
  const std::string_view reduction = context.attributes().String("reduction", "mean");
  const bool ignores = context.attributes().Has("ignore_index");
  const int64_t ignored = context.attributes().Int("ignore_index");
  const double* weights = InputArray<double>(context, kWeight);
  const int64_t classes = shape[1];
  int64_t inner = 1;
  for (int i = 2; i < shape.rank(); ++i) inner *= shape[i];
  double sum = 0, total_weight = 0;
  for (int64_t i = 0; i < target.elements(); ++i) {
    const int64_t index = LoadInt(target, i);
    double loss = 0;
    if (!ignores || index != ignored) {
      if (index < 0 || index >= classes) {
        return Error(Code::kInvalidArgument, "target %lld is not one of %lld classes",
                     static_cast<long long>(index), static_cast<long long>(classes));
      }
      const double weight = weights != nullptr ? weights[index] : 1;
      loss = -weight * LoadFloat(context.input(kX), (i / inner * classes + index) * inner + i % inner);
      total_weight += weight;
    }
    sum += loss;
    if (reduction == "none") StoreFloat(y, i, loss);
  }
  if (reduction == "sum") StoreFloat(y, 0, sum);
  if (reduction == "mean") StoreFloat(y, 0, sum / total_weight);
  return {};
}

// The loss of logits is that of their LogSoftmax, which is the second output.
Status ImportSoftmaxCrossEntropy(ForeignNode& node, GraphBuilder& builder) {
  Value* log_probability = builder.Emit("LogSoftmax", {node.input(kX)}, {{"axis", int64_t{1}}});
  node.SetResult(0, builder.Emit("NegativeLogLikelihoodLoss",
                                 {log_probability, node.input(kTarget), node.input(kWeight)},
                                 std::move(node.attributes)));
  node.SetResult(1, log_probability);
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"reduction", AttributeKind::kString},
                                        {"ignore_index", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {
    {.op_type = "NegativeLogLikelihoodLoss", .since = 12},
    {.op_type = "SoftmaxCrossEntropyLoss", .since = 12, .import = ImportSoftmaxCrossEntropy}};

}  // namespace

extern const OpDef op_negative_log_likelihood_loss;
const OpDef op_negative_log_likelihood_loss = {
    .name = "NegativeLogLikelihoodLoss",
    .summary = "Weighted negative log-probability of the target class",
    .min_inputs = 2,
    .max_inputs = 3,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_negative_log_likelihood_loss;
const OpSpellings spellings_negative_log_likelihood_loss = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
