// Attention as exporters spell it: the operators that are left, and the same answers.
#include <limits>

#include "passes/pass_testing.h"

namespace whet {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

constexpr int64_t kBatch = 2, kLength = 5, kHeads = 3, kSize = 4, kWidth = kHeads * kSize;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class RecognizeAttentionTest : public PassTest {
 protected:
  using Perm = std::vector<int64_t>;
  Value* Transpose(Value* x, const Perm& perm) { return b.Emit("Transpose", {x}, {{"perm", perm}}); }
  Value* Reshape(Value* x, std::initializer_list<int64_t> shape) {
    return b.Emit("Reshape", {x, b.Ints(shape)});
  }
  Value* Project(Value* x, int64_t width = kWidth) {
    return b.Emit("MatMul", {x, Weights({x->type.dims.back().lo, width}, -0.2F, 0.2F)});
  }
  // [batch, length, heads * size] -> [batch, length, heads, size], permuted.
  Value* Heads(Value* x, const Perm& perm, int64_t heads = kHeads) {
    return Transpose(Reshape(x, {kBatch, x->type.dims[1].lo, heads, kSize}), perm);
  }
  Value* Merged(Value* x) {
    return Reshape(Transpose(x, {0, 2, 1, 3}), {kBatch, x->type.dims[2].lo, kWidth});
  }
  Value* Softmax(Value* x) { return b.Emit("Softmax", {x}, {{"axis", int64_t{-1}}}); }
  Value* Bools(std::initializer_list<int64_t> dims, bool (*at)(int64_t)) {
    auto constant = Constant::Allocate(DType::kBool, Shape(dims));
    for (int64_t i = 0; i < constant->shape().elements(); ++i)
      static_cast<uint8_t*>(constant->mutable_data())[i] = at(i) ? 1 : 0;
    return b.Const(std::move(constant), "mask");
  }
  // Which of length x length keys come no later than the query.
  Value* Causal() {
    return Bools({1, 1, kLength, kLength}, [](int64_t i) { return i % kLength <= i / kLength; });
  }
  const Node* Attention() const {
    for (const auto& node : graph.nodes()) {
      if (node->Is("Attention")) return node.get();
    }
    return nullptr;
  }
  std::vector<std::string> Recognized(Value* y) {
    Run(RecognizeAttention, y);
    return Run(SinkTransposes, graph.outputs()[0]);
  }
};

// BERT, MiniLM: three projections, keys transposed for the product at once, a mask of padding.
TEST_F(RecognizeAttentionTest, ThreeProjectionsAndAMask) {
  Value* x = Input({kBatch, kLength, kWidth});
  Value* mask = b.Emit("Mul", {Input({kBatch, 1, 1, kLength}), Scalar(-3)});
  Value* q = Heads(Project(x), {0, 2, 1, 3});
  Value* k = Heads(Project(x), {0, 2, 3, 1});
  Value* v = Heads(Project(x), {0, 2, 1, 3});
  Value* scores = b.Emit("Add", {b.Emit("Div", {b.Emit("MatMul", {q, k}), Scalar(2)}), mask});
  EXPECT_THAT(Recognized(Merged(b.Emit("MatMul", {Softmax(scores), v}))),
              ElementsAre("Mul", "MatMul", "MatMul", "MatMul", "Attention", "Reshape", "Reshape"));
  EXPECT_EQ(Attention()->attributes.Int("q_num_heads"), kHeads);
  EXPECT_EQ(Attention()->attributes.Float("scale"), 0.5);
  EXPECT_EQ(Attention()->input(0)->producer()->op_name(), "MatMul");
}

// ViT of timm: one projection, whose result is taken apart by an index.
TEST_F(RecognizeAttentionTest, OneProjectionTakenApartByGather) {
  Value* x = Project(Input({kBatch, kLength, kWidth}), 3 * kWidth);
  Value* all = Transpose(Reshape(x, {kBatch, kLength, 3, kHeads, kSize}), {2, 0, 3, 1, 4});
  const auto part = [&](int64_t i) { return b.Emit("Gather", {all, b.Int(i)}, {{"axis", int64_t{0}}}); };
  Value* q = b.Emit("Mul", {part(0), Scalar(0.5)});
  Value* scores = b.Emit("MatMul", {q, Transpose(part(1), {0, 1, 3, 2})});
  EXPECT_THAT(Recognized(Merged(b.Emit("MatMul", {Softmax(scores), part(2)}))),
              ElementsAre("MatMul", "Slice", "Slice", "Slice", "Attention", "Reshape", "Reshape"));
}

// The same by Split and Squeeze, as torch.unbind is written.
TEST_F(RecognizeAttentionTest, OneProjectionTakenApartBySplit) {
  Value* x = Project(Input({kBatch, kLength, kWidth}), 3 * kWidth);
  Value* all = Transpose(Reshape(x, {kBatch, kLength, 3, kHeads, kSize}), {2, 0, 3, 1, 4});
  const auto parts =
      b.EmitNode("Split", std::vector<Value*>{all, b.Ints({1, 1, 1})}, 3, {{"axis", int64_t{0}}});
  const auto part = [&](size_t i) { return b.Emit("Squeeze", {parts[i], b.Ints({0})}); };
  Value* scores = b.Emit("Mul", {b.Emit("MatMul", {part(0), Transpose(part(1), {0, 1, 3, 2})}), Scalar(0.5)});
  EXPECT_THAT(Recognized(Merged(b.Emit("MatMul", {Softmax(scores), part(2)}))),
              ElementsAre("MatMul", "Slice", "Slice", "Slice", "Attention", "Reshape", "Reshape"));
}

// scaled_dot_product_attention of PyTorch: the root of the scale on both sides, the mask of truth values made
// a number, and a row that sees nothing made 0.
TEST_F(RecognizeAttentionTest, ScaleOnBothSidesAndInfinity) {
  Value* x = Input({kBatch, kLength, kWidth});
  Value* q = b.Emit("Mul", {Heads(Project(x), {0, 2, 1, 3}), Scalar(0.5)});
  Value* k = b.Emit("Mul", {Transpose(Heads(Project(x), {0, 2, 1, 3}), {0, 1, 3, 2}), Scalar(0.5)});
  Value* v = Heads(Project(x), {0, 2, 1, 3});
  Value* seen = Bools({1, 1, kLength, kLength}, [](int64_t i) { return i >= kLength && i % 3 != 0; });
  Value* mask = b.Emit("Where", {seen, Scalar(0), Scalar(-kInfinity)});
  Value* weights = Softmax(b.Emit("Add", {b.Emit("MatMul", {q, k}), mask}));
  Value* safe = b.Emit("Where", {b.Emit("IsNaN", {weights}), Scalar(0), weights});
  EXPECT_THAT(Recognized(Merged(b.Emit("MatMul", {safe, v}))),
              ElementsAre("MatMul", "MatMul", "MatMul", "Where", "Attention", "Reshape", "Reshape"));
  EXPECT_NEAR(Attention()->attributes.Float("scale"), 0.25, 1e-7);
}

// nn.MultiheadAttention: batch and heads are one dimension, of [length, batch * heads, size].
TEST_F(RecognizeAttentionTest, BatchAndHeadsInOneDimension) {
  Value* x = Input({kLength, kBatch, kWidth});
  const auto heads = [&] {
    return Transpose(Reshape(Project(x), {kLength, kBatch * kHeads, kSize}), {1, 0, 2});
  };
  Value* q = b.Emit("Mul", {heads(), Scalar(0.5)});
  Value* scores = b.Emit("MatMul", {q, Transpose(heads(), {0, 2, 1})});
  Value* y = b.Emit("MatMul", {Softmax(b.Emit("Add", {scores, Input({kLength, kLength})})), heads()});
  EXPECT_THAT(Recognized(Reshape(Transpose(y, {1, 0, 2}), {kLength * kBatch, kWidth})),
              ElementsAre("MatMul", "MatMul", "MatMul", "Reshape", "Reshape", "Reshape", "Attention",
                          "Reshape", "Reshape"));
  EXPECT_EQ(Attention()->attributes.Int("q_num_heads"), kBatch * kHeads);
}

// GPT-2: one projection taken apart by Split, and Where with what later keys score.
TEST_F(RecognizeAttentionTest, CausalByWhere) {
  Value* x = Project(Input({kBatch, kLength, kWidth}), 3 * kWidth);
  const auto parts = b.EmitNode("Split", std::vector<Value*>{x, b.Ints({kWidth, kWidth, kWidth})}, 3,
                                {{"axis", int64_t{2}}});
  Value* scores = b.Emit(
      "Div", {b.Emit("MatMul", {Heads(parts[0], {0, 2, 1, 3}), Heads(parts[1], {0, 2, 3, 1})}), Scalar(2)});
  Value* hidden = b.Emit("Where", {Causal(), scores, Scalar(-1e4)});
  Value* y = b.Emit("MatMul", {Softmax(hidden), Heads(parts[2], {0, 2, 1, 3})});
  EXPECT_THAT(Recognized(Merged(y)),
              ElementsAre("MatMul", "Slice", "Slice", "Slice", "Attention", "Reshape", "Reshape"));
  EXPECT_EQ(Attention()->attributes.Int("is_causal"), 1);
  EXPECT_EQ(Attention()->inputs().size(), 3u);
}

TEST_F(RecognizeAttentionTest, WhereWithTheLowestNumberBecomesAMask) {
  Value* q = Input({kBatch, kHeads, kLength, kSize});
  Value* k = Input({kBatch, kHeads, kLength, kSize});
  Value* seen = Bools({kBatch, 1, 1, kLength}, [](int64_t i) { return i % 3 == 1; });
  Value* scores = b.Emit("Mul", {b.Emit("MatMul", {q, Transpose(k, {0, 1, 3, 2})}), Scalar(0.05)});
  Value* hidden = b.Emit("Where", {b.Emit("Not", {seen}), Scalar(-3.4028235e38), scores});
  EXPECT_THAT(Recognized(b.Emit("MatMul", {Softmax(hidden), k})), ElementsAre("Not", "Where", "Attention"));
}

// Keys and values of fewer heads, repeated; and scores that are capped.
TEST_F(RecognizeAttentionTest, GroupsOfQueryHeadsAndCappedScores) {
  Value* x = Input({kBatch, kLength, kWidth});
  const auto repeated = [&](Value* heads) {
    Value* more =
        b.Emit("Expand", {b.Emit("Unsqueeze", {heads, b.Ints({2})}), b.Ints({kBatch, 1, 3, kLength, kSize})});
    return Reshape(more, {kBatch, kHeads, kLength, kSize});
  };
  Value* k = repeated(Heads(Project(x, kSize), {0, 2, 1, 3}, 1));
  Value* v = repeated(Heads(Project(x, kSize), {0, 2, 1, 3}, 1));
  Value* product = b.Emit("MatMul", {Heads(Project(x), {0, 2, 1, 3}), Transpose(k, {0, 1, 3, 2})});
  Value* capped = b.Emit(
      "Mul",
      {b.Emit("Tanh", {b.Emit("Div", {b.Emit("Mul", {product, Scalar(0.5)}), Scalar(3)})}), Scalar(3)});
  EXPECT_THAT(
      Recognized(Merged(b.Emit("MatMul", {Softmax(b.Emit("Add", {capped, Input({kLength, kLength})})), v}))),
      ElementsAre("MatMul", "MatMul", "MatMul", "Attention", "Reshape", "Reshape"));
  EXPECT_EQ(Attention()->attributes.Int("kv_num_heads"), 1);
  EXPECT_EQ(Attention()->attributes.Float("softcap"), 3);
  EXPECT_NEAR(Attention()->attributes.Float("scale"), 0.5, 1e-7);
}

// Heads that do not come from rows stay as they are.
TEST_F(RecognizeAttentionTest, HeadsFirst) {
  Value* q = Input({kBatch, kHeads, 7, kSize});
  Value* k = Input({kBatch, kHeads, kSize, kLength});
  Value* v = Input({kBatch, kHeads, kLength, 6});
  Value* scores = b.Emit("Mul", {b.Emit("MatMul", {q, k}), Scalar(0.05)});
  EXPECT_THAT(Recognized(b.Emit("MatMul", {Softmax(scores), v})), ElementsAre("Transpose", "Attention"));
}

TEST_F(RecognizeAttentionTest, TheOperatorItselfReadsRowsAndAddsItsMask) {
  Value* x = Input({kBatch, kLength, kWidth});
  const auto heads = [&] { return Heads(Project(x), {0, 2, 1, 3}); };
  Value* y = b.Emit("Attention", {heads(), heads(), heads(), Causal()});
  EXPECT_THAT(Recognized(Merged(y)),
              ElementsAre("MatMul", "MatMul", "MatMul", "Attention", "Reshape", "Reshape"));
  EXPECT_EQ(Attention()->attributes.Float("scale"), 0.5);
  EXPECT_EQ(Attention()->input(3)->type.dtype, DType::kF32);
}

TEST_F(RecognizeAttentionTest, LeavesWhatIsNotQuiteAttention) {
  Value* q = Input({kBatch, kHeads, kLength, kSize});
  Value* kt = b.Emit("Mul", {Input({kBatch, kHeads, kSize, kLength}), Scalar(0.05)});
  Value* v = Input({kBatch, kHeads, kLength, kSize});
  const auto product = [&] { return b.Emit("MatMul", {q, kt}); };
  // Somebody reads the weights.
  Value* weights = Softmax(product());
  graph.AddOutput(weights);
  graph.AddOutput(b.Emit("MatMul", {weights, v}));
  // Over the queries.
  graph.AddOutput(b.Emit("MatMul", {b.Emit("Softmax", {product()}, {{"axis", int64_t{2}}}), v}));
  // What replaces a score is not far below the others.
  Value* seen = b.Emit("Less", {Input({1, 1, 1, kLength}), Scalar(0)});
  graph.AddOutput(b.Emit("MatMul", {Softmax(b.Emit("Where", {seen, product(), Scalar(-5)})), v}));
  // A single query.
  Value* one = b.Emit("MatMul", {Input({kBatch, kHeads, 1, kSize}), kt});
  graph.AddOutput(b.Emit("MatMul", {Softmax(one), v}));
  // A sum of two products is one of them with a mask, but a product by a tensor is none.
  Value* weighted = b.Emit("Mul", {product(), Input({kLength, kLength})});
  EXPECT_THAT(Run(RecognizeAttention, b.Emit("MatMul", {Softmax(weighted), v})), Not(Contains("Attention")));
}

}  // namespace
}  // namespace whet
