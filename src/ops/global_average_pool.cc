#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/pool_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return GlobalPoolReference(
      context, 0, [](double sum, double x, double) { return sum + x; },
      [](double sum, double count, double) { return sum / count; }, 0);
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  return ImportChannelsFirst("GlobalAveragePool", node, builder);
}
Status ExportOnnx(const Node& node, OnnxSink& sink) {
  return ExportChannelsFirst("GlobalAveragePool", node, sink);
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "GlobalAveragePool", .import = ImportOnnx}};

}  // namespace

extern const OpDef op_global_average_pool;
const OpDef op_global_average_pool = {
    .name = "GlobalAveragePool",
    .summary = "Mean over all pixels",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferGlobalPool,
    .reference = Reference,
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
