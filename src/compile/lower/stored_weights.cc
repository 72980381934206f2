#include "compile/lower/stored_weights.h"

#include <algorithm>
#include <cmath>

#include "compile/lower/epilogue.h"
#include "ir/op_def.h"
#include "kernels/gemm/gemm.h"
#include "kernels/weight_gemm/weight_gemm.h"
#include "ops/elements_common.h"

namespace whet {
namespace {

using kernels::stored::Format;

// A matrix as rows of k, whichever way it lies in memory.
template <typename T, typename Read>
std::vector<T> RowsOfK(int64_t k, int64_t n, bool transposed, Read read) {
  std::vector<T> elements(static_cast<size_t>(k * n));
  for (int64_t p = 0; p < k; ++p) {
    for (int64_t j = 0; j < n; ++j)
      elements[static_cast<size_t>(p * n + j)] = read(transposed ? j * k + p : p * n + j);
  }
  return elements;
}

}  // namespace

std::optional<StoredMatrix> StoredIntegersOf(const Node& node) {
  const auto stored = StoredWeightsOf(node);
  if (!stored) return std::nullopt;
  const Node& dequantize = *stored->dequantize;
  const TensorView& integers = dequantize.input(0)->constant()->view();
  const TensorView& scales = dequantize.input(1)->constant()->view();
  const DType type = integers.dtype;
  // Integers as the kernel counts them: bytes with a sign, half bytes without one.
  const int64_t shift = type == DType::kU8 ? -128 : type == DType::kI4 ? 8 : 0;
  const bool is_half = type == DType::kI4 || type == DType::kU4;
  const Value* zero = dequantize.input(2);
  StoredMatrix matrix;
  matrix.use = stored->use;
  matrix.k = stored->k;
  matrix.n = stored->n;
  matrix.form.group = stored->group;
  matrix.form.format = is_half ? Format::kU4 : Format::kI8;
  // What stands for 0 where there are no zeros: 8 of half bytes, 0 of bytes.
  matrix.form.has_zeros = zero != nullptr || type == DType::kU4 || type == DType::kU8;
  matrix.integers = RowsOfK<int16_t>(stored->k, stored->n, stored->transposed, [&](int64_t i) {
    return static_cast<int16_t>(ops::LoadInt(integers, i) + shift);
  });
  const int64_t groups = (stored->k + stored->group - 1) / stored->group;
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t j = 0; j < stored->n; ++j) {
      const int64_t at = stored->ScaleIndex(g, j);
      matrix.scales.push_back(scales.as<float>()[at]);
      if (matrix.form.has_zeros == 0) continue;
      const int64_t given = zero != nullptr ? ops::LoadInt(zero->constant()->view(), at) : 0;
      matrix.zeros.push_back(static_cast<int16_t>(given + shift));
    }
  }
  return matrix;
}

std::optional<StoredMatrix> StoredHalvesOf(const float* b, int64_t rows, int64_t k, int64_t n,
                                           bool transposed) {
  StoredMatrix matrix;
  matrix.use = UseOfStored(rows, k, n);
  if (matrix.use == StoredUse::kNot) return std::nullopt;
  const auto all = [&](const auto& holds) { return std::all_of(b, b + k * n, holds); };
  const bool f16 = all([](float x) { return std::isfinite(x) && F16ToF32(F32ToF16(x)) == x; });
  if (!f16 && !all([](float x) { return std::isfinite(x) && BF16ToF32(F32ToBF16(x)) == x; }))
    return std::nullopt;
  matrix.k = matrix.form.group = k;
  matrix.n = n;
  matrix.form.format = f16 ? Format::kF16 : Format::kBf16;
  matrix.halves =
      RowsOfK<uint16_t>(k, n, transposed, [&](int64_t i) { return f16 ? F32ToF16(b[i]) : F32ToBF16(b[i]); });
  return matrix;
}

Result<bool> AddStoredProduct(const Node& node, int64_t rows, const StoredMatrix& matrix,
                              Lowering& lowering) {
  EpilogueOperands operands;
  if (!ReadEpilogue(node, 2, matrix.n, lowering, &operands)) return false;
  const TensorId in = lowering.TensorOf(node.input(0));
  const TensorId out = lowering.TensorOf(node.output());
  const auto set = [&](auto* params) {
    params->m = rows;
    params->n = matrix.n;
    params->k = matrix.k;
    params->lda = lowering.tensor(in).row_stride;
    params->ldc = lowering.tensor(out).row_stride;
    params->ldr = operands.residual == kNoTensor ? 0 : lowering.tensor(operands.residual).row_stride;
    params->epilogue = operands.epilogue;
  };
  const auto add = [&](const kernels::Choice& choice, const auto& params,
                       const std::vector<uint8_t>& packed) {
    const TensorId right = lowering.WeightsOf<uint8_t>(DType::kU8, packed);
    lowering.AddKernel(node, choice, params,
                       {out, in, right, operands.bias, operands.residual, operands.slope},
                       node.op().macs != nullptr ? node.op().macs(node) : 0);
  };
  kernels::Choice choice{};
  if (matrix.use == StoredUse::kInRegisters) {
    kernels::weight_gemm::Params params;
    set(&params);
    params.form = matrix.form;
    WHET_RETURN_IF_ERROR(kernels::weight_gemm::Choose(lowering.isa(), &params, &choice));
    add(choice, params, kernels::weight_gemm::Pack(*choice.row, params, matrix.weights()));
  } else {
    kernels::gemm::Params params;
    set(&params);
    params.b_form = kernels::gemm::BForm::kStored;
    params.stored = matrix.form;
    WHET_RETURN_IF_ERROR(kernels::gemm::Choose(lowering.isa(), &params, &choice));
    add(choice, params, kernels::gemm::PackStored(*choice.row, params, matrix.weights()));
  }
  return true;
}

Status StoredWeightsNotRead(const Node& node) {
  return Error(Code::kInternal, "no kernel for stored weights has the node's bias, activation or residual")
      .At(node.name());
}

}  // namespace whet
