// Compiled Plans against the operators' references, in the cases where the compiler does something clever
// with memory.
#include "api/executor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "api/testing.h"
#include "ir/builder.h"
#include "ir/op_def.h"
#include "ir/text.h"

namespace whet {
namespace {

class ExecutorTest : public testing::Test {
 protected:
  ExecutorTest() : b(graph) { b.SetNodeName("n"); }

  Value* Input(std::initializer_list<int64_t> dims) {
    return graph.AddInput(graph.UniqueName("x"), Type::Of(DType::kF32, Shape(dims).dims()));
  }
  Value* Weights(std::initializer_list<int64_t> dims) {
    return b.Const(RandomTensor(Shape(dims), ++seed_), "w");
  }
  Value* Conv(Value* x, int64_t channels) {
    return b.Emit("Conv", {x, Weights({channels, 3, 3, x->type.dims.back().lo})},
                  {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  }

  // Every output on every instruction set that the CPU has, with 1 and 2 threads, twice in a row.
  void ExpectAgreement() {
    ASSERT_TRUE(b.ok()) << b.TakeStatus().ToString();
    std::map<std::string, TensorPtr> inputs;
    std::vector<TensorPtr> ordered;
    for (const Value* input : graph.inputs()) {
      ordered.push_back(RandomTensor(input->type.ToShape(), 17 + static_cast<unsigned>(ordered.size())));
      inputs[input->name()] = ordered.back();
    }
    auto expected = GraphEvaluator().Run(graph, ordered);
    ASSERT_TRUE(expected.ok()) << expected.status().ToString();
    for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
      if (!IsaSupported(isa)) continue;
      for (int threads : {1, 2}) {
        ExecutorOptions options;
        options.isa = isa;
        options.threads.threads = threads;
        options.allow_evaluator = false;
        Executor executor([this]() -> Result<std::unique_ptr<Graph>> { return graph.Clone(); }, options);
        for (int run = 0; run < 2; ++run) {
          auto actual = executor.Run(inputs);
          ASSERT_TRUE(actual.ok()) << actual.status().ToString();
          Compare(*expected, *actual);
        }
      }
    }
  }

  static void Compare(const std::vector<TensorPtr>& expected, const std::vector<TensorPtr>& actual) {
    ASSERT_EQ(expected.size(), actual.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(expected[i]->shape(), actual[i]->shape());
      const auto* e = expected[i]->view().as<float>();
      const auto* a = actual[i]->view().as<float>();
      // Sums are rounded in another order, so errors are relative to the largest terms.
      float largest = 1e-3F;
      for (int64_t k = 0; k < expected[i]->shape().elements(); ++k)
        largest = std::max(largest, std::fabs(e[k]));
      for (int64_t k = 0; k < expected[i]->shape().elements(); ++k) {
        ASSERT_NEAR(a[k], e[k], 2e-5F * largest) << "output " << i << " element " << k;
      }
    }
  }

  Graph graph;
  GraphBuilder b;

 private:
  unsigned seed_ = 0;
};

TEST_F(ExecutorTest, ConcatenatesChannelsWithoutCopies) {
  Value* x = Input({1, 6, 7, 5});
  Value* both = b.Emit("Concat", {Conv(x, 3), Conv(x, 20), Conv(x, 1)}, {{"axis", int64_t{-1}}});
  graph.AddOutput(Conv(both, 4));
  ExpectAgreement();
}

TEST_F(ExecutorTest, ConcatenatesWhatIsReadElsewhereToo) {
  Value* x = Input({1, 6, 7, 5});
  Value* a = Conv(x, 3);
  Value* c = Conv(x, 4);
  graph.AddOutput(b.Emit("Concat", {a, c, a}, {{"axis", int64_t{3}}}));
  graph.AddOutput(b.Emit("ReduceMax", {a, b.Ints({1, 2})}));
  graph.AddOutput(b.Emit("Softmax", {c}));
  ExpectAgreement();
}

TEST_F(ExecutorTest, ConcatenatesAConcatenationAndInputsAndConstants) {
  Value* x = Input({2, 3, 4});
  Value* inner = b.Emit("Concat", {b.Emit("Exp", {x}), x}, {{"axis", int64_t{2}}});
  graph.AddOutput(b.Emit("Concat", {inner, Weights({2, 3, 2}), x}, {{"axis", int64_t{2}}}));
  ExpectAgreement();
}

TEST_F(ExecutorTest, ConcatenatesAlongTheFirstAxis) {
  Value* x = Input({3, 4});
  graph.AddOutput(b.Emit("Concat", {b.Emit("Exp", {x}), b.Emit("Neg", {x})}, {{"axis", int64_t{0}}}));
  ExpectAgreement();
}

TEST_F(ExecutorTest, SplitsAndSlicesChannelsInPlace) {
  Value* x = Conv(Input({1, 5, 6, 4}), 24);
  const auto parts = b.EmitNode("Split", std::vector<Value*>{x, b.Ints({16, 8})}, 2, {{"axis", int64_t{3}}});
  Value* cut = b.Emit("Slice", {x, b.Ints({3}), b.Ints({20}), b.Ints({3})});
  graph.AddOutput(Conv(parts[0], 3));
  graph.AddOutput(b.Emit("ReduceMean", {b.Emit("Add", {parts[1], parts[1]}), b.Ints({1})}));
  graph.AddOutput(b.Emit("Softmax", {cut}));
  ExpectAgreement();
}

TEST_F(ExecutorTest, SlicesBackwardsAndByTwos) {
  Value* x = Input({4, 6, 5});
  graph.AddOutput(b.Emit("Slice", {x, b.Ints({-1, 5}), b.Ints({-100, 0}), b.Ints({0, 1}), b.Ints({-1, -2})}));
  graph.AddOutput(b.Emit("Slice", {x, b.Ints({1}), b.Ints({100}), b.Ints({2}), b.Ints({3})}));
  ExpectAgreement();
}

TEST_F(ExecutorTest, ReshapesIntoAnOutput) {
  Value* y = b.Emit("Exp", {Input({2, 3, 4})});
  graph.AddOutput(b.Emit("Reshape", {b.Emit("Reshape", {y, b.Ints({6, 4})}), b.Ints({24})}));
  ExpectAgreement();
}

TEST_F(ExecutorTest, GivesOutputsThatAreInputsConstantsOrEachOther) {
  Value* x = Input({2, 3});
  Value* y = b.Emit("Exp", {x});
  graph.AddOutput(x);
  graph.AddOutput(y);
  graph.AddOutput(y);
  graph.AddOutput(Weights({3}));
  graph.AddOutput(b.Emit("Reshape", {y, b.Ints({6})}));
  graph.AddOutput(b.Emit("Reshape", {x, b.Ints({3, 2})}));
  ExpectAgreement();
}

TEST_F(ExecutorTest, WritesOverDeadInputsOnly) {
  Value* x = b.Emit("Exp", {Input({3, 40})});
  Value* y = b.Emit("Softmax", {x});
  Value* z = b.Emit("Softmax", {y}, {{"axis", int64_t{0}}});
  graph.AddOutput(b.Emit("MatMul", {z, b.Emit("Transpose", {x}, {{"perm", std::vector<int64_t>{1, 0}}})}));
  ExpectAgreement();
}

TEST_F(ExecutorTest, ResidualsAndActivations) {
  Value* x = Input({1, 9, 9, 16});
  Value* y = x;
  for (int i = 0; i < 3; ++i)
    y = b.Emit("Relu", {b.Emit("Add", {Conv(b.Emit("HardSwish", {Conv(y, 16)}), 16), y})});
  graph.AddOutput(y);
  ExpectAgreement();
}

TEST_F(ExecutorTest, Depthwise) {
  Value* x = Input({1, 9, 11, 19});
  for (int64_t stride : {1, 2}) {
    graph.AddOutput(b.Emit("Conv", {x, Weights({19, 3, 5, 1}), Weights({19})},
                           {{"pads", std::vector<int64_t>{1, 2, 1, 2}},
                            {"strides", std::vector<int64_t>{stride, stride}},
                            {"group", int64_t{19}}}));
  }
  ExpectAgreement();
}

TEST_F(ExecutorTest, BatchedProductsThatBroadcast) {
  Value* x = Input({2, 3, 4, 5});
  graph.AddOutput(b.Emit("MatMul", {x, Input({3, 5, 6})}));
  graph.AddOutput(b.Emit(
      "MatMul", {Input({4, 5}), b.Emit("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}})}));
  graph.AddOutput(
      b.Emit("MatMul", {x, Weights({5, 7}), Weights({7})}, {{"activation", std::string("tanh")}}));
  ExpectAgreement();
}

TEST_F(ExecutorTest, RecurrentLayersBothWays) {
  Value* x = Input({5, 2, 3});
  const auto lstm =
      b.EmitNode("LSTM", std::vector<Value*>{x, Weights({2, 16, 3}), Weights({2, 16, 4}), Weights({2, 32})},
                 3, {{"hidden_size", int64_t{4}}, {"direction", std::string("bidirectional")}});
  for (Value* y : lstm) graph.AddOutput(y);
  const auto gru =
      b.EmitNode("GRU", std::vector<Value*>{x, Weights({1, 12, 3}), Weights({1, 12, 4}), Weights({1, 24})}, 2,
                 {{"hidden_size", int64_t{4}},
                  {"direction", std::string("reverse")},
                  {"linear_before_reset", int64_t{1}}});
  for (Value* y : gru) graph.AddOutput(y);
  ExpectAgreement();
}

TEST_F(ExecutorTest, TakesTheBranchThatTheDataChoose) {
  Value* x = Input({3, 4});
  const auto branch = [&](std::string_view op) {
    auto subgraph = std::make_unique<Graph>("branch", &graph);
    GraphBuilder inner(*subgraph);
    inner.SetNodeName("inner");
    subgraph->AddOutput(inner.Emit("Softmax", {inner.Emit(op, {x})}));
    return subgraph;
  };
  for (double threshold : {-100.0, 100.0}) {
    Value* sum = b.Emit("ReduceSum", {x, b.Ints({0, 1})}, {{"keepdims", int64_t{0}}});
    std::vector<std::unique_ptr<Graph>> branches;
    branches.push_back(branch("Exp"));
    branches.push_back(branch("Neg"));
    Value* condition = b.Emit("Greater", {sum, b.Scalar(threshold)});
    graph.AddOutput(b.EmitNode("If", {&condition, 1}, 1, {}, std::move(branches))[0]);
  }
  ExpectAgreement();
}

TEST_F(ExecutorTest, MovesData) {
  Value* x = Input({1, 4, 6, 8});
  graph.AddOutput(b.Emit("DepthToSpace", {x}, {{"blocksize", int64_t{2}}}));
  graph.AddOutput(b.Emit("DepthToSpace", {x}, {{"blocksize", int64_t{2}}, {"mode", std::string("CRD")}}));
  graph.AddOutput(b.Emit("SpaceToDepth", {x}, {{"blocksize", int64_t{2}}}));
  graph.AddOutput(b.Emit("Tile", {x, b.Ints({2, 1, 3, 1})}));
  graph.AddOutput(
      b.Emit("Expand", {b.Emit("Slice", {x, b.Ints({0}), b.Ints({1}), b.Ints({1})}), b.Ints({2, 5, 6, 8})}));
  graph.AddOutput(b.Emit("Pad", {x, b.Ints({0, 1, 2, 0, 0, 1, 0, 3})}, {{"mode", std::string("reflect")}}));
  graph.AddOutput(b.Emit("Gather", {x, b.Ints({5, 0, -1})}, {{"axis", int64_t{2}}}));
  ExpectAgreement();
}

TEST(Executor, AFixedValueDecidesShapesAndIsPartOfTheKey) {
  Graph graph;
  GraphBuilder b(graph);
  Value* x = graph.AddInput("x", Type::Of(DType::kF32, Shape{2, 6}.dims()));
  Value* shape = graph.AddInput("shape", Type::Of(DType::kI64, Shape{2}.dims()));
  graph.AddOutput(b.Emit("Exp", {b.Emit("Reshape", {x, shape})}));
  ASSERT_TRUE(b.ok());
  ExecutorOptions options;
  options.allow_evaluator = false;
  Executor executor([&]() -> Result<std::unique_ptr<Graph>> { return graph.Clone(); }, options);
  EXPECT_EQ(*executor.ShapeInputs(), std::vector<std::string>{"shape"});
  for (const Shape& target : {Shape{3, 4}, Shape{12, 1}, Shape{3, 4}}) {
    auto outputs =
        executor.Run({{"x", RandomTensor(Shape{2, 6}, 1)}, {"shape", Constant::Ints(target.dims())}});
    ASSERT_TRUE(outputs.ok()) << outputs.status().ToString();
    EXPECT_EQ((*outputs)[0]->shape(), target);
  }
}

TEST(Executor, RunsOnTheReferencesWhereShapesDependOnData) {
  Graph graph;
  GraphBuilder b(graph);
  graph.AddOutput(b.Emit("NonZero", {graph.AddInput("x", Type::Of(DType::kF32, Shape{4}.dims()))}));
  ASSERT_TRUE(b.ok());
  const float values[] = {1, 0, 0, 2};
  Executor executor([&]() -> Result<std::unique_ptr<Graph>> { return graph.Clone(); }, {});
  auto outputs = executor.Run({{"x", Constant::Copy(DType::kF32, Shape{4}, values)}});
  ASSERT_TRUE(outputs.ok()) << outputs.status().ToString();
  EXPECT_EQ((*outputs)[0]->shape(), (Shape{1, 2}));
  EXPECT_NE(executor.evaluator_reason().find("NonZero"), std::string::npos);
}

TEST(Executor, RunsOnTheReferencesWhereThereAreSequencesAndStrings) {
  const auto run = [](std::string_view text, const std::map<std::string, Datum>& inputs,
                      std::string* reason) {
    Executor executor([&]() -> Result<std::unique_ptr<Graph>> { return ParseText(text); }, {});
    auto outputs = executor.RunAny(inputs);
    *reason = executor.evaluator_reason();
    return outputs;
  };
  std::string reason;
  const TensorPtr x = Constant::ScalarF32(2.5f);
  auto sequence =
      run("graph \"\" {\n input %s seq(f32[*])\n input %x f32[]\n"
          " %y seq(f32[*]) = SequenceInsert(%s, %x) @\"n\"\n output %y\n}",
          {{"s", Datum::Sequence({})}, {"x", x}}, &reason);
  ASSERT_TRUE(sequence.ok()) << sequence.status().ToString();
  EXPECT_EQ(sequence->at(0).elements().at(0), x);
  EXPECT_NE(reason.find("value 's' is seq(f32[*]); plans are made of tensors of numbers only"),
            std::string::npos)
      << reason;
  const std::string_view cast =
      "graph \"\" {\n input %x f32[]\n %y string[] = Cast(%x) {to = 8} @\"n\"\n output %y\n}";
  auto text = run(cast, {{"x", x}}, &reason);
  ASSERT_TRUE(text.ok()) << text.status().ToString();
  EXPECT_EQ(text->at(0).tensor()->strings()[0], "2.5");
  EXPECT_NE(reason.find("value 'y' is string[]"), std::string::npos) << reason;
  // No plan, so no session.
  ExecutorOptions strict;
  strict.allow_evaluator = false;
  Executor executor([&]() -> Result<std::unique_ptr<Graph>> { return ParseText(cast); }, strict);
  EXPECT_EQ(executor.Run({{"x", x}}).status().code(), Code::kUnsupported);
}

TEST(Executor, TheSecondStartTakesThePlanFromDiskWithoutTheModel) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("whet_executor_test." + std::to_string(getpid()));
  Graph graph;
  GraphBuilder b(graph);
  graph.AddOutput(b.Emit("Exp", {graph.AddInput("x", Type::Of(DType::kF32, Shape{4}.dims()))}));
  ExecutorOptions options;
  options.cache_folder = folder;
  options.model_id = "a model";
  int loads = 0;
  const auto load = [&]() -> Result<std::unique_ptr<Graph>> {
    ++loads;
    return graph.Clone();
  };
  for (bool cached : {false, true}) {
    Executor executor(load, options);
    ASSERT_TRUE(executor.Prepare({}).ok());
    EXPECT_EQ(executor.plan_from_cache(), cached);
  }
  EXPECT_EQ(loads, 1);
  // A damaged plan is made again.
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    std::filesystem::resize_file(entry.path(), 50);
  Executor executor(load, options);
  EXPECT_TRUE(executor.Prepare({}).ok());
  EXPECT_FALSE(executor.plan_from_cache());
  std::filesystem::remove_all(folder);
}

// What the passes make of attention, on kernels, against the operators that it is spelled in.
TEST_F(ExecutorTest, AttentionOfOneProjection) {
  for (const int64_t batch : {1, 2}) {
    const int64_t length = 37, heads = 3, size = 8;
    Value* rows = b.Emit("MatMul", {Input({batch, length, 24}), Weights({24, 3 * heads * size})});
    Value* split = b.Emit("Reshape", {rows, b.Ints({batch, length, 3, heads, size})});
    Value* all = b.Transpose(split, {2, 0, 3, 1, 4});
    const auto part = [&](int64_t i) { return b.Emit("Gather", {all, b.Int(i)}, {{"axis", int64_t{0}}}); };
    Value* scores = b.Emit("MatMul", {part(0), b.Transpose(part(1), {0, 1, 3, 2})});
    Value* masked = b.Emit("Add", {b.Emit("Mul", {scores, b.Scalar(0.1)}), Input({batch, 1, 1, length})});
    Value* y = b.Emit("MatMul", {b.Emit("Softmax", {masked}, {{"axis", int64_t{-1}}}), part(2)});
    Value* merged = b.Emit("Reshape", {b.Transpose(y, {0, 2, 1, 3}), b.Ints({batch, length, heads * size})});
    graph.AddOutput(b.Emit("MatMul", {merged, Weights({heads * size, 5})}));
  }
  ExpectAgreement();
}

TEST_F(ExecutorTest, AttentionOfWhatHasHeadsFirst) {
  Value* q = Input({2, 4, 19, 6});
  Value* k = Input({2, 2, 23, 6});
  Value* v = Input({2, 2, 23, 10});
  graph.AddOutput(b.Emit("Attention", {q, k, v, Input({19, 23})}));
  graph.AddOutput(b.Emit("Attention", {q, k, v}, {{"is_causal", int64_t{1}}, {"softcap", 2.0}}));
  Value* seen = b.Emit("Greater", {Input({2, 1, 19, 23}), b.Scalar(0.9)});
  graph.AddOutput(b.Emit("Attention", {q, k, v, seen}));
  // Beside something else in the rows of a concatenation.
  Value* y = b.Emit("Attention", {q, k, v}, {{"scale", 0.2}});
  graph.AddOutput(b.Emit("Relu", {b.Emit("Concat", {y, b.Emit("Add", {q, q})}, {{"axis", int64_t{3}}})}));
  ExpectAgreement();
}

// These stay on the reference.
TEST_F(ExecutorTest, AttentionWithAPastAndWithAShortMask) {
  Value* q = Input({1, 2, 3, 4});
  const std::vector<Value*> with_past = {q, q, q, nullptr, Input({1, 2, 5, 4}), Input({1, 2, 5, 4})};
  const auto outputs = b.EmitNode("Attention", with_past, 3, {{"is_causal", int64_t{1}}});
  for (Value* output : outputs) graph.AddOutput(output);
  graph.AddOutput(b.Emit("Attention", {q, q, q, Input({3, 2})}));
  ExpectAgreement();
}

}  // namespace
}  // namespace whet
