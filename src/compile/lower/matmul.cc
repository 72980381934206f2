#include <algorithm>

#include "compile/lower/epilogue.h"
#include "compile/lower/lower.h"
#include "compile/lower/stored_weights.h"
#include "ir/op_def.h"
#include "kernels/gemm/gemm.h"

namespace whet {
namespace {

// The leading dimensions of an operand as seen from the output's, as distances in floats; 0 where it repeats.
std::vector<int64_t> BatchStrides(const Shape& shape, int64_t matrix, const Shape& output) {
  const int batch_rank = output.rank() - 2;
  std::vector<int64_t> strides(static_cast<size_t>(std::max(0, batch_rank)), 0);
  int64_t stride = matrix;
  for (int d = shape.rank() - 3, to = batch_rank - 1; d >= 0; --d, --to) {
    if (shape[d] != 1) strides[static_cast<size_t>(to)] = stride;
    stride *= shape[d];
  }
  return strides;
}

struct Batch {
  int64_t size = 1;
  int64_t a = 0, b = 0, c = 0, r = 0;
};

// Merges neighbouring batch dimensions that every operand walks evenly; at most three may be left.
bool FoldBatches(std::vector<Batch> dims, kernels::gemm::Params* params) {
  std::vector<Batch> folded;
  for (const Batch& dim : dims) {
    if (dim.size == 1) continue;
    if (!folded.empty()) {
      Batch& outer = folded.back();
      const bool even = outer.a == dim.a * dim.size && outer.b == dim.b * dim.size &&
                        outer.c == dim.c * dim.size && outer.r == dim.r * dim.size;
      if (even) {
        outer = {outer.size * dim.size, dim.a, dim.b, dim.c, dim.r};
        continue;
      }
    }
    folded.push_back(dim);
  }
  if (folded.size() > kernels::gemm::kBatchDims) return false;
  for (size_t i = 0; i < folded.size(); ++i) {
    params->batch[i] = folded[i].size;
    params->a_stride[i] = folded[i].a;
    params->b_stride[i] = folded[i].b;
    params->c_stride[i] = folded[i].c;
    params->r_stride[i] = folded[i].r;
  }
  return true;
}

}  // namespace

Result<bool> LowerMatMul(const Node& node, Lowering& lowering) {
  const Value* a = node.input(0);
  const Value* b = node.input(1);
  const Value* y = node.output();
  if (a->type.dtype != DType::kF32 || b->type.dtype != DType::kF32) return false;
  if (node.attributes.Int("transpose_a") != 0) return false;
  Shape a_shape = a->type.ToShape();
  Shape b_shape = b->type.ToShape();
  Shape y_shape = y->type.ToShape();
  if (a_shape.elements() == 0 || b_shape.elements() == 0) return false;
  if (const auto stored = StoredIntegersOf(node)) {
    WHET_ASSIGN_OR_RETURN(const bool added,
                          AddStoredProduct(node, a_shape.elements() / stored->k, *stored, lowering));
    if (!added) return StoredWeightsNotRead(node);
    return true;
  }
  // Vectors are matrices with one row or column.
  if (b_shape.rank() < 2) return false;
  if (a_shape.rank() < 2) {
    if (a_shape.rank() == 0 || b_shape.rank() != 2) return false;
    a_shape = Shape{1, a_shape[0]};
    y_shape = Shape{1, y_shape[0]};
  }
  const bool transpose_b = node.attributes.Int("transpose_b") != 0;
  kernels::gemm::Params params;
  params.m = a_shape[a_shape.rank() - 2];
  params.k = a_shape.back();
  params.n = y_shape.back();
  const bool one_b = b_shape.elements() == params.k * params.n;
  if (one_b && b->IsConstant()) {
    const int64_t rows = a_shape.elements() / params.k;
    if (const auto halves =
            StoredHalvesOf(b->constant()->view().as<float>(), rows, params.k, params.n, transpose_b)) {
      return AddStoredProduct(node, rows, *halves, lowering);
    }
  }
  EpilogueOperands operands;
  if (!ReadEpilogue(node, 2, params.n, lowering, &operands)) return false;

  const TensorId in = lowering.TensorOf(a);
  const TensorId out = lowering.TensorOf(y);
  params.lda = lowering.tensor(in).row_stride;
  params.ldc = lowering.tensor(out).row_stride;
  params.ldr = operands.residual == kNoTensor ? 0 : lowering.tensor(operands.residual).row_stride;
  params.epilogue = operands.epilogue;
  const bool pack = b->IsConstant() && one_b;
  params.b_form = pack          ? kernels::gemm::BForm::kPacked
                  : transpose_b ? kernels::gemm::BForm::kTransposed
                                : kernels::gemm::BForm::kRowMajor;

  if (one_b) {
    // All of A's matrices are one tall matrix.
    params.m = a_shape.elements() / params.k;
  } else {
    const auto a_strides = BatchStrides(a_shape, params.m * params.lda, y_shape);
    const auto c_strides = BatchStrides(y_shape, params.m * params.ldc, y_shape);
    const auto b_strides = BatchStrides(b_shape, params.k * params.n, y_shape);
    std::vector<Batch> dims;
    for (size_t d = 0; d < c_strides.size(); ++d) {
      const int64_t r = operands.residual == kNoTensor ? 0 : c_strides[d] / params.ldc * params.ldr;
      dims.push_back({y_shape[static_cast<int>(d)], a_strides[d], b_strides[d], c_strides[d], r});
    }
    if (!FoldBatches(dims, &params)) return false;
  }
  TensorId right = kNoTensor;
  if (!pack) {
    right = lowering.DenseInput(b);
    params.ldb = b_shape.back();
  }
  kernels::Choice choice{};
  if (!kernels::gemm::Choose(lowering.isa(), &params, &choice).ok()) return false;
  if (pack) {
    void* packed = nullptr;
    right = lowering.Weights(DType::kF32, Shape{kernels::gemm::PackedSize(*choice.row, params.k, params.n)},
                             &packed);
    kernels::gemm::Pack(*choice.row, params.k, params.n, b->constant()->view().as<float>(),
                        transpose_b ? 1 : params.n, transpose_b ? params.k : 1, static_cast<float*>(packed));
  }
  lowering.AddKernel(node, choice, params, {out, in, right, operands.bias, operands.residual, operands.slope},
                     node.op().macs != nullptr ? node.op().macs(node) : 0);
  return true;
}

}  // namespace whet
