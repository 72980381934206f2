#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/quantize_common.h"

namespace whet::ops {
namespace {

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  const DynamicallyQuantized quantized = EmitDynamicQuantize(builder, node.input(0));
  node.SetResult(0, quantized.values);
  node.SetResult(1, quantized.scale);
  node.SetResult(2, quantized.zero_point);
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "DynamicQuantizeLinear", .since = 11, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_dynamic_quantize_linear;
const OpDef op_dynamic_quantize_linear = {
    .name = "DynamicQuantizeLinear",
    .summary = "Quantizes to u8 with the scale and the zero point that fit the data",
    .min_inputs = 1,
    .max_inputs = 1,
    .max_outputs = 3,
};

extern const OpSpellings spellings_dynamic_quantize_linear;
const OpSpellings spellings_dynamic_quantize_linear = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
