#include "ir/spelling.h"
#include "ops/onnx_dtype_common.h"
#include "ops/quantize_common.h"

namespace whet::ops {
namespace {

// As a product of the integers' values; sums are exact up to 2^24.
Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  for (size_t i : {2, 3}) {
    if (node.HasInput(i) && node.input(i)->type.rank() > 1) {
      return node.Unsupported("zero points with more than one dimension");
    }
  }
  Value* a = EmitDequantize(builder, node.input(0), nullptr, node.input(2), -2);
  Value* b = EmitDequantize(builder, node.input(1), nullptr, node.input(3), -1);
  node.SetResult(
      0, builder.Emit("Cast", {builder.Emit("MatMul", {a, b})}, {{"to", OnnxFromDType(DType::kI32)}}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "MatMulInteger", .since = 10, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_matmul_integer;
const OpDef op_matmul_integer = {
    .name = "MatMulInteger",
    .summary = "Matrix product of integers into i32",
    .min_inputs = 2,
    .max_inputs = 4,
};

extern const OpSpellings spellings_matmul_integer;
const OpSpellings spellings_matmul_integer = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
