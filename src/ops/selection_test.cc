#include <gmock/gmock.h>

#include "ops/reference_test_common.h"

namespace whet::ops {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

TestTensor Ints(std::vector<double> values) {
  const auto size = static_cast<int64_t>(values.size());
  return {{size}, std::move(values), DType::kI64};
}

// The error of a node whose reference refuses its data.
std::string ErrorOf(std::string_view op, const std::vector<TestTensor>& inputs) {
  Graph graph;
  GraphBuilder builder(graph);
  std::vector<Value*> values;
  std::vector<TensorPtr> tensors;
  for (const TestTensor& input : inputs) {
    tensors.push_back(MakeTensor(input));
    values.push_back(builder.Const(tensors.back()));
  }
  const Value* y = builder.Emit(op, values);
  EXPECT_TRUE(builder.ok()) << builder.TakeStatus().ToString();
  if (y->producer() == nullptr) return {};
  return EvaluateNode(*y->producer(), tensors).status().ToString();
}

TEST(Split, TheLastPieceMayBeSmaller) {
  const auto y = RunOp("Split", {{{7}, {0, 1, 2, 3, 4, 5, 6}}}, {{"num_outputs", int64_t{3}}}, 3);
  EXPECT_THAT(y[0].values, ElementsAre(0, 1, 2));
  EXPECT_THAT(y[1].values, ElementsAre(3, 4, 5));
  EXPECT_THAT(y[2].values, ElementsAre(6));
}

TEST(Slice, BackwardsAndBeyondTheEnds) {
  const TestTensor x{{5}, {0, 1, 2, 3, 4}};
  EXPECT_THAT(RunOp("Slice", {x, Ints({9}), Ints({-9}), Ints({0}), Ints({-2})})[0].values,
              ElementsAre(4, 2, 0));
  EXPECT_THAT(RunOp("Slice", {x, Ints({3}), Ints({1}), Ints({0}), Ints({1})})[0].values, ElementsAre());
  EXPECT_THAT(RunOp("Slice", {x, Ints({-3}), Ints({100})})[0].values, ElementsAre(2, 3, 4));
}

TEST(Slice, PackedElements) {
  const TestTensor x{{5}, {-8, 1, 2, 7, 4}, DType::kI4};
  EXPECT_THAT(RunOp("Slice", {x, Ints({1}), Ints({4})})[0].values, ElementsAre(1, 2, 7));
  EXPECT_THAT(RunOp("Concat", {x, x}, {{"axis", int64_t{0}}})[0].values,
              ElementsAre(-8, 1, 2, 7, 4, -8, 1, 2, 7, 4));
}

TEST(Gather, RefusesIndicesOutOfRange) {
  const TestTensor x{{3}, {0, 1, 2}};
  EXPECT_THAT(RunOp("Gather", {x, Ints({-1, 0})})[0].values, ElementsAre(2, 0));
  EXPECT_THAT(ErrorOf("Gather", {x, Ints({3})}), testing::HasSubstr("index 3 is outside a dimension of 3"));
  EXPECT_THAT(ErrorOf("GatherElements", {x, Ints({-4})}), testing::HasSubstr("index -4"));
  EXPECT_THAT(ErrorOf("GatherND", {x, {{1, 1}, {5}, DType::kI64}}), testing::HasSubstr("index 5"));
  EXPECT_THAT(ErrorOf("ScatterND", {x, {{1, 1}, {5}, DType::kI64}, {{1}, {0}}}),
              testing::HasSubstr("index 5"));
  EXPECT_THAT(ErrorOf("ScatterElements", {x, Ints({7}), {{1}, {0}}}), testing::HasSubstr("index 7"));
}

TEST(Scatter, CombinesUpdates) {
  const TestTensor x{{4}, {1, 2, 3, 4}};
  const TestTensor updates{{3}, {5, 0, 10}};
  const auto run = [&](const char* reduction) {
    return RunOp("ScatterElements", {x, Ints({1, 1, 3}), updates}, {{"reduction", std::string(reduction)}})[0]
        .values;
  };
  EXPECT_THAT(run("add"), ElementsAre(1, 7, 3, 14));
  EXPECT_THAT(run("mul"), ElementsAre(1, 0, 3, 40));
  EXPECT_THAT(run("min"), ElementsAre(1, 0, 3, 4));
  EXPECT_THAT(run("max"), ElementsAre(1, 5, 3, 10));
}

TEST(TopK, EqualElementsComeInOrder) {
  const auto y = RunOp("TopK", {{{1, 5}, {3, 1, 3, 2, 3}}, Ints({3})}, {}, 2);
  EXPECT_THAT(y[0].values, ElementsAre(3, 3, 3));
  EXPECT_THAT(y[1].values, ElementsAre(0, 2, 4));
  EXPECT_EQ(y[1].shape, (Shape{1, 3}));
}

TEST(Unique, InOrderOfAppearance) {
  const auto y = RunOp("Unique", {{{5}, {2, 1, 1, 3, 2}}}, {{"sorted", int64_t{0}}}, 4);
  EXPECT_THAT(y[0].values, ElementsAre(2, 1, 3));
  EXPECT_THAT(y[1].values, ElementsAre(0, 1, 3));
  EXPECT_THAT(y[2].values, ElementsAre(0, 1, 1, 2, 0));
  EXPECT_THAT(y[3].values, ElementsAre(2, 2, 1));
}

TEST(NonMaxSuppression, KeepsNothingWithoutALimit) {
  const TestTensor boxes{{1, 2, 4}, {0, 0, 1, 1, 0, 0, 1, 1}};
  const TestTensor scores{{1, 1, 2}, {0.5, 0.9}};
  EXPECT_EQ(RunOp("NonMaxSuppression", {boxes, scores})[0].shape, (Shape{0, 3}));
  const auto y = RunOp("NonMaxSuppression", {boxes, scores, Ints({5}), {{1}, {0.5}}});
  EXPECT_THAT(y[0].values, ElementsAre(0, 0, 1));
}

TEST(CenterCropPad, CutsAndPadsAboutTheCentre) {
  const TestTensor x{{5}, {1, 2, 3, 4, 5}};
  EXPECT_THAT(RunOp("CenterCropPad", {x, Ints({2})})[0].values, ElementsAre(2, 3));
  EXPECT_THAT(RunOp("CenterCropPad", {x, Ints({8})})[0].values, ElementsAre(0, 1, 2, 3, 4, 5, 0, 0));
}

TEST(Col2Im, SumsOverlappingBlocks) {
  // Blocks of 2 at 3 places of an image of 4.
  const auto y = RunOp("Col2Im", {{{1, 2, 3}, {1, 2, 3, 10, 20, 30}}, Ints({4}), Ints({2})});
  EXPECT_EQ(y[0].shape, (Shape{1, 1, 4}));
  EXPECT_THAT(y[0].values, ElementsAre(1, 12, 23, 30));
}

TEST(Range, EndsBeforeTheLimit) {
  const auto scalar = [](double x, DType dtype) { return TestTensor{{}, {x}, dtype}; };
  const auto range = [&](double start, double limit, double delta, DType dtype) {
    return RunOp("Range", {scalar(start, dtype), scalar(limit, dtype), scalar(delta, dtype)})[0].values;
  };
  EXPECT_THAT(range(0, 1, 0.25, DType::kF32), ElementsAre(0, 0.25, 0.5, 0.75));
  EXPECT_THAT(range(10, 3, -3, DType::kI64), ElementsAre(10, 7, 4));
  EXPECT_THAT(range(3, 10, -1, DType::kI32), ElementsAre());
}

TEST(Random, DependsOnTheSeedAlone) {
  const auto draw = [](double seed) {
    return RunOp("RandomNormal", {}, {{"shape", std::vector<int64_t>{1000}}, {"seed", seed}})[0].values;
  };
  EXPECT_THAT(draw(1), ElementsAreArray(draw(1)));
  EXPECT_NE(draw(1), draw(2));
  double sum = 0;
  double squares = 0;
  for (double x : draw(3)) {
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / 1000, 0, 0.15);
  EXPECT_NEAR(squares / 1000, 1, 0.2);
}

}  // namespace
}  // namespace whet::ops
