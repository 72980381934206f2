#include "ir/spelling.h"
#include "ops/softmax_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const int64_t p = context.attributes().Int("p", 2);
  if (p != 1 && p != 2)
    return Error(Code::kBadFile, "p is %lld; it must be 1 or 2", static_cast<long long>(p));
  return InferAlongAxis(context);
}

Status Reference(ReferenceContext& context) {
  const bool squares = context.attributes().Int("p", 2) == 2;
  return ForLines<double>(context, context.attributes().Int("axis", -1),
                          [&](const double* x, double* y, int64_t stride, int64_t size) {
                            double norm = 0;
                            for (int64_t i = 0; i < size; ++i) {
                              norm += squares ? x[i * stride] * x[i * stride] : std::abs(x[i * stride]);
                            }
                            if (squares) norm = std::sqrt(norm);
                            for (int64_t i = 0; i < size; ++i) {
                              y[i * stride] = norm == 0 ? 0 : x[i * stride] / norm;
                            }
                          });
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}, {"p", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"LpNormalization"}};

}  // namespace

extern const OpDef op_lp_normalization;
const OpDef op_lp_normalization = {
    .name = "LpNormalization",
    .summary = "Divides by the L1 or L2 norm along an axis",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_lp_normalization;
const OpSpellings spellings_lp_normalization = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
