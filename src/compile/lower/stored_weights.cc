// MatMul with weights that stay as they are stored.
#include <algorithm>
#include <cmath>

#include "compile/lower/epilogue.h"
#include "compile/lower/lower.h"
#include "ir/op_def.h"
#include "kernels/weight_gemm/weight_gemm.h"
#include "ops/elements_common.h"
#include "passes/stored_weights.h"

namespace whet {
namespace {

namespace kernel = kernels::weight_gemm;

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

// False if the epilogue is of a kind that the kernels do not have; nothing is added then.
Result<bool> AddProduct(const Node& node, kernel::Params params, const kernels::stored::Weights& weights,
                        Lowering& lowering) {
  EpilogueOperands operands;
  if (!ReadEpilogue(node, 2, params.n, lowering, &operands)) return false;
  const TensorId in = lowering.TensorOf(node.input(0));
  const TensorId out = lowering.TensorOf(node.output());
  params.lda = lowering.tensor(in).row_stride;
  params.ldc = lowering.tensor(out).row_stride;
  params.ldr = operands.residual == kNoTensor ? 0 : lowering.tensor(operands.residual).row_stride;
  params.epilogue = operands.epilogue;
  kernels::Choice choice{};
  WHET_RETURN_IF_ERROR(kernel::Choose(lowering.isa(), &params, &choice));
  const std::vector<uint8_t> packed = kernel::Pack(*choice.row, params, weights);
  const TensorId right = lowering.WeightsOf<uint8_t>(DType::kU8, packed);
  lowering.AddKernel(node, choice, params, {out, in, right, operands.bias, operands.residual, operands.slope},
                     node.op().macs != nullptr ? node.op().macs(node) : 0);
  return true;
}

Result<bool> LowerIntegers(const Node& node, const StoredWeights& stored, Lowering& lowering) {
  const Node& dequantize = *stored.dequantize;
  const TensorView& integers = dequantize.input(0)->constant()->view();
  const TensorView& scales = dequantize.input(1)->constant()->view();
  const DType type = integers.dtype;
  // Integers as the kernel counts them: bytes with a sign, half bytes without one.
  const int64_t shift = type == DType::kU8 ? -128 : type == DType::kI4 ? 8 : 0;
  const bool is_half = type == DType::kI4 || type == DType::kU4;
  kernel::Params params;
  params.m = stored.rows;
  params.n = stored.n;
  params.k = stored.k;
  params.form.group = stored.group;
  params.form.format = is_half ? kernels::stored::Format::kU4 : kernels::stored::Format::kI8;
  const Value* zero = dequantize.input(2);
  // What stands for 0 where there are no zeros: 8 of half bytes, 0 of bytes.
  params.form.has_zeros = zero != nullptr || type == DType::kU4 || type == DType::kU8;

  const auto elements = RowsOfK<int16_t>(stored.k, stored.n, stored.transposed, [&](int64_t i) {
    return static_cast<int16_t>(ops::LoadInt(integers, i) + shift);
  });
  const int64_t groups = (stored.k + stored.group - 1) / stored.group;
  const auto scale_at = [&](int64_t i) { return stored.single ? 0 : i; };
  // By column there is one row of scales either way.
  const bool turned = stored.transposed && groups > 1;
  const auto real_scales =
      RowsOfK<float>(groups, stored.n, turned, [&](int64_t i) { return scales.as<float>()[scale_at(i)]; });
  std::vector<int16_t> zeros;
  if (params.form.has_zeros != 0) {
    zeros = RowsOfK<int16_t>(groups, stored.n, turned, [&](int64_t i) {
      const int64_t given = zero != nullptr ? ops::LoadInt(zero->constant()->view(), scale_at(i)) : 0;
      return static_cast<int16_t>(given + shift);
    });
  }
  return AddProduct(node, params, {{}, elements, real_scales, zeros}, lowering);
}

}  // namespace

Result<bool> LowerStoredIntegers(const Node& node, Lowering& lowering) {
  const auto stored = StoredWeightsOf(node);
  if (!stored) return false;
  WHET_ASSIGN_OR_RETURN(const bool added, LowerIntegers(node, *stored, lowering));
  // Nothing has computed the weights as floats.
  if (!added)
    return Error(Code::kInternal, "a product's activation is unknown to the kernels").At(node.name());
  return true;
}

Result<bool> LowerStoredHalves(const Node& node, int64_t rows, int64_t k, int64_t n, Lowering& lowering) {
  if (!HasFewRows(rows, k, n)) return false;
  const float* b = node.input(1)->constant()->view().as<float>();
  const auto all = [&](const auto& holds) { return std::all_of(b, b + k * n, holds); };
  const bool f16 = all([](float x) { return std::isfinite(x) && F16ToF32(F32ToF16(x)) == x; });
  if (!f16 && !all([](float x) { return std::isfinite(x) && BF16ToF32(F32ToBF16(x)) == x; })) return false;
  kernel::Params params;
  params.m = rows;
  params.n = n;
  params.k = params.form.group = k;
  params.form.format = f16 ? kernels::stored::Format::kF16 : kernels::stored::Format::kBf16;
  const auto halves = RowsOfK<uint16_t>(k, n, node.attributes.Int("transpose_b") != 0,
                                        [&](int64_t i) { return f16 ? F32ToF16(b[i]) : F32ToBF16(b[i]); });
  return AddProduct(node, params, {halves, {}, {}, {}}, lowering);
}

}  // namespace whet
