#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/pool_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return GlobalPoolReference(
      context, -std::numeric_limits<double>::infinity(),
      [](double sum, double x, double) { return x > sum || std::isnan(x) ? x : sum; },
      [](double sum, double, double) { return sum; }, 0);
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  return ImportChannelsFirst("GlobalMaxPool", node, builder);
}
Status ExportOnnx(const Node& node, OnnxSink& sink) {
  return ExportChannelsFirst("GlobalMaxPool", node, sink);
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "GlobalMaxPool", .import = ImportOnnx}};

}  // namespace

extern const OpDef op_global_max_pool;
const OpDef op_global_max_pool = {
    .name = "GlobalMaxPool",
    .summary = "Largest of all pixels",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferGlobalPool,
    .reference = Reference,
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
