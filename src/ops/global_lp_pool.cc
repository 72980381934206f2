#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/spelling.h"
#include "ops/pool_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return GlobalPoolReference(
      context, 0, [](double sum, double x, double p) { return sum + std::pow(std::abs(x), p); },
      [](double sum, double, double p) { return std::pow(sum, 1 / p); },
      static_cast<double>(context.attributes().Int("p", 2)));
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  return ImportChannelsFirst("GlobalLpPool", node, builder);
}
Status ExportOnnx(const Node& node, OnnxSink& sink) {
  return ExportChannelsFirst("GlobalLpPool", node, sink);
}

constexpr AttributeDef kAttributes[] = {{"p", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "GlobalLpPool", .import = ImportOnnx}};

}  // namespace

extern const OpDef op_global_lp_pool;
const OpDef op_global_lp_pool = {
    .name = "GlobalLpPool",
    .summary = "Lp norm over all pixels",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferGlobalPool,
    .reference = Reference,
};

extern const OpSpellings spellings_global_lp_pool;
const OpSpellings spellings_global_lp_pool = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
