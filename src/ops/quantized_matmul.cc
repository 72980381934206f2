#include "ir/spelling.h"
#include "ops/onnx_dtype_common.h"
#include "ops/quantized_common.h"
#include "ops/quantized_product_common.h"

namespace whet::ops {
namespace {

// Of the matrix w: k x n, or n x k transposed.
struct Columns {
  int64_t k, n;
};
Columns ColumnsOf(const Shape& w, bool transposed) {
  return transposed ? Columns{w[1], w[0]} : Columns{w[0], w[1]};
}

Status Infer(InferContext& context) {
  const Type& x = context.input(kProductX);
  const Type& w = context.input(kProductW);
  if (!x.ranked || !w.ranked) return InferQuantizedProduct(context, Type::Unranked(x.dtype));
  const bool transposed = context.attributes().Int("transpose_b") != 0;
  const auto mismatch = [&] {
    return Error(Code::kBadFile, "%s cannot be multiplied by the matrix %s", ToString(x).c_str(),
                 ToString(w).c_str());
  };
  if (x.rank() < 1 || w.rank() != 2) return mismatch();
  const Dim& inner = w.dims[transposed ? 1 : 0];
  if (x.dims.back().lo > inner.hi || inner.lo > x.dims.back().hi) return mismatch();
  std::vector<Dim> dims = x.dims;
  dims.back() = w.dims[transposed ? 0 : 1];
  return InferQuantizedProduct(context, Type(x.dtype, std::move(dims)));
}

Status Reference(ReferenceContext& context) {
  const bool transposed = context.attributes().Int("transpose_b") != 0;
  const auto [k, n] = ColumnsOf(context.input(kProductW).shape, transposed);
  const TensorView& y = context.output(0);
  const ProductSteps steps = ProductSteps::Make(context, n);
  const uint64_t* x = ProductOperand(context, steps, kProductX, n, 0);
  const uint64_t* w = ProductOperand(context, steps, kProductW, n, transposed ? k : 0);
  const int64_t rows = n > 0 ? y.elements() / n : 0;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      uint64_t sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += x[i * k + p] * (transposed ? w[j * k + p] : w[p * n + j]);
      steps.Store(y, i * n + j, j, sum);
    }
  }
  return {};
}

int64_t Macs(const Node& node) {
  return node.output()->type.ToShape().elements() * node.input(kProductX)->type.ToShape().back();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  const std::string x = sink.NameOf(node.input(kProductX));
  std::string w = sink.NameOf(node.input(kProductW));
  if (node.attributes.Int("transpose_b") != 0) {
    std::string matrix = sink.Fresh("transposed");
    sink.Node("Transpose", {w}, {matrix}, {{"perm", std::vector<int64_t>{1, 0}}});
    w = std::move(matrix);
  }
  const std::string x_zero = ExportZeroPoint(node, kProductXZero, kProductX, sink);
  const std::string w_zero = ExportZeroPoint(node, kProductWZero, kProductW, sink);
  const std::string result = sink.NameOf(node.output());
  if (node.input(kProductXScale) == nullptr) {
    sink.Node("MatMulInteger", {x, w, x_zero, w_zero}, {result});
    return {};
  }
  const DType x_type = node.input(kProductX)->type.dtype;
  WHET_RETURN_IF_ERROR(CheckExport(sink, x_type));
  const bool quantized = IsQuantizedResult(node);
  if (quantized && node.input(kProductBias) == nullptr && Is8Bit(x_type)) {
    const std::string unbounded = HasBounds(node) ? sink.Fresh("matmul") : result;
    const std::string y_zero = ExportZeroPoint(node, kProductYZero, kProductInputs, sink);
    const std::string inputs[] = {
        x,      sink.NameOf(node.input(kProductXScale)), x_zero, w, sink.NameOf(node.input(kProductWScale)),
        w_zero, sink.NameOf(node.input(kProductYScale)), y_zero};
    sink.Node("QLinearMatMul", inputs, std::span(&unbounded, 1), {});
    if (HasBounds(node)) ExportBounds(node, sink, unbounded, result);
  } else {
    // QLinearMatMul has no bias, and is of 8 bits.
    const std::string left = ExportDequantized(node, kProductX, x, -2, sink);
    const std::string right = ExportDequantized(node, kProductW, w, 1, sink);
    const std::string real = quantized ? sink.Fresh("real") : result;
    if (node.input(kProductBias) != nullptr) {
      const std::string product = sink.Fresh("product");
      sink.Node("MatMul", {left, right}, {product});
      sink.Node("Add", {product, ExportRealBias(node, sink)}, {real});
    } else {
      sink.Node("MatMul", {left, right}, {real});
    }
    if (quantized) ExportResult(node, real, result, sink);
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"transpose_b", AttributeKind::kInt}, {"low", AttributeKind::kInt}, {"high", AttributeKind::kInt}};

}  // namespace

extern const OpDef op_quantized_matmul;
const OpDef op_quantized_matmul = {
    .name = "QuantizedMatMul",
    .summary =
        "Product of 8-bit integers by one matrix in 32-bit sums, or of 16-bit ones in exact sums; made by a "
        "pass",
    .min_inputs = 4,
    .max_inputs = kProductInputs,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .macs = Macs,
};

extern const OpSpellings spellings_quantized_matmul;
const OpSpellings spellings_quantized_matmul = {
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
