#include <cmath>

#include "compile/lower/lower.h"
#include "ir/op_def.h"
#include "kernels/attention/attention.h"

namespace whet {
namespace {

enum Input : size_t { kQuery, kKey, kValue, kMask };

struct Sizes {
  int64_t batch, heads, rows, columns;
};

// Of [batch, heads, rows, columns], or [batch, rows, heads * columns].
Sizes SizesOf(const Value& value, int64_t heads) {
  const Shape shape = value.type.ToShape();
  if (shape.rank() == 4) return {shape[0], shape[1], shape[2], shape[3]};
  return {shape[0], heads, shape[1], shape[2] / heads};
}

kernels::attention::Strides StridesOf(const TensorDraft& tensor, const Sizes& s) {
  const int64_t row = tensor.row_stride;
  if (tensor.shape.rank() == 4) return {s.heads * s.rows * row, s.rows * row, row};
  return {s.rows * row, s.columns, row};
}

// Inputs beyond the mask, outputs beyond the first, and windows are left to the reference.
bool Handles(const Node& node) {
  for (size_t i = kMask + 1; i < node.inputs().size(); ++i) {
    if (node.input(i) != nullptr) return false;
  }
  for (size_t i = 1; i < node.outputs().size(); ++i) {
    if (node.output(i) != nullptr) return false;
  }
  for (size_t i : {kQuery, kKey, kValue, kMask}) {
    const Value* input = node.input(i);
    if (input == nullptr) continue;
    if (input->type.dtype != DType::kF32 || input->type.ToShape().elements() == 0) return false;
  }
  return node.attributes.Int("left_window_size", -1) < 0 && node.attributes.Int("right_window_size", -1) < 0;
}

}  // namespace

Result<bool> LowerAttention(const Node& node, Lowering& lowering) {
  if (!Handles(node)) return false;
  const int64_t kv_heads = node.attributes.Int("kv_num_heads");
  const Sizes q = SizesOf(*node.input(kQuery), node.attributes.Int("q_num_heads"));
  const Sizes k = SizesOf(*node.input(kKey), kv_heads);
  const Sizes v = SizesOf(*node.input(kValue), kv_heads);
  const Sizes y = {q.batch, q.heads, q.rows, v.columns};
  kernels::attention::Params params{};
  params.batch = q.batch;
  params.heads = q.heads;
  params.kv_heads = k.heads;
  params.queries = q.rows;
  params.keys = k.rows;
  params.size = q.columns;
  params.value_size = v.columns;
  params.scale =
      static_cast<float>(node.attributes.Float("scale", 1 / std::sqrt(static_cast<double>(q.columns))));
  params.softcap = static_cast<float>(node.attributes.Float("softcap"));
  params.causal = node.attributes.Int("is_causal") != 0 ? 1 : 0;
  if (const Value* mask = node.input(kMask)) {
    const Shape shape = mask->type.ToShape();
    // One that ends before the keys do hides the rest.
    if (shape.rank() > 0 && shape.back() != 1 && shape.back() != params.keys) return false;
    int64_t* const strides[] = {&params.mask_key, &params.mask.row, &params.mask.head, &params.mask.batch};
    int64_t stride = 1;
    for (int i = 0; i < shape.rank(); ++i) {
      const int64_t size = shape[shape.rank() - 1 - i];
      if (size != 1) *strides[i] = stride;
      stride *= size;
    }
  }
  const TensorId query = lowering.TensorOf(node.input(kQuery));
  const TensorId key = lowering.TensorOf(node.input(kKey));
  const TensorId value = lowering.TensorOf(node.input(kValue));
  const TensorId out = lowering.TensorOf(node.output());
  params.query = StridesOf(lowering.tensor(query), q);
  params.key = StridesOf(lowering.tensor(key), k);
  params.value = StridesOf(lowering.tensor(value), v);
  params.y = StridesOf(lowering.tensor(out), y);
  kernels::Choice choice{};
  if (!kernels::attention::Choose(lowering.isa(), &params, &choice).ok()) return false;
  const TensorId mask = node.input(kMask) != nullptr ? lowering.DenseInput(node.input(kMask)) : kNoTensor;
  lowering.AddKernel(node, choice, params, {out, query, key, value, mask}, node.op().macs(node));
  return true;
}

}  // namespace whet
