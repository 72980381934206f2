#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/foreign.h"
#include "ir/spelling.h"
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

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  std::vector<int64_t> axes;
  for (int64_t i = 1; i + 1 < node.input(0)->type.rank(); ++i) axes.push_back(i);
  if (axes.empty()) return Error(Code::kUnsupported, "the number of dimensions is not known");
  results = {builder.Emit("ReduceMean", {node.input(0), builder.Ints(axes)})};
  return builder.TakeStatus();
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
};

extern const OpSpellings spellings_global_average_pool;
const OpSpellings spellings_global_average_pool = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
