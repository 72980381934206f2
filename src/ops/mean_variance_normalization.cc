#include "ir/foreign.h"
#include "ir/spelling.h"

namespace whet::ops {
namespace {

// (x - mean) / (deviation + 1e-9)
Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
  const auto given = node.attributes.Ints("axes");
  Value* axes = given.empty() ? builder.Ints({0, 2, 3}) : builder.Ints(given);
  Value* centred = builder.Emit("Sub", {x, builder.Emit("ReduceMean", {x, axes})});
  Value* variance = builder.Emit("ReduceMean", {builder.Emit("Mul", {centred, centred}), axes});
  Value* deviation = builder.Emit("Sqrt", {variance});
  Value* divisor = builder.Emit("Add", {deviation, builder.Scalar(1e-9, deviation->type.dtype)});
  node.SetResult(0, builder.Emit("Div", {centred, divisor}));
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"axes", AttributeKind::kInts}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "MeanVarianceNormalization", .since = 9, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_mean_variance_normalization;
const OpDef op_mean_variance_normalization = {
    .name = "MeanVarianceNormalization",
    .summary = "Subtracts the mean and divides by the deviation over some axes",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
};

extern const OpSpellings spellings_mean_variance_normalization;
const OpSpellings spellings_mean_variance_normalization = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
