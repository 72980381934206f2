// Models whose shapes depend on data: what is computed before is planned, and the answers are those of the
// plain references.
#include "api/split_session.h"

#include <gtest/gtest.h>

#include "api/executor.h"
#include "api/testing.h"
#include "compile/split.h"
#include "ir/builder.h"
#include "ir/text.h"

namespace whet {
namespace {

// A detector in small: a convolution with its activation, boxes and scores of it, suppression, and the boxes
// that are left; and the scores as they are.
std::unique_ptr<Graph> Detector() {
  auto graph = std::make_unique<Graph>("detector");
  GraphBuilder b(*graph);
  Value* image = graph->AddInput("image", Type::Of(DType::kF32, Shape{1, 8, 8, 4}.dims()));
  Value* threshold = graph->AddInput("threshold", Type::Of(DType::kF32, Shape{1}.dims()));
  Value* features = b.Emit("Relu", {b.Emit("Conv", {image, b.Const(RandomTensor(Shape{8, 3, 3, 4}, 1), "w")},
                                           {{"pads", std::vector<int64_t>{1, 1, 1, 1}}})});
  Value* rows = b.Emit("Reshape", {features, b.Ints({1, 64, 8})});
  Value* boxes = b.Emit("MatMul", {rows, b.Const(RandomTensor(Shape{8, 4}, 2), "boxes")});
  Value* scores =
      b.Emit("Sigmoid", {b.Emit("MatMul", {rows, b.Const(RandomTensor(Shape{8, 2}, 3), "scores")})});
  Value* by_class = b.Transpose(scores, {0, 2, 1});
  Value* kept = b.Emit("NonMaxSuppression", {boxes, by_class, b.Ints({5}),
                                             b.Const(RandomTensor(Shape{1}, 9), "overlap"), threshold});
  Value* index =
      b.Emit("Squeeze", {b.Emit("Slice", {kept, b.Ints({2}), b.Ints({3}), b.Ints({1})}), b.Ints({1})});
  graph->AddOutput(
      b.Emit("Gather", {b.Emit("Squeeze", {boxes, b.Ints({0})}), index}, {{"axis", int64_t{0}}}));
  graph->AddOutput(scores);
  EXPECT_TRUE(b.ok()) << b.TakeStatus().ToString();
  return graph;
}

std::map<std::string, TensorPtr> DetectorInputs(unsigned seed) {
  const float threshold = 0.6F;
  return {{"image", RandomTensor(Shape{1, 8, 8, 4}, seed)},
          {"threshold", Constant::Copy(DType::kF32, Shape{1}, &threshold)}};
}

void ExpectSame(const std::vector<TensorPtr>& expected, const std::vector<TensorPtr>& actual) {
  ASSERT_EQ(expected.size(), actual.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(expected[i]->shape(), actual[i]->shape());
    for (int64_t k = 0; k < expected[i]->shape().elements(); ++k) {
      EXPECT_NEAR(expected[i]->view().as<float>()[k], actual[i]->view().as<float>()[k], 1e-5)
          << i << " " << k;
    }
  }
}

TEST(SplitSession, PlansWhatComesBeforeTheData) {
  const auto load = []() -> Result<std::unique_ptr<Graph>> { return Detector(); };
  ExecutorOptions plain;
  plain.only_evaluator = true;
  Executor reference(load, plain);
  Executor executor(load, {});
  std::vector<int64_t> found;
  for (unsigned seed : {5U, 6U, 7U, 5U}) {
    const auto expected = reference.Run(DetectorInputs(seed));
    const auto actual = executor.Run(DetectorInputs(seed));
    ASSERT_TRUE(expected.ok()) << expected.status().ToString();
    ASSERT_TRUE(actual.ok()) << actual.status().ToString();
    ExpectSame(*expected, *actual);
    found.push_back((*actual)[0]->shape()[0]);
  }
  EXPECT_GT(found[0], 0);
  EXPECT_NE(executor.evaluator_reason().find(" nodes: node"), std::string::npos)
      << executor.evaluator_reason();
  EXPECT_NE(executor.evaluator_reason().find("NonMaxSuppression"), std::string::npos);
  EXPECT_TRUE(executor.ran_plan());
  EXPECT_FALSE(reference.ran_plan());

  auto split = executor.PrepareSplit({});
  ASSERT_TRUE(split.ok()) << split.status().ToString();
  ASSERT_NE((*split)->front(), nullptr);
  EXPECT_LE((*split)->rest_nodes(), 4u);
  bool convolves = false;
  for (const PlanStep& step : (*split)->front()->plan().steps) convolves |= step.op == "Conv";
  EXPECT_TRUE(convolves);
}

TEST(SplitSession, TheTwoPartsAreTheWhole) {
  CompileOptions options;
  const auto optimized = Optimize(*Detector(), options);
  ASSERT_TRUE(optimized.ok()) << optimized.status().ToString();
  const auto split = SplitWhereDataDecidesShapes(**optimized);
  ASSERT_TRUE(split.ok()) << split.status().ToString();
  ASSERT_NE(split->front, nullptr);
  EXPECT_EQ(split->front_nodes + split->rest_nodes, (*optimized)->nodes().size());
  EXPECT_EQ(split->front->nodes().size(), split->front_nodes);
  // The rest alone reads the threshold.
  ASSERT_EQ(split->front->inputs().size(), 1u);
  EXPECT_EQ(split->front->inputs()[0]->name(), "image");
  for (const Value* output : split->front->outputs()) {
    const Value* input = split->rest->FindValue(output->name());
    ASSERT_NE(input, nullptr) << output->name();
    EXPECT_TRUE(input->IsGraphInput());
  }
  for (const auto& part : {std::cref(*split->front), std::cref(*split->rest)}) {
    const auto again = ParseText(ToText(part.get()));
    EXPECT_TRUE(again.ok()) << again.status().ToString();
  }
}

TEST(SplitSession, RunsWhereNothingCanBePlanned) {
  const auto load = []() -> Result<std::unique_ptr<Graph>> {
    return ParseText(
        "graph \"\" {\n input %x f32[4]\n %y i64[1,?] = NonZero(%x) @\"n\"\n output %y\n output %x\n}");
  };
  Executor executor(load, {});
  const float values[] = {1, 0, 0, 2};
  const auto outputs = executor.Run({{"x", Constant::Copy(DType::kF32, Shape{4}, values)}});
  ASSERT_TRUE(outputs.ok()) << outputs.status().ToString();
  EXPECT_EQ((*outputs)[0]->shape(), (Shape{1, 2}));
  EXPECT_EQ((*outputs)[1]->view().as<float>()[3], 2);
  const auto split = executor.PrepareSplit({});
  ASSERT_TRUE(split.ok()) << split.status().ToString();
  EXPECT_EQ((*split)->front(), nullptr);
}

// total += x, and where the total is not zero.
std::unique_ptr<Graph> CounterOfNonZeros(bool state_behind_data) {
  auto graph = std::make_unique<Graph>("counter");
  GraphBuilder b(*graph);
  Value* x = graph->AddInput("x", Type::Of(DType::kF32, Shape{3}.dims()));
  Value* total = graph->AddInput("total", Type::Of(DType::kF32, Shape{3}.dims()));
  Value* next = b.Emit("Add", {x, total});
  Value* where = b.Emit("NonZero", {state_behind_data ? total : next});
  graph->AddOutput(where);
  graph->states.push_back({"total", total, next, nullptr});
  EXPECT_TRUE(b.ok());
  return graph;
}

TEST(SplitSession, KeepsStates) {
  Executor executor([]() -> Result<std::unique_ptr<Graph>> { return CounterOfNonZeros(false); }, {});
  const auto count = [&](std::initializer_list<float> values) -> int64_t {
    const auto outputs = executor.Run({{"x", Constant::Copy(DType::kF32, Shape{3}, values.begin())}});
    EXPECT_TRUE(outputs.ok()) << outputs.status().ToString();
    return outputs.ok() ? (*outputs)[0]->shape()[1] : -1;
  };
  EXPECT_EQ(count({1, 0, 0}), 1);
  EXPECT_EQ(count({0, 1, 0}), 2);
  EXPECT_EQ(count({-1, 0, 0}), 1);
  executor.ResetStates();
  EXPECT_EQ(count({0, 0, 0}), 0);
}

TEST(SplitSession, StatesThatTheRestReadsRunOnTheReferences) {
  Executor executor([]() -> Result<std::unique_ptr<Graph>> { return CounterOfNonZeros(true); }, {});
  const float ones[] = {1, 1, 0};
  for (int64_t expected : {0, 2, 2}) {
    const auto outputs = executor.Run({{"x", Constant::Copy(DType::kF32, Shape{3}, ones)}});
    ASSERT_TRUE(outputs.ok()) << outputs.status().ToString();
    EXPECT_EQ((*outputs)[0]->shape()[1], expected);
  }
  EXPECT_EQ(executor.PrepareSplit({}).status().code(), Code::kUnsupported);
}

}  // namespace
}  // namespace whet
