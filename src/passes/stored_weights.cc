#include "passes/stored_weights.h"

#include <algorithm>
#include <numeric>

#include "kernels/qrecurrent/qlstm.h"
#include "kernels/weight_gemm/weight_gemm.h"
#include "ops/elements_common.h"
#include "passes/match.h"

namespace whet {
namespace {

bool IsStoredType(DType type) {
  return type == DType::kI8 || type == DType::kU8 || type == DType::kI4 || type == DType::kU4;
}

// The matrix that a node multiplies by; false if it is no product that kernels take so.
bool ReadMatrix(const Node& node, StoredWeights* stored) {
  const Shape weights = node.input(1)->type.ToShape(), left = node.input(0)->type.ToShape();
  if (weights.elements() == 0 || left.elements() == 0) return false;
  if (node.Is("MatMul")) {
    if (node.attributes.Int("transpose_a") != 0 || weights.rank() != 2 || left.rank() < 1) return false;
    stored->transposed = node.attributes.Int("transpose_b") != 0;
    stored->k = stored->channels = weights[stored->transposed ? 1 : 0];
    stored->n = weights[stored->transposed ? 0 : 1];
    stored->rows = left.elements() / stored->k;
    stored->use = UseOfStored(stored->rows, stored->k, stored->n);
    return true;
  }
  const Value* y = node.output();
  if (!node.Is("Conv") || !y->type.IsStatic() || weights.rank() < 3 || weights.rank() > 4) return false;
  if (node.attributes.Int("group", 1) != 1) return false;
  if (node.attributes.Has("auto_pad") && node.attributes.String("auto_pad") != "NOTSET") return false;
  stored->transposed = true;
  stored->n = weights[0];
  stored->k = weights.elements() / stored->n;
  stored->channels = weights.back();
  stored->rows = y->type.ToShape().elements() / stored->n;
  stored->use = UseOfStored(stored->rows, stored->k, stored->n);
  if (stored->use == StoredUse::kInRegisters && !IsPointwise(node)) stored->use = StoredUse::kNot;
  return stored->rows > 0;
}

}  // namespace

StoredUse UseOfStored(int64_t rows, int64_t k, int64_t n) {
  // Fewer weights are not worth it.
  constexpr int64_t kFewWeights = 1 << 12;
  if (k * n < kFewWeights) return StoredUse::kNot;
  if (rows <= kernels::weight_gemm::kMostRows) return StoredUse::kInRegisters;
  // To make floats of a weight takes about as long as five rows' products with it. With fewer rows than these
  // that is more than a few per cent, unless there are so many weights that floats would come from memory.
  constexpr int64_t kManyRows = 48, kManyWeights = 1 << 22;
  return rows >= kManyRows || k * n >= kManyWeights ? StoredUse::kByBlocks : StoredUse::kNot;
}

int64_t StoredWeights::ScaleIndex(int64_t g, int64_t column) const {
  if (single) return 0;
  const int64_t of_tap = (channels + block - 1) / block, taps = k / channels;
  const int64_t first = g * group;  // k
  const int64_t row = group == k ? 0 : first / channels * of_tap + first % channels / block;
  return transposed ? column * (group == k ? 1 : taps * of_tap) + row : row * n + column;
}

std::optional<StoredWeights> StoredWeightsOf(const Node& node) {
  if (!node.Is("MatMul") && !node.Is("Conv")) return std::nullopt;
  const Value *x = node.input(0), *w = node.input(1);
  if (x == nullptr || w == nullptr || x->type.dtype != DType::kF32 || !x->type.IsStatic())
    return std::nullopt;
  const Node* dequantize = ProducerIs(w, "DequantizeLinear");
  if (dequantize == nullptr || w->type.dtype != DType::kF32) return std::nullopt;
  for (const Value* input : dequantize->inputs()) {
    if (input != nullptr && !input->IsConstant()) return std::nullopt;
  }
  if (!IsStoredType(dequantize->input(0)->type.dtype)) return std::nullopt;
  StoredWeights stored{};
  stored.dequantize = dequantize;
  if (!ReadMatrix(node, &stored) || stored.use == StoredUse::kNot) return std::nullopt;

  stored.single = dequantize->input(1)->type.ToShape().elements() == 1;
  const int rank = w->type.rank();
  int64_t axis = dequantize->attributes.Int("axis", 1);
  if (axis < 0) axis += rank;
  const int64_t k_axis = stored.transposed ? rank - 1 : 0, column_axis = stored.transposed ? 0 : 1;
  stored.group = stored.block = stored.k;
  if (const int64_t block = dequantize->attributes.Int("block_size"); block > 0) {
    if (axis != k_axis) return std::nullopt;
    stored.single = false;
    stored.block = std::min(block, stored.channels);
    stored.group = stored.channels % stored.block == 0 || stored.channels == stored.k
                       ? stored.block
                       : std::gcd(stored.block, stored.channels);
    constexpr int64_t kShortest = 8;
    const bool whole = stored.group == stored.k;
    if (!whole && (stored.group % 2 != 0 || stored.group < kShortest)) return std::nullopt;
  } else if (!stored.single && axis != column_axis) {
    return std::nullopt;
  }
  return stored;
}

bool IsPlainRecurrent(const Node& node) {
  const Value* bias = node.input(3);
  if (bias != nullptr && !bias->IsConstant()) return false;
  if (node.input(4) != nullptr || node.input(7) != nullptr) return false;
  const Attributes& attributes = node.attributes;
  return !attributes.Has("activations") && attributes.Float("clip") == 0 &&
         attributes.Int("input_forget") == 0 && attributes.Int("layout") == 0;
}

const Node* StoredRecurrentOf(const Node& node) {
  if (!node.Is("LSTM") || !IsPlainRecurrent(node)) return nullptr;
  const Value *x = node.input(0), *w = node.input(1), *r = node.input(2);
  // The input's weights become floats: they are constant, or will be.
  if (!w->IsConstant() && ProducerIs(w, "DequantizeLinear") == nullptr) return nullptr;
  if (x->type.dtype != DType::kF32 || !x->type.IsStatic() || x->type.ToShape().elements() == 0)
    return nullptr;
  const Node* dequantize = ProducerIs(r, "DequantizeLinear");
  if (dequantize == nullptr || dequantize->attributes.Int("block_size") != 0 || !r->type.IsStatic() ||
      r->type.rank() != 3)
    return nullptr;
  for (const Value* input : dequantize->inputs()) {
    if (input != nullptr && !input->IsConstant()) return nullptr;
  }
  const Value *integers = dequantize->input(0), *scale = dequantize->input(1), *zero = dequantize->input(2);
  if (integers->type.dtype != DType::kI8 || scale->type.dtype != DType::kF32) return nullptr;
  if (zero != nullptr) {
    for (int64_t steps : ops::IntsOf(zero->constant()->view())) {
      if (steps != 0) return nullptr;
    }
  }
  const int axis = ops::NormalizeAxis(dequantize->attributes.Int("axis", 1), 3);
  if (scale->type.ToShape().elements() != 1 && axis != 1) return nullptr;
  // With fewer units the weights are in the cache as floats, too, and multiplying these takes less.
  constexpr int64_t kFewUnits = 64;
  const int64_t hidden = r->type.ToShape()[2];
  return hidden >= kFewUnits && hidden <= kernels::qlstm::kLargestHidden ? dequantize : nullptr;
}

bool StaysStored(const Node& dequantize) {
  const Value* real = dequantize.output();
  if (!dequantize.Is("DequantizeLinear") || real->uses().empty() || real->graph()->IsOutput(real))
    return false;
  return std::ranges::all_of(real->uses(), [&](const Use& use) {
    if (use.node->graph() != real->graph()) return false;
    return use.input == 2 ? StoredRecurrentOf(*use.node) == &dequantize
                          : use.input == 1 && StoredWeightsOf(*use.node).has_value();
  });
}

bool WouldTakeScale(const Node& dequantize) {
  return std::ranges::any_of(dequantize.output()->uses(), [](const Use& use) {
    const Value* y = use.node->output();
    if (y->uses().size() != 1) return false;
    const Node& reader = *y->uses().front().node;
    if (reader.Is("BatchNormalization")) return true;
    // After a product it is often one of activations, whose weights are better left as they are.
    if (!use.node->Is("Conv") || (!reader.Is("Mul") && !reader.Is("Div"))) return false;
    return std::ranges::any_of(reader.inputs(), [](const Value* v) { return v->IsConstant(); });
  });
}

bool IsPointwise(const Node& conv) {
  const Shape weights = conv.input(1)->type.ToShape();
  for (int d = 1; d + 1 < weights.rank(); ++d) {
    if (weights[d] != 1) return false;
  }
  const auto all = [&](const char* name, int64_t value) {
    return std::ranges::all_of(conv.attributes.Ints(name), [&](int64_t x) { return x == value; });
  };
  return all("strides", 1) && all("pads", 0);
}

}  // namespace whet
