#include <cmath>
#include <limits>

#include "passes/match.h"
#include "passes/pass_list.h"
#include "passes/strided_view.h"

namespace whet {
namespace {

// Added to a score, it leaves no weight, whatever a score that is not itself absurd may be: in f32 the sum is
// this number again.
constexpr double kHidden = -1e30;
// Likewise if another key of the same query is seen for certain.
constexpr double kHiddenBesideOthers = -1e4;

// The kernel's vectors hold queries. Of fewer than these, most of a vector would be empty, and the products
// with a matrix of few rows are faster.
constexpr int64_t kFewestQueries = 4;

constexpr int kDeepest = 12;

struct Sizes {
  int64_t batch, heads, rows, columns;
};

// Of [batch, heads, rows, columns], [heads, rows, columns] or [rows, columns].
std::optional<Sizes> SizesOf(const std::vector<int64_t>& dims) {
  switch (dims.size()) {
    case 2: return Sizes{1, 1, dims[0], dims[1]};
    case 3: return Sizes{1, dims[0], dims[1], dims[2]};
    case 4: return Sizes{dims[0], dims[1], dims[2], dims[3]};
    default: return std::nullopt;
  }
}

// --- the scores

// Something that is added to the scores, or put in the place of some of them.
struct Mask {
  Value* value;       // what is added, or the condition
  double factor = 1;  // by which what is added is multiplied on its way
  bool replaces = false;
  bool keeps = false;  // the truth value with which the condition leaves a score
  double score = 0;    // the other scores
};

// What stands between the product of queries and keys and the softmax.
struct Scores {
  Node* product = nullptr;
  double scale = 1;
  double softcap = 0;
  std::vector<Mask> masks;  // in the order in which they are applied
};

// Whether the mask hides exactly the keys after each query, and adds nothing to the others. Every query then
// sees a key.
bool IsCausal(const Mask& mask, int64_t queries, int64_t keys) {
  if (!mask.value->IsConstant()) return false;
  const TensorView& view = mask.value->constant()->view();
  const int rank = view.shape.rank();
  if (queries != keys || view.elements() != queries * keys || rank < 2 || view.shape[rank - 1] != keys ||
      view.shape[rank - 2] != queries) {
    return false;
  }
  if (mask.replaces ? mask.score > kHiddenBesideOthers : mask.factor < 1) return false;
  for (int64_t i = 0; i < queries * keys; ++i) {
    const bool later = i % keys > i / keys;
    if (mask.replaces) {
      if ((view.as<uint8_t>()[i] != 0) == (later == mask.keeps)) return false;
    } else {
      const float added = view.as<float>()[i];
      if (later ? static_cast<double>(added) > kHiddenBesideOthers : added != 0) return false;
    }
  }
  return true;
}

// A score that is replaced can instead be lowered by what replaces it if nothing is left of it then; only
// another mask before could make a difference, to rows in which no key is seen.
bool CanBeAdded(const Mask& mask, bool first) {
  if (!mask.replaces) return true;
  return first && mask.score <= kHidden && mask.value->type.dtype == DType::kBool;
}

// Goes up from `x`, which is multiplied by `factor` further down, to the product. False if there is another
// operator on the way or somebody else reads what is on it.
bool FindProduct(Value* x, double factor, int depth, Scores* scores) {
  Node* node = x->producer();
  if (node == nullptr || depth > kDeepest || OnlyReader(x) == nullptr) return false;
  if (node->Is("MatMul")) {
    if (node->inputs().size() != 2 || node->attributes.Has("activation") ||
        node->attributes.Int("transpose_a") != 0) {
      return false;
    }
    scores->product = node;
    scores->scale *= factor;
    return true;
  }
  const auto through = [&](Value* next, double next_factor) {
    return next->type == x->type && FindProduct(next, next_factor, depth + 1, scores);
  };
  if (node->Is("Mul") || node->Is("Div")) {
    for (size_t i : {1u, 0u}) {
      const auto scalar = ScalarOf(node->input(i));
      if (!scalar || *scalar == 0 || (node->Is("Div") && i == 0)) continue;
      return through(node->input(1 - i), node->Is("Div") ? factor / *scalar : factor * *scalar);
    }
    return false;
  }
  if (node->Is("Add")) {
    for (size_t i : {0u, 1u}) {
      Value* added = node->input(1 - i);
      if (added->type.dtype != DType::kF32 || !through(node->input(i), factor)) continue;
      scores->masks.push_back({.value = added, .factor = factor});
      return true;
    }
    return false;
  }
  if (node->Is("Where")) {
    for (size_t i : {1u, 2u}) {
      const auto score = ScalarOf(node->input(3 - i));
      if (!score || !through(node->input(i), factor)) continue;
      scores->masks.push_back(
          {.value = node->input(0), .replaces = true, .keeps = i == 1, .score = *score * factor});
      return true;
    }
    return false;
  }
  // cap * tanh(scores / cap)
  if (node->Is("Tanh") && factor > 0) {
    Scores inner;
    if (!FindProduct(node->input(0), 1, depth + 1, &inner) || inner.softcap != 0 || !inner.masks.empty())
      return false;
    *scores = inner;
    scores->softcap = factor;
    scores->scale *= factor;
    return true;
  }
  return false;
}

// --- the operands

// Queries, keys or values.
struct Operand {
  Value* value = nullptr;
  bool transposed = false;  // the last two dimensions are the other way round
  double factor = 1;        // to be applied to it
  StridedView view;         // of the value, with the last two dimensions the right way round
  Sizes sizes{};
};

void SwapLastTwo(StridedView* view) {
  std::swap(view->sizes.end()[-1], view->sizes.end()[-2]);
  std::swap(view->strides.end()[-1], view->strides.end()[-2]);
}

bool SwapsLastTwo(const Node& transpose) {
  const auto perm = transpose.attributes.Ints("perm");
  const auto rank = static_cast<int64_t>(perm.size());
  for (int64_t i = 0; i < rank - 2; ++i) {
    if (perm[static_cast<size_t>(i)] != i) return false;
  }
  return rank >= 2 && perm.end()[-2] == rank - 1;
}

// Keys or values that are repeated for every query head of a group:
//   [B, heads, S, D] -> [B, heads, 1, S, D] -> Expand [B, heads, group, S, D] -> [B, heads * group, S, D].
// Returns [B, heads, 1, S, D].
Value* BeforeRepetition(Value* value) {
  Node* reshape = ProducerIs(value, "Reshape");
  Node* expand = reshape != nullptr ? ProducerIs(reshape->input(0), "Expand") : nullptr;
  if (expand == nullptr || value->type.rank() != 4 || !expand->input(0)->type.IsStatic() ||
      !expand->output()->type.IsStatic()) {
    return nullptr;
  }
  const Shape from = expand->input(0)->type.ToShape();
  const Shape to = expand->output()->type.ToShape();
  const Shape shape = value->type.ToShape();
  const bool repeats = from.rank() == 5 && to.rank() == 5 && from[0] == to[0] && from[1] == to[1] &&
                       from[2] == 1 && from[3] == to[3] && from[4] == to[4] &&
                       shape == Shape{to[0], to[1] * to[2], to[3], to[4]};
  return repeats ? expand->input(0) : nullptr;
}

std::optional<Operand> OperandOf(Value* value, bool transposed, bool scalable) {
  if (!value->type.IsStatic() || value->type.dtype != DType::kF32 || value->type.ToShape().elements() == 0)
    return std::nullopt;
  Operand operand;
  operand.value = value;
  operand.transposed = transposed;
  // Scaled by a scalar right before the product.
  while (scalable) {
    const Node* node = operand.value->producer();
    if (node == nullptr || (!node->Is("Mul") && !node->Is("Div"))) break;
    const size_t at = ScalarOf(node->input(1)) ? 1 : 0;
    const auto scalar = ScalarOf(node->input(at));
    Value* x = node->input(1 - at);
    if (!scalar || *scalar == 0 || (node->Is("Div") && at == 0) || x->type != operand.value->type) break;
    operand.factor *= node->Is("Div") ? 1 / *scalar : *scalar;
    operand.value = x;
  }
  if (Node* transpose = ProducerIs(operand.value, "Transpose"); transposed && transpose != nullptr &&
                                                                SwapsLastTwo(*transpose) &&
                                                                transpose->input(0)->type.IsStatic()) {
    operand.value = transpose->input(0);
    operand.transposed = false;
  }
  if (Value* once = operand.transposed ? nullptr : BeforeRepetition(operand.value)) {
    operand.view = ViewOf(once);
    operand.view.sizes.erase(operand.view.sizes.begin() + 2);
    operand.view.strides.erase(operand.view.strides.begin() + 2);
    operand.value = once;
  } else {
    operand.view = ViewOf(operand.value);
  }
  if (operand.view.sizes.size() < 2) return std::nullopt;
  if (operand.transposed) SwapLastTwo(&operand.view);
  const auto sizes = SizesOf(operand.view.sizes);
  if (!sizes) return std::nullopt;
  operand.sizes = *sizes;
  // [heads, S, D], and its like, with the batch of 1 that it has.
  while (operand.view.sizes.size() < 4) {
    operand.view.sizes.insert(operand.view.sizes.begin(), 1);
    operand.view.strides.insert(operand.view.strides.begin(), 0);
  }
  return operand;
}

// The length of the rows of the operand's root, if each holds all heads of one position, one after the other.
std::optional<int64_t> RowWithAllHeads(const Operand& operand) {
  const Sizes& s = operand.sizes;
  const StridedView& view = operand.view;
  const int64_t elements = view.root->type.ToShape().elements();
  if (elements % (s.batch * s.rows) != 0) return std::nullopt;
  const int64_t row = elements / (s.batch * s.rows);
  const bool regular =
      (s.columns == 1 || view.strides[3] == 1) && (s.heads == 1 || view.strides[1] == s.columns) &&
      (s.rows == 1 || view.strides[2] == row) && (s.batch == 1 || view.strides[0] == s.rows * row);
  if (!regular || view.offset + s.heads * s.columns > row) return std::nullopt;
  return row;
}

// The operand as [batch, rows, heads * columns], a slice of the root's rows.
Value* EmitHeadsLast(GraphBuilder& builder, const Operand& operand) {
  const Sizes& s = operand.sizes;
  const int64_t row = *RowWithAllHeads(operand);
  const int64_t width = s.heads * s.columns;
  Value* x = operand.view.root;
  if (x->type.ToShape() != Shape{s.batch, s.rows, row})
    x = builder.Emit("Reshape", {x, builder.Ints({s.batch, s.rows, row})});
  if (row == width) return x;
  const int64_t offset = operand.view.offset;
  return builder.Emit("Slice",
                      {x, builder.Ints({offset}), builder.Ints({offset + width}), builder.Ints({2})});
}

// The operand as [batch, heads, rows, columns], wherever it comes from.
Value* EmitHeadsFirst(GraphBuilder& builder, const Operand& operand) {
  const Sizes& s = operand.sizes;
  Value* x = operand.value;
  if (operand.transposed) {
    std::vector<int64_t> perm;
    for (int i = 0; i < x->type.rank(); ++i) perm.push_back(i);
    std::swap(perm.end()[-1], perm.end()[-2]);
    x = builder.Transpose(x, perm);
  }
  if (x->type.ToShape() == Shape{s.batch, s.heads, s.rows, s.columns}) return x;
  return builder.Emit("Reshape", {x, builder.Ints({s.batch, s.heads, s.rows, s.columns})});
}

// --- the rewrite

Value* EmitMask(GraphBuilder& builder, const Scores& scores) {
  Value* sum = nullptr;
  for (const Mask& mask : scores.masks) {
    Value* added = mask.value;
    if (mask.replaces) {
      Value* hidden = builder.Scalar(mask.score);
      Value* seen = builder.Scalar(0);
      added =
          builder.EmitFolded("Where", {mask.value, mask.keeps ? seen : hidden, mask.keeps ? hidden : seen});
    } else if (mask.factor != 1) {
      added = builder.EmitFolded("Mul", {mask.value, builder.Scalar(mask.factor)});
    }
    sum = sum == nullptr ? added : builder.EmitFolded("Add", {sum, added});
  }
  return sum;
}

// The weights' softmax, which an exporter may have wrapped so that a row without any score that is a number
// becomes 0: Where(IsNaN(softmax), 0, softmax).
Node* SoftmaxOf(Value* weights) {
  Node* reader = OnlyReader(weights);
  if (reader == nullptr) return nullptr;
  if (Node* softmax = ProducerIs(weights, "Softmax")) return softmax;
  Node* where = ProducerIs(weights, "Where");
  if (where == nullptr || !IsScalar(where->input(1), 0)) return nullptr;
  Node* is_nan = ProducerIs(where->input(0), "IsNaN");
  Node* softmax = ProducerIs(where->input(2), "Softmax");
  if (is_nan == nullptr || softmax == nullptr || is_nan->input(0) != softmax->output() ||
      OnlyReader(is_nan->output()) != where || softmax->output()->uses().size() != 2 ||
      softmax->graph()->IsLive(softmax->output())) {
    return nullptr;
  }
  return softmax;
}

// Emits the Attention; the result has the shape of the product of the weights and the values.
Value* EmitAttention(GraphBuilder& builder, const Operand& q, const Operand& k, const Operand& v, Value* mask,
                     Attributes attributes, double scale, const Shape& shape) {
  const Sizes& s = q.sizes;
  const auto attend = [&](Value* (*emit)(GraphBuilder&, const Operand&)) {
    std::vector<Value*> inputs = {emit(builder, q), emit(builder, k), emit(builder, v)};
    if (mask != nullptr) inputs.push_back(mask);
    return builder.Emit("Attention", inputs, attributes);
  };
  const int64_t width = v.sizes.columns;
  scale *= q.factor * k.factor;
  if (!RowWithAllHeads(q) || !RowWithAllHeads(k) || !RowWithAllHeads(v) || v.view.factor != 1) {
    attributes.Set("scale", scale);
    Value* y = attend(EmitHeadsFirst);
    return shape.rank() == 4 ? y : builder.Emit("Reshape", {y, builder.Ints(shape.dims())});
  }
  attributes.Set("scale", scale * q.view.factor * k.view.factor);
  attributes.Set("q_num_heads", s.heads);
  attributes.Set("kv_num_heads", k.sizes.heads);
  Value* y = attend(EmitHeadsLast);
  if (shape.rank() == 2) return builder.Emit("Reshape", {y, builder.Ints(shape.dims())});
  // What follows puts the heads back into the rows; the two transposes cancel.
  if (shape.rank() == 3) {
    return builder.Transpose(builder.Emit("Reshape", {y, builder.Ints({s.rows, s.heads, width})}), {1, 0, 2});
  }
  return builder.Transpose(builder.Emit("Reshape", {y, builder.Ints({s.batch, s.rows, s.heads, width})}),
                           {0, 2, 1, 3});
}

// softmax(scale * q k' + mask) v  ->  Attention(q, k, v, mask)
bool Fuse(Graph& graph, Node& node) {
  if (!node.Is("MatMul") || node.inputs().size() != 2 || node.attributes.Has("activation") ||
      node.attributes.Int("transpose_a") != 0 || node.output()->type.dtype != DType::kF32 ||
      !node.output()->type.IsStatic()) {
    return false;
  }
  Node* softmax = SoftmaxOf(node.input(0));
  if (softmax == nullptr) return false;
  Value* weights = softmax->output();
  const int rank = weights->type.rank();
  const int64_t axis = softmax->attributes.Int("axis", -1);
  if (!weights->type.IsStatic() || (axis != -1 && axis != rank - 1)) return false;
  Scores scores;
  if (!FindProduct(softmax->input(0), 1, 0, &scores)) return false;

  const auto q = OperandOf(scores.product->input(0), false, true);
  const auto k =
      OperandOf(scores.product->input(1), scores.product->attributes.Int("transpose_b") == 0, true);
  const auto v = OperandOf(node.input(1), node.attributes.Int("transpose_b") != 0, false);
  if (!q || !k || !v) return false;
  const bool same_rank = scores.product->input(0)->type.rank() == rank &&
                         scores.product->input(1)->type.rank() == rank && node.input(1)->type.rank() == rank;
  const bool fits = q->sizes.batch == k->sizes.batch && q->sizes.batch == v->sizes.batch &&
                    k->sizes.heads == v->sizes.heads && q->sizes.heads % k->sizes.heads == 0 &&
                    q->sizes.columns == k->sizes.columns && k->sizes.rows == v->sizes.rows;
  if (!same_rank || !fits || q->sizes.rows < kFewestQueries) return false;

  const bool causal = scores.masks.size() == 1 && IsCausal(scores.masks[0], q->sizes.rows, k->sizes.rows);
  if (causal) scores.masks.clear();
  for (size_t i = 0; i < scores.masks.size(); ++i) {
    if (!CanBeAdded(scores.masks[i], i == 0)) return false;
  }

  GraphBuilder builder(graph, &node);
  builder.SetNodeName(node.name());
  Value* mask = EmitMask(builder, scores);
  Attributes attributes;
  if (causal) attributes.Set("is_causal", int64_t{1});
  if (scores.softcap != 0) attributes.Set("softcap", scores.softcap);
  Value* y =
      EmitAttention(builder, *q, *k, *v, mask, attributes, scores.scale, node.output()->type.ToShape());
  if (!builder.ok()) return false;
  Replace(graph, node.output(), y);
  return true;
}

// Attention(Transpose(q), Transpose(k), Transpose(v)) of heads that stand side by side in rows reads them
// there.
bool AbsorbTransposes(Graph& graph, Node& node) {
  for (size_t i = 4; i < node.inputs().size(); ++i) {
    if (node.input(i) != nullptr) return false;
  }
  if (node.outputs().size() != 1 || node.output()->type.rank() != 4 || !node.output()->type.IsStatic())
    return false;
  bool transposes = false;
  for (size_t i : {0u, 1u, 2u}) transposes |= ProducerIs(node.input(i), "Transpose") != nullptr;
  if (!transposes) return false;
  const auto q = OperandOf(node.input(0), false, false);
  const auto k = OperandOf(node.input(1), false, false);
  const auto v = OperandOf(node.input(2), false, false);
  if (!q || !k || !v || v->view.factor != 1 || !RowWithAllHeads(*q) || !RowWithAllHeads(*k) ||
      !RowWithAllHeads(*v)) {
    return false;
  }
  const double scale = node.attributes.Float("scale", 1 / std::sqrt(static_cast<double>(q->sizes.columns)));
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(node.name());
  Value* y = EmitAttention(builder, *q, *k, *v, node.input(3), node.attributes, scale,
                           node.output()->type.ToShape());
  if (!builder.ok()) return false;
  Replace(graph, node.output(), y);
  return true;
}

// A mask of truth values becomes what is added to the scores.
bool AddMask(Graph& graph, Node& node) {
  Value* mask = node.input(3);
  if (mask == nullptr || mask->type.dtype != DType::kBool || node.input(0)->type.dtype != DType::kF32)
    return false;
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(node.name());
  Value* added = builder.EmitFolded(
      "Where", {mask, builder.Scalar(0), builder.Scalar(-std::numeric_limits<double>::infinity())});
  if (!builder.ok()) return false;
  node.SetInput(3, added);
  return true;
}

Result<bool> Rewrite(Graph& graph, Node& node) {
  if (!node.Is("Attention")) return Fuse(graph, node);
  const bool added = AddMask(graph, node);
  return AbsorbTransposes(graph, node) || added;
}

}  // namespace

// Replaces scaled dot-product attention that exporters spell out by the operator:
//
//   before  MatMul(Softmax(MatMul(q, transposed k) [* or / scale] [tanh cap] [+ mask or Where]), v)
//   after   Attention(q, k, v, mask) with the scale, which may also stand at q and k
//
// Where q, k and v are heads that were split off the rows of a projection (Reshape [B, S, H * D] to [B, S, H,
// D], Transpose to [B, H, S, D]; or one projection of all three, taken apart by Split, Slice or Gather), the
// Attention reads the rows as they are and the transposes go away:
//
//   before  Reshape, Transpose, Attention, Transpose, Reshape
//   after   Attention with q_num_heads and kv_num_heads
//
// A row in which every key is hidden by minus infinity, of which a softmax makes NaN, gives 0.
Result<int> RecognizeAttention(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
