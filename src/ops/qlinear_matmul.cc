#include "ir/spelling.h"
#include "ops/quantize_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kA, kAScale, kAZero, kB, kBScale, kBZero, kYScale, kYZero };

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  for (size_t i : {kAScale, kBScale}) {
    if (node.input(i)->type.rank() > 1) return node.Unsupported("scales with more than one dimension");
  }
  // Rows of a, columns of b.
  Value* a = EmitDequantize(builder, node.input(kA), node.input(kAScale), node.input(kAZero), -2);
  Value* b = EmitDequantize(builder, node.input(kB), node.input(kBScale), node.input(kBZero), -1);
  Value* y = builder.Emit("MatMul", {a, b});
  node.SetResult(0, builder.Emit("QuantizeLinear", {y, node.input(kYScale), node.input(kYZero)},
                                 {{"axis", int64_t{-2}}}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "QLinearMatMul", .since = 10, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_qlinear_matmul;
const OpDef op_qlinear_matmul = {
    .name = "QLinearMatMul",
    .summary = "Matrix product of quantized tensors",
    .min_inputs = 8,
    .max_inputs = 8,
};

extern const OpSpellings spellings_qlinear_matmul;
const OpSpellings spellings_qlinear_matmul = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
