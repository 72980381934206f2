#include "passes/stored_weights.h"

#include <algorithm>

#include "kernels/weight_gemm/weight_gemm.h"
#include "passes/match.h"

namespace whet {

bool HasFewRows(int64_t rows, int64_t k, int64_t n) {
  constexpr int64_t kFewWeights = 1 << 12;
  return rows <= kernels::weight_gemm::kMostRows && k * n >= kFewWeights;
}

std::optional<StoredWeights> StoredWeightsOf(const Node& matmul) {
  if (!matmul.Is("MatMul") || matmul.attributes.Int("transpose_a") != 0) return std::nullopt;
  const Value *x = matmul.input(0), *w = matmul.input(1);
  if (x == nullptr || w == nullptr || x->type.dtype != DType::kF32 || !x->type.IsStatic())
    return std::nullopt;
  const Node* dequantize = ProducerIs(w, "DequantizeLinear");
  if (dequantize == nullptr || w->type.dtype != DType::kF32) return std::nullopt;
  for (const Value* input : dequantize->inputs()) {
    if (input != nullptr && !input->IsConstant()) return std::nullopt;
  }
  const DType type = dequantize->input(0)->type.dtype;
  if (type != DType::kI8 && type != DType::kU8 && type != DType::kI4 && type != DType::kU4)
    return std::nullopt;
  const Shape weights = w->type.ToShape(), left = x->type.ToShape();
  if (weights.rank() != 2 || left.rank() < 1 || weights.elements() == 0 || left.elements() == 0)
    return std::nullopt;

  StoredWeights stored{};
  stored.dequantize = dequantize;
  stored.transposed = matmul.attributes.Int("transpose_b") != 0;
  stored.k = weights[stored.transposed ? 1 : 0];
  stored.n = weights[stored.transposed ? 0 : 1];
  stored.rows = left.elements() / stored.k;
  if (!HasFewRows(stored.rows, stored.k, stored.n)) return std::nullopt;
  stored.single = dequantize->input(1)->type.ToShape().elements() == 1;
  int64_t axis = dequantize->attributes.Int("axis", 1);
  if (axis < 0) axis += 2;
  const int64_t k_axis = stored.transposed ? 1 : 0;
  stored.group = stored.k;
  if (const int64_t block = dequantize->attributes.Int("block_size"); block > 0) {
    if (axis != k_axis || (block % 2 != 0 && block < stored.k)) return std::nullopt;
    stored.group = std::min(block, stored.k);
    stored.single = false;
  } else if (!stored.single && axis == k_axis) {
    return std::nullopt;
  }
  return stored;
}

bool StaysStored(const Node& dequantize) {
  const Value* real = dequantize.output();
  if (!dequantize.Is("DequantizeLinear") || real->uses().empty() || real->graph()->IsOutput(real))
    return false;
  return std::ranges::all_of(real->uses(), [&](const Use& use) {
    return use.input == 1 && use.node->graph() == real->graph() && StoredWeightsOf(*use.node).has_value();
  });
}

}  // namespace whet
