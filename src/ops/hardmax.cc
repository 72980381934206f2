#include "ops/softmax_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return ForLines<double>(context, context.attributes().Int("axis", -1),
                          [](const double* x, double* y, int64_t stride, int64_t size) {
                            int64_t best = 0;
                            for (int64_t i = 1; i < size; ++i) {
                              if (x[i * stride] > x[best * stride]) best = i;
                            }
                            for (int64_t i = 0; i < size; ++i) y[i * stride] = i == best ? 1 : 0;
                          });
}

// The axes that count as one are made one.
Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, ModernizeAxis(node));
  Value* x = node.input(0);
  if (axes.empty()) {
    node.SetResult(0, builder.Emit("Hardmax", {x}, std::move(node.attributes)));
    return builder.TakeStatus();
  }
  std::vector<int64_t> joined(static_cast<size_t>(axes[0]), 0);  // 0: as in the input
  joined.push_back(-1);
  Value* flat = builder.Emit("Hardmax", {builder.Emit("Reshape", {x, builder.Ints(joined)})});
  node.SetResult(0, builder.Emit("Reshape", {flat, builder.Emit("Shape", {x})}));
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "Hardmax", .since = 13},
                                  {.op_type = "Hardmax", .until = 12, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_hardmax;
const OpDef op_hardmax = {
    .name = "Hardmax",
    .summary = "1 at the first largest value along an axis, 0 elsewhere",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferAlongAxis,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
