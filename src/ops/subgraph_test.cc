// If, Loop and Scan.
#include <gmock/gmock.h>

#include "ops/reference_test_common.h"

namespace whet::ops {
namespace {

using testing::ElementsAre;

TensorPtr Floats(Shape shape, std::vector<double> values) {
  return MakeTensor({shape, std::move(values), DType::kF32});
}
TensorPtr Int(double value) { return MakeTensor({{}, {value}, DType::kI64}); }
TensorPtr Bool(bool value) { return MakeTensor({{}, {value ? 1.0 : 0.0}, DType::kBool}); }

std::vector<TestTensor> RunGraph(const Graph& graph, const std::vector<TensorPtr>& inputs) {
  GraphEvaluator evaluator;
  auto outputs = evaluator.Run(graph, inputs);
  EXPECT_TRUE(outputs.ok()) << outputs.status().ToString();
  std::vector<TestTensor> read;
  if (!outputs.ok()) return read;
  for (const TensorPtr& tensor : *outputs) read.push_back(ReadTensor(tensor));
  return read;
}

TEST(If, BranchesMayDifferInShape) {
  Graph graph;
  Value* condition = graph.AddInput("condition", Type(DType::kBool, {}));
  Value* x = graph.AddInput("x", Type(DType::kF32, {Dim(2)}));
  auto branch = [&](const char* name, bool doubles) {
    auto inner = std::make_unique<Graph>(name, &graph);
    GraphBuilder builder(*inner);
    inner->AddOutput(doubles ? builder.Emit("Concat", {x, x}, {{"axis", int64_t{0}}})
                             : builder.Emit("Relu", {x}));
    return inner;
  };
  std::vector<std::unique_ptr<Graph>> branches;
  branches.push_back(branch("then", true));
  branches.push_back(branch("else", false));
  GraphBuilder builder(graph);
  const auto y = builder.EmitNode("If", std::span(&condition, 1), 1, {}, std::move(branches));
  ASSERT_TRUE(builder.ok());
  EXPECT_EQ(y[0]->type.dims[0], Dim(2, 4));
  graph.AddOutput(y[0]);
  EXPECT_THAT(RunGraph(graph, {Bool(true), Floats({2}, {-1, 1})})[0].values, ElementsAre(-1, 1, -1, 1));
  EXPECT_THAT(RunGraph(graph, {Bool(false), Floats({2}, {-1, 1})})[0].values, ElementsAre(0, 1));
}

// x doubles until it is 8 or more or the trips are used up; every x is kept.
std::unique_ptr<Graph> Doubling() {
  auto graph = std::make_unique<Graph>();
  Value* trips = graph->AddInput("trips", Type(DType::kI64, {}));
  Value* go_on = graph->AddInput("go_on", Type(DType::kBool, {}));
  Value* x = graph->AddInput("x", Type(DType::kF32, {Dim(1)}));
  auto body = std::make_unique<Graph>("body", graph.get());
  body->AddInput("i", Type(DType::kI64, {}));
  body->AddInput("before", Type(DType::kBool, {}));
  Value* now = body->AddInput("now", Type(DType::kF32, {Dim(1)}));
  GraphBuilder inner(*body);
  Value* next = inner.Emit("Add", {now, now});
  body->AddOutput(inner.Emit("Less", {next, inner.Scalar(8)}));
  body->AddOutput(next);
  body->AddOutput(next);
  EXPECT_TRUE(inner.ok());
  std::vector<std::unique_ptr<Graph>> bodies;
  bodies.push_back(std::move(body));
  GraphBuilder builder(*graph);
  Value* const inputs[] = {trips, go_on, x};
  const auto y = builder.EmitNode("Loop", inputs, 2, {}, std::move(bodies));
  EXPECT_TRUE(builder.ok()) << builder.TakeStatus().ToString();
  for (Value* value : y) graph->AddOutput(value);
  return graph;
}

TEST(Loop, EndsByItsConditionOrByItsCount) {
  const auto graph = Doubling();
  auto y = RunGraph(*graph, {Int(100), Bool(true), Floats({1}, {1})});
  EXPECT_THAT(y[0].values, ElementsAre(8));
  EXPECT_EQ(y[1].shape, (Shape{3, 1}));
  EXPECT_THAT(y[1].values, ElementsAre(2, 4, 8));
  y = RunGraph(*graph, {Int(2), Bool(true), Floats({1}, {1})});
  EXPECT_THAT(y[1].values, ElementsAre(2, 4));
  y = RunGraph(*graph, {Int(2), Bool(false), Floats({1}, {1})});
  EXPECT_THAT(y[0].values, ElementsAre(1));
  EXPECT_EQ(y[1].shape[0], 0);
}

TEST(Loop, EndlessLoopsAreAnError) {
  const auto graph = Doubling();
  EvaluateOptions options;
  options.max_iterations = 10;
  GraphEvaluator evaluator(options);
  // 0 never becomes 8.
  const TensorPtr inputs[] = {Int(1e9), Bool(true), Floats({1}, {0})};
  EXPECT_EQ(evaluator.Run(*graph, inputs).status().code(), Code::kLimitExceeded);
}

// Sums the columns of x from the last to the first, keeping every sum.
TestTensor RunningSums(Type sum_type, Type x_type, TensorPtr start, TensorPtr x, Attributes attributes) {
  Graph graph;
  Value* sum = graph.AddInput("sum", std::move(sum_type));
  Value* xs = graph.AddInput("x", std::move(x_type));
  auto body = std::make_unique<Graph>("body", &graph);
  Value* before = body->AddInput("before", Type(DType::kF32, {Dim(2)}));
  Value* row = body->AddInput("row", Type(DType::kF32, {Dim(2)}));
  GraphBuilder inner(*body);
  Value* after = inner.Emit("Add", {before, row});
  body->AddOutput(after);
  body->AddOutput(after);
  std::vector<std::unique_ptr<Graph>> bodies;
  bodies.push_back(std::move(body));
  attributes.Set("num_scan_inputs", int64_t{1});
  GraphBuilder builder(graph);
  Value* const inputs[] = {sum, xs};
  const auto y = builder.EmitNode("Scan", inputs, 2, std::move(attributes), std::move(bodies));
  EXPECT_TRUE(builder.ok()) << builder.TakeStatus().ToString();
  graph.AddOutput(y[1]);
  return RunGraph(graph, {std::move(start), std::move(x)})[0];
}

TEST(Scan, AxesAndDirections) {
  const auto y = RunningSums(Type(DType::kF32, {Dim(2)}), Type(DType::kF32, {Dim(2), Dim(3)}),
                             Floats({2}, {0, 0}), Floats({2, 3}, {1, 2, 3, 10, 20, 30}),
                             {{"scan_input_axes", std::vector<int64_t>{1}},
                              {"scan_input_directions", std::vector<int64_t>{1}},
                              {"scan_output_axes", std::vector<int64_t>{-1}}});
  EXPECT_EQ(y.shape, (Shape{2, 3}));
  EXPECT_THAT(y.values, ElementsAre(3, 5, 6, 30, 50, 60));
}

TEST(Scan, SampleBySampleAsInOpset8) {
  const auto y = RunningSums(Type(DType::kF32, {Dim(2), Dim(2)}), Type(DType::kF32, {Dim(2), Dim(2), Dim(2)}),
                             Floats({2, 2}, {0, 0, 100, 100}), Floats({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}),
                             {{"batched", int64_t{1}}});
  EXPECT_EQ(y.shape, (Shape{2, 2, 2}));
  EXPECT_THAT(y.values, ElementsAre(1, 2, 4, 6, 105, 106, 112, 114));
}

}  // namespace
}  // namespace whet::ops
