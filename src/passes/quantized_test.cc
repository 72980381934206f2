// What the rewrites of quantized graphs leave, and that it means the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ir/op_def.h"
#include "ir/verify.h"
#include "ops/elements_common.h"
#include "passes/pass_list.h"

namespace whet {
namespace {

using testing::ElementsAre;

TensorPtr RandomBytes(DType type, const Shape& shape, unsigned seed) {
  auto constant = Constant::Allocate(type, shape);
  for (int64_t i = 0; i < shape.elements(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    static_cast<uint8_t*>(constant->mutable_data())[i] = static_cast<uint8_t>(seed >> 24);
  }
  return constant;
}

class QuantizedPassTest : public testing::Test {
 protected:
  QuantizedPassTest() : b(graph) { b.SetNodeName("n"); }

  Value* Input(std::initializer_list<int64_t> dims, DType type = DType::kU8) {
    return graph.AddInput(graph.UniqueName("x"), Type::Of(type, Shape(dims).dims()));
  }
  Value* Dequantize(Value* x, double scale = 0.05, int zero_point = 100) {
    return b.Emit("DequantizeLinear", {x, b.Scalar(scale), b.Scalar(zero_point, x->type.dtype)});
  }
  Value* Quantize(Value* x, double scale = 0.05, int zero_point = 100, DType type = DType::kU8) {
    return b.Emit("QuantizeLinear", {x, b.Scalar(scale), b.Scalar(zero_point, type)});
  }

  // Runs the pass and drops what is dead. Every output, integers, may be so many steps from what it was.
  // Returns the operators that are left.
  std::vector<std::string> Run(Result<int> (*pass)(Graph&), std::initializer_list<Value*> outputs,
                               int64_t steps = 0) {
    EXPECT_TRUE(b.ok()) << b.TakeStatus().ToString();
    for (Value* y : outputs) graph.AddOutput(y);
    const std::vector<TensorPtr> before = Evaluate();
    auto changes = pass(graph);
    EXPECT_TRUE(changes.ok()) << changes.status().ToString();
    EXPECT_TRUE(FoldConstants(graph).ok());
    EXPECT_TRUE(RemoveDeadNodes(graph).ok());
    Status status = VerifyGraph(graph);
    EXPECT_TRUE(status.ok()) << status.ToString();
    const std::vector<TensorPtr> after = Evaluate();
    EXPECT_EQ(before.size(), after.size());
    for (size_t i = 0; i < before.size() && i < after.size(); ++i) {
      EXPECT_EQ(before[i]->shape(), after[i]->shape());
      EXPECT_EQ(before[i]->dtype(), after[i]->dtype());
      for (int64_t k = 0; k < before[i]->shape().elements(); ++k) {
        EXPECT_LE(std::abs(ops::LoadFloat(before[i]->view(), k) - ops::LoadFloat(after[i]->view(), k)),
                  static_cast<double>(steps))
            << "output " << i << " element " << k;
      }
    }
    std::vector<std::string> ops;
    for (const auto& node : graph.nodes()) ops.emplace_back(node->op_name());
    return ops;
  }

  Graph graph;
  GraphBuilder b;

 private:
  std::vector<TensorPtr> Evaluate() {
    std::vector<TensorPtr> inputs;
    for (const Value* input : graph.inputs()) {
      inputs.push_back(RandomBytes(input->type.dtype, input->type.ToShape(), 7));
    }
    auto outputs = GraphEvaluator().Run(graph, inputs);
    EXPECT_TRUE(outputs.ok()) << outputs.status().ToString();
    return outputs.ok() ? *outputs : std::vector<TensorPtr>();
  }
};

TEST_F(QuantizedPassTest, WhatMovesElementsTakesIntegers) {
  Value* x = Dequantize(Input({2, 6, 4}));
  Value* y = b.Emit("Reshape",
                    {b.Emit("Transpose", {x}, {{"perm", std::vector<int64_t>{2, 0, 1}}}), b.Ints({8, 6})});
  EXPECT_THAT(Run(PropagateQuantization, {Quantize(y)}), ElementsAre("Transpose", "Reshape"));
}

TEST_F(QuantizedPassTest, OfASplitOnlyWhatIsReadIsMoved) {
  Value* x = Dequantize(Input({2, 6}));
  const auto parts =
      b.EmitNode("Split", std::vector<Value*>{x, b.Ints({1, 2, 3})}, 3, {{"axis", int64_t{1}}});
  EXPECT_THAT(Run(PropagateQuantization, {Quantize(parts[0]), Quantize(parts[1], 0.1)}),
              ElementsAre("Split", "DequantizeLinear", "QuantizeLinear"));
}

TEST_F(QuantizedPassTest, QuantizationGoesUpThroughAConcat) {
  Value* same = Dequantize(Input({2, 3}));
  Value* other = Dequantize(Input({2, 3}), 0.07);
  Value* joined = b.Emit("Concat", {same, other}, {{"axis", int64_t{1}}});
  EXPECT_THAT(Run(PropagateQuantization, {Quantize(b.Emit("Reshape", {joined, b.Ints({12})}))}),
              ElementsAre("DequantizeLinear", "QuantizeLinear", "Concat", "Reshape"));
}

TEST_F(QuantizedPassTest, APadIsMovedIfItsValueIsAStep) {
  Value* x = Dequantize(Input({2, 3}));
  EXPECT_THAT(
      Run(PropagateQuantization, {Quantize(b.Emit("Pad", {x, b.Ints({0, 1, 0, 1}), b.Scalar(0.05F * 20)}))}),
      ElementsAre("Pad"));
  Value* y = Dequantize(Input({2, 3}));
  EXPECT_THAT(
      Run(PropagateQuantization, {Quantize(b.Emit("Pad", {y, b.Ints({0, 1, 0, 1}), b.Scalar(0.12)}))}),
      ElementsAre("Pad", "DequantizeLinear", "Pad", "QuantizeLinear"));
}

TEST_F(QuantizedPassTest, PerChannelQuantizationFollowsATranspose) {
  Value* scales = b.Const(Constant::Vector<float>(DType::kF32, std::vector<float>{0.1F, 0.2F, 0.5F}));
  Value* x = b.Emit("DequantizeLinear", {Input({2, 3, 4}, DType::kI8), scales}, {{"axis", int64_t{-2}}});
  Value* y = b.Emit("Transpose", {x}, {{"perm", std::vector<int64_t>{1, 2, 0}}});
  EXPECT_THAT(Run(PropagateQuantization, {y}), ElementsAre("Transpose", "DequantizeLinear"));
  EXPECT_EQ(graph.nodes().back()->attributes.Int("axis"), 0);
}

TEST_F(QuantizedPassTest, AnOutputStaysApartFromAnInput) {
  Value* x = Input({3});
  EXPECT_THAT(Run(PropagateQuantization, {Quantize(Dequantize(x))}),
              ElementsAre("DequantizeLinear", "QuantizeLinear"));
}

TEST_F(QuantizedPassTest, ATableTakesInAllThatDependsOnOneTensor) {
  Value* x = Dequantize(Input({5, 60}));
  Value* gate = Dequantize(Quantize(b.Emit("Sigmoid", {x}), 1.0 / 256, 0), 1.0 / 256, 0);
  Value* y = b.Emit("Clip", {b.Emit("Mul", {x, gate}), b.Scalar(-0.1), b.Scalar(3)});
  EXPECT_THAT(Run(FuseQuantizedTables, {Quantize(y, 0.02, 3, DType::kI8)}), ElementsAre("QuantizedTable"));
}

TEST_F(QuantizedPassTest, NoTableOfTwoTensorsOrOfWhatBroadcasts) {
  Value* x = Dequantize(Input({1, 4}));
  Value* sum = b.Emit("Add", {x, Dequantize(Input({1, 4}))});
  Value* wide =
      b.Emit("Mul", {x, b.Const(Constant::Vector<float>(DType::kF32, std::vector<float>{1, 2, 3, 4}))});
  const auto ops = Run(FuseQuantizedTables, {Quantize(sum), Quantize(wide)});
  EXPECT_THAT(ops, testing::Not(testing::Contains("QuantizedTable")));
}

TEST_F(QuantizedPassTest, ActivationsAreBounds) {
  Value* sum = b.Emit("Add", {Dequantize(Input({2, 90})), Dequantize(Input({2, 90}, DType::kI8), 0.03, -9)});
  Value* y = Quantize(b.Emit("Clip", {b.Emit("Relu", {sum}), b.Scalar(-1), b.Scalar(2)}), 0.02, 20);
  EXPECT_THAT(Run(FuseQuantizedBinary, {y}, 1), ElementsAre("QuantizedBinary"));
  EXPECT_EQ(graph.nodes().front()->attributes.Int("low"), 20);
  EXPECT_EQ(graph.nodes().front()->attributes.Int("high"), 120);
}

TEST_F(QuantizedPassTest, AConstantOperandStaysQuantized) {
  Value* constant = b.Const(RandomBytes(DType::kI8, Shape{9}, 3));
  Value* product = b.Emit("Mul", {Dequantize(Input({4, 9})), Dequantize(constant, 0.01, 0)});
  EXPECT_THAT(Run(FuseQuantizedBinary, {Quantize(product)}, 1), ElementsAre("QuantizedBinary"));
}

TEST_F(QuantizedPassTest, MeansBecomePools) {
  Value* x = Dequantize(Input({2, 3, 4, 5}));
  Value* mean = b.Emit("ReduceMean", {x, b.Ints({2, 1})}, {{"keepdims", int64_t{0}}});
  EXPECT_THAT(Run(FuseQuantizedPools, {Quantize(mean)}, 1), ElementsAre("QuantizedAveragePool", "Reshape"));
}

TEST_F(QuantizedPassTest, AMeanOverChannelsIsNoPool) {
  Value* mean = b.Emit("ReduceMean", {Dequantize(Input({2, 3, 4, 5})), b.Ints({2, 3})});
  EXPECT_THAT(Run(FuseQuantizedPools, {Quantize(mean)}), testing::Contains("ReduceMean"));
}

TEST_F(QuantizedPassTest, AScaleTooSmallToComputeWithIsLeftAlone) {
  Value* sum = b.Emit("Add", {Dequantize(Input({4}), 1e-40), Dequantize(Input({4}), 1e-40)});
  EXPECT_THAT(Run(FuseQuantizedBinary, {Quantize(sum, 1e-40)}), testing::Contains("Add"));
}

TEST_F(QuantizedPassTest, WhatIsReadAsAFloatStaysOne) {
  Value* sum = b.Emit("Add", {Dequantize(Input({2, 3})), Dequantize(Input({2, 3}))});
  Value* other = b.Emit("ReduceMax", {sum, b.Ints({1})});
  EXPECT_THAT(Run(FuseQuantizedBinary, {Quantize(sum), Quantize(other)}), testing::Contains("Add"));
}

}  // namespace
}  // namespace whet
