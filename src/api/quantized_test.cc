// Quantized graphs as compiled: no float between the integers, the same bits on every instruction set, and
// the answers of the plain references on the graph as it was written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "api/executor.h"
#include "compile/compiler.h"
#include "ir/builder.h"
#include "ops/elements_common.h"

namespace whet {
namespace {

TensorPtr RandomBytes(DType type, const Shape& shape, unsigned seed) {
  auto constant = Constant::Allocate(type, shape);
  auto* bytes = static_cast<uint8_t*>(constant->mutable_data());
  for (uint64_t i = 0; i < constant->bytes(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    bytes[i] = static_cast<uint8_t>(seed >> 24);
  }
  return constant;
}

// A tensor's type, scale and zero point.
struct Steps {
  DType type = DType::kU8;
  double scale = 0.05;
  int32_t zero_point = 120;
};
const Steps kU8{};
const Steps kI8{DType::kI8, 0.03, -5};
const Steps kOtherU8{DType::kU8, 0.021, 7};
const Steps kI16{DType::kI16, 2e-4, 0};
const Steps kOtherI16{DType::kI16, 1.3e-4, 0};
const Steps kU16{DType::kU16, 1.7e-4, 30000};

class QuantizedTest : public testing::Test {
 protected:
  QuantizedTest() : b(graph) { b.SetNodeName("n"); }

  Value* Input(std::initializer_list<int64_t> dims, const Steps& steps = kU8) {
    Value* x = graph.AddInput(graph.UniqueName("x"), Type::Of(steps.type, Shape(dims).dims()));
    return Dequantize(x, steps);
  }
  Value* Dequantize(Value* x, const Steps& steps) {
    return b.Emit("DequantizeLinear", {x, b.Scalar(steps.scale), b.Scalar(steps.zero_point, steps.type)});
  }
  Value* Quantize(Value* x, const Steps& steps) {
    return b.Emit("QuantizeLinear", {x, b.Scalar(steps.scale), b.Scalar(steps.zero_point, steps.type)});
  }
  void Output(Value* x, const Steps& steps) { graph.AddOutput(Quantize(x, steps)); }

  // Compiles for every instruction set that the CPU has. The outputs must be the same bits on all of them,
  // with 1 and 2 threads, and within so many steps of the references' on the graph as it is. Returns the
  // operators of the Plan's steps.
  std::vector<std::string> Run(int64_t steps) {
    EXPECT_TRUE(b.ok()) << b.TakeStatus().ToString();
    std::map<std::string, TensorPtr> inputs;
    std::vector<TensorPtr> ordered;
    for (const Value* input : graph.inputs()) {
      ordered.push_back(
          RandomBytes(input->type.dtype, input->type.ToShape(), 17 + static_cast<unsigned>(ordered.size())));
      inputs[input->name()] = ordered.back();
    }
    auto expected = GraphEvaluator().Run(graph, ordered);
    EXPECT_TRUE(expected.ok()) << expected.status().ToString();
    std::vector<std::string> ops;
    if (!expected.ok()) return ops;
    std::vector<TensorPtr> first;
    for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
      if (!IsaSupported(isa)) continue;
      for (int threads : {1, 2}) {
        ExecutorOptions options;
        options.isa = isa;
        options.threads.threads = threads;
        options.allow_evaluator = false;
        Executor executor([this]() -> Result<std::unique_ptr<Graph>> { return graph.Clone(); }, options);
        auto actual = executor.Run(inputs);
        EXPECT_TRUE(actual.ok()) << actual.status().ToString();
        if (!actual.ok()) return ops;
        Compare(*expected, *actual, steps, IsaName(isa));
        if (first.empty()) first = *actual;
        Compare(first, *actual, 0, IsaName(isa));
        auto session = executor.Prepare({});
        EXPECT_TRUE(session.ok());
        ops.clear();
        for (const PlanStep& step : (*session)->plan().steps) {
          EXPECT_EQ(step.kind, PlanStep::Kind::kKernel) << step.op << " '" << step.node << "'";
          ops.push_back(step.op);
        }
      }
    }
    return ops;
  }

  static void Compare(const std::vector<TensorPtr>& expected, const std::vector<TensorPtr>& actual,
                      int64_t steps, std::string_view isa) {
    ASSERT_EQ(expected.size(), actual.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(expected[i]->shape(), actual[i]->shape());
      ASSERT_EQ(expected[i]->dtype(), actual[i]->dtype());
      for (int64_t k = 0; k < expected[i]->shape().elements(); ++k) {
        const int64_t e = ops::LoadInt(expected[i]->view(), k), a = ops::LoadInt(actual[i]->view(), k);
        ASSERT_LE(std::abs(e - a), steps)
            << isa << " output " << i << " element " << k << ": " << a << ", expected " << e;
      }
    }
  }

  Graph graph;
  GraphBuilder b;
};

using testing::Each;
using testing::ElementsAre;

TEST_F(QuantizedTest, FunctionsOfOneTensorAreTables) {
  const std::vector<std::pair<std::string, Attributes>> functions = {
      {"Sigmoid", {}}, {"Tanh", {}},     {"Gelu", {}},        {"HardSwish", {}},
      {"Exp", {}},     {"Softplus", {}}, {"HardSigmoid", {}}, {"LeakyRelu", {{"alpha", 0.2}}},
      {"Relu", {}},    {"Elu", {}},      {"Silu", {}},        {"Abs", {}}};
  for (const Steps& from : {kU8, kI8}) {
    for (const Steps& to : {kOtherU8, kI8}) {
      for (const auto& [op, attributes] : functions) {
        Output(b.Emit(op, {Input({3, 5, 7}, from)}, attributes), to);
      }
    }
  }
  EXPECT_THAT(Run(0), Each("QuantizedTable"));
}

TEST_F(QuantizedTest, ChainsWithQuantizationBetweenAreOneTable) {
  // SiLU in two operators, and a scaled clip after it.
  Value* x = Input({2, 70});
  Value* gate =
      Dequantize(Quantize(b.Emit("Sigmoid", {x}), {DType::kU8, 1.0 / 256, 0}), {DType::kU8, 1.0 / 256, 0});
  Value* silu = Dequantize(Quantize(b.Emit("Mul", {x, gate}), kI8), kI8);
  Value* scaled = b.Emit("Add", {b.Emit("Mul", {silu, b.Scalar(1.7)}), b.Scalar(0.3)});
  Output(b.Emit("Clip", {scaled, b.Scalar(-0.2), b.Scalar(2)}), kOtherU8);
  EXPECT_THAT(Run(0), ElementsAre("QuantizedTable"));
}

TEST_F(QuantizedTest, AnotherQuantizationOfTheSameIsATable) {
  Output(Input({9, 11}, kU8), kI8);
  EXPECT_THAT(Run(0), ElementsAre("QuantizedTable"));
}

TEST_F(QuantizedTest, SumsDifferencesAndProducts) {
  for (const char* op : {"Add", "Sub", "Mul"}) {
    Value* x = Input({2, 5, 6, 19});
    Output(b.Emit(op, {x, Input({2, 5, 6, 19}, kI8)}), kOtherU8);
    Output(b.Emit(op, {x, Input({2, 1, 1, 19}, kI8)}), kI8);
    Output(b.Emit(op, {Input({1}, kI8), x}), kI8);
    Output(b.Emit(op, {x, Input({5, 6, 1}, kOtherU8)}), kI8);
  }
  EXPECT_THAT(Run(1), Each("QuantizedBinary"));
}

TEST_F(QuantizedTest, SumsDifferencesAndProductsWithConstants) {
  for (const char* op : {"Add", "Sub", "Mul"}) {
    const auto constant = [&] {
      return b.Emit("DequantizeLinear", {b.Const(RandomBytes(DType::kI8, Shape{19}, 3)), b.Scalar(0.02),
                                         b.Scalar(5, DType::kI8)});
    };
    Output(b.Emit(op, {Input({2, 5, 6, 19}), constant()}), kI8);
    Output(b.Emit("Relu", {b.Emit(op, {constant(), Input({7, 19}, kI8)})}), kU8);
  }
  EXPECT_THAT(Run(1), Each("QuantizedBinary"));
}

TEST_F(QuantizedTest, ActivationsBecomeBoundsOfASum) {
  Value* sum = b.Emit("Add", {Input({3, 40}), Input({3, 40}, kI8)});
  Output(b.Emit("Relu", {sum}), kU8);
  Value* product = b.Emit("Mul", {Input({3, 40}), Input({3, 40}, kI8)});
  Output(b.Emit("Clip", {product, b.Scalar(-0.25), b.Scalar(1.5)}), kI8);
  EXPECT_THAT(Run(1), Each("QuantizedBinary"));
}

TEST_F(QuantizedTest, ParametricRelus) {
  auto slopes = Constant::Allocate(DType::kF32, Shape{1, 1, 37});
  for (int64_t c = 0; c < 37; ++c)
    static_cast<float*>(slopes->mutable_data())[c] = 0.05F * static_cast<float>(c) - 0.3F;
  Value* slope = b.Const(slopes);
  Output(b.Emit("PRelu", {Input({2, 5, 6, 37}), slope}), kOtherU8);
  Output(b.Emit("PRelu", {Input({2, 5, 6, 37}, kI8), slope}), kI8);
  Output(b.Emit("Relu", {b.Emit("PRelu", {Input({2, 5, 6, 37}, kI8), slope})}), kU8);
  EXPECT_THAT(Run(1), Each("QuantizedPRelu"));
}

TEST_F(QuantizedTest, Averages) {
  const Attributes window = {{"kernel_shape", std::vector<int64_t>{3, 2}},
                             {"strides", std::vector<int64_t>{2, 1}},
                             {"pads", std::vector<int64_t>{1, 1, 1, 0}}};
  Attributes padded = window;
  padded.Set("count_include_pad", int64_t{1});
  Output(b.Emit("AveragePool", {Input({2, 9, 8, 21})}, window), kOtherU8);
  Output(b.Emit("AveragePool", {Input({2, 9, 8, 21}, kI8)}, padded), kI8);
  Output(b.Emit("GlobalAveragePool", {Input({2, 7, 7, 70})}), kI8);
  EXPECT_THAT(Run(1), Each("QuantizedAveragePool"));
}

TEST_F(QuantizedTest, MeansOverWholeImagesArePools) {
  Output(b.Emit("ReduceMean", {Input({2, 7, 5, 33}), b.Ints({1, 2})}, {{"keepdims", int64_t{0}}}), kI8);
  Output(b.Emit("ReduceMean", {Input({2, 7, 5, 33}), b.Ints({-3, -2})}), kI8);
  // Channels first, as ONNX has it.
  Value* transposed =
      b.Emit("Transpose", {Input({2, 7, 5, 33})}, {{"perm", std::vector<int64_t>{0, 3, 1, 2}}});
  Output(b.Emit("ReduceMean", {transposed, b.Ints({2, 3})}, {{"keepdims", int64_t{0}}}), kI8);
  EXPECT_THAT(Run(1), Each("QuantizedAveragePool"));
}

TEST_F(QuantizedTest, OperatorsThatMoveElementsTakeIntegers) {
  Value* x = Input({1, 6, 8, 12});
  Output(b.Emit("MaxPool", {x},
                {{"kernel_shape", std::vector<int64_t>{3, 3}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}}),
         kU8);
  Output(b.Emit("GlobalMaxPool", {x}), kU8);
  Output(b.Emit("DepthToSpace", {x}, {{"blocksize", int64_t{2}}}), kU8);
  Output(b.Emit("SpaceToDepth", {x}, {{"blocksize", int64_t{2}}}), kU8);
  Output(b.Emit("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}), kU8);
  Output(b.Emit("Reshape", {x, b.Ints({6, 96})}), kU8);
  Output(b.Emit("Slice", {x, b.Ints({1}), b.Ints({4}), b.Ints({1})}), kU8);
  Output(b.Emit("Gather", {x, b.Ints({3, 0, 3})}, {{"axis", int64_t{2}}}), kU8);
  Output(b.Emit("Tile", {x, b.Ints({1, 2, 1, 1})}), kU8);
  Output(b.Emit("Expand", {x, b.Ints({3, 6, 8, 12})}), kU8);
  Output(b.Emit("Pad", {x, b.Ints({0, 1, 2, 0, 0, 1, 1, 0})}), kU8);
  Output(b.Emit("Pad", {x, b.Ints({0, 1, 2, 0, 0, 1, 1, 0}), b.Scalar(0.25F)}), kU8);
  Output(b.Emit("Pad", {x, b.Ints({0, 1, 2, 0, 0, 1, 1, 0})}, {{"mode", std::string("reflect")}}), kU8);
  Output(b.Emit("Resize", {x, nullptr, nullptr, b.Ints({1, 9, 16, 12})}, {{"mode", std::string("nearest")}}),
         kU8);
  const auto parts = b.EmitNode("Split", std::vector<Value*>{x, b.Ints({5, 7})}, 2, {{"axis", int64_t{3}}});
  Output(parts[0], kU8);
  Output(parts[1], kU8);
  const std::vector<std::string> ops = Run(0);
  for (const std::string& op : ops) {
    EXPECT_THAT(op, testing::Not(testing::AnyOf("QuantizeLinear", "DequantizeLinear", "QuantizedTable")));
  }
}

TEST_F(QuantizedTest, ConcatRescalesOnlyWhatHasAnotherScale) {
  Value* same = Input({1, 4, 5, 8});
  Value* other = Input({1, 4, 5, 24}, kI8);
  Output(b.Emit("Concat", {same, other, Input({1, 4, 5, 3})}, {{"axis", int64_t{3}}}), kU8);
  EXPECT_THAT(Run(0), testing::UnorderedElementsAre("QuantizedTable", "Concat", "Concat"));
}

TEST_F(QuantizedTest, AMixtureGoesThroughInIntegers) {
  // Down through a transpose and a reshape, up through a concat and a transpose.
  Value* x = Input({1, 4, 6, 8});
  Value* moved = b.Emit("Reshape", {b.Emit("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 3, 1, 2}}}),
                                    b.Ints({1, 8, 24})});
  Value* joined = b.Emit("Concat", {moved, Input({1, 8, 24}, kI8)}, {{"axis", int64_t{1}}});
  Output(b.Emit("Transpose", {joined}, {{"perm", std::vector<int64_t>{0, 2, 1}}}), kOtherU8);
  const std::vector<std::string> ops = Run(0);
  EXPECT_THAT(ops, testing::Not(testing::Contains("QuantizeLinear")));
  EXPECT_THAT(ops, testing::Not(testing::Contains("DequantizeLinear")));
}

TEST_F(QuantizedTest, LinearResize) {
  const auto resize = [&](Value* x, std::initializer_list<int64_t> sizes, const char* coordinates) {
    return b.Emit(
        "Resize", {x, nullptr, nullptr, b.Ints(sizes)},
        {{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string(coordinates)}});
  };
  Output(resize(Input({2, 5, 6, 19}), {2, 10, 12, 19}, "half_pixel"), kU8);
  Output(resize(Input({1, 5, 6, 3}, kI8), {1, 13, 4, 3}, "align_corners"), kI8);
  Output(resize(Input({1, 5, 6, 3}, kI8), {1, 8, 8, 3}, "asymmetric"), kOtherU8);
  EXPECT_THAT(Run(1), Each("QuantizedResize"));
}

TEST_F(QuantizedTest, Softmax) {
  const Steps probability{DType::kU8, 1.0 / 256, 0};
  Output(b.Emit("Softmax", {Input({5, 37})}, {{"axis", int64_t{-1}}}), probability);
  Output(b.Emit("Softmax", {Input({2, 9, 4}, kI8)}, {{"axis", int64_t{1}}}), {DType::kI8, 1.0 / 256, -128});
  Output(b.Emit("Softmax", {Input({1000}, kI8)}), probability);
  EXPECT_THAT(Run(1), Each("QuantizedSoftmax"));
}

TEST_F(QuantizedTest, WhatDoesNotMatchStaysFloatAndRight) {
  Value* x = Input({2, 6, 10});
  // Read by somebody else, as a float.
  Value* sum = b.Emit("Add", {x, Input({2, 6, 10}, kI8)});
  Output(sum, kI8);
  graph.AddOutput(Quantize(b.Emit("ReduceMax", {sum, b.Ints({2})}), kI8));
  // A value that is none of the steps.
  Output(b.Emit("Pad", {x, b.Ints({0, 1, 0, 0, 1, 0}), b.Scalar(0.26F)}), kU8);
  // A constant for every channel.
  Value* slopes = b.Const(Constant::Vector<float>(DType::kF32, std::vector<float>(10, 0.7F)), "slopes");
  Output(b.Emit("Mul", {x, slopes}), kU8);
  const std::vector<std::string> ops = Run(1);
  EXPECT_THAT(ops, testing::Contains("QuantizeLinear"));
  EXPECT_THAT(ops, testing::Contains("DequantizeLinear"));
}

// Weights of i8 with a scale a channel, which are dimension `axis`.
Value* WeightsOf(GraphBuilder& b, const Shape& shape, int64_t axis) {
  std::vector<float> scales;
  for (int64_t c = 0; c < shape[static_cast<int>(axis)]; ++c)
    scales.push_back(0.002F + 0.0001F * static_cast<float>(c % 7));
  return b.Emit(
      "DequantizeLinear",
      {b.Const(RandomBytes(DType::kI8, shape, 5)), b.Const(Constant::Vector<float>(DType::kF32, scales))},
      {{"axis", axis}});
}

TEST_F(QuantizedTest, ProductsOf16Bits) {
  const Attributes padded = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}};
  Attributes depthwise = padded;
  depthwise.Set("group", int64_t{19});
  const auto bias = [&](int64_t channels) {
    std::vector<float> values;
    for (int64_t c = 0; c < channels; ++c) values.push_back(0.3F * static_cast<float>(c % 5) - 0.4F);
    return b.Const(Constant::Vector<float>(DType::kF32, values));
  };
  for (const Steps& steps : {kI16, kU16}) {
    Output(b.Emit("Conv", {Input({2, 7, 9, 19}, steps), WeightsOf(b, {21, 3, 3, 19}, 0), bias(21)}, padded),
           steps);
    Value* y =
        b.Emit("Conv", {Input({1, 7, 9, 19}, steps), WeightsOf(b, {19, 3, 3, 1}, 0), bias(19)}, depthwise);
    Output(b.Emit("Relu", {y}), kI16);
    Output(b.Emit("Conv", {Input({1, 8, 8, 64}, steps), WeightsOf(b, {40, 1, 1, 64}, 0)}), kU16);
    Output(b.Emit("MatMul", {Input({3, 700}, steps), WeightsOf(b, {10, 700}, 0), bias(10)},
                  {{"transpose_b", int64_t{1}}}),
           kOtherI16);
    Output(b.Emit("Conv", {Input({1, 8, 8, 16}, steps), WeightsOf(b, {12, 3, 3, 16}, 0)}), kOtherU8);
  }
  EXPECT_THAT(Run(1), Each(testing::AnyOf("QuantizedConv", "QuantizedMatMul")));
}

TEST_F(QuantizedTest, OtherOperatorsOn16Bits) {
  auto slopes = Constant::Allocate(DType::kF32, Shape{1, 1, 37});
  for (int64_t c = 0; c < 37; ++c)
    static_cast<float*>(slopes->mutable_data())[c] = 0.05F * static_cast<float>(c) - 0.3F;
  const Attributes window = {{"kernel_shape", std::vector<int64_t>{3, 2}},
                             {"pads", std::vector<int64_t>{1, 1, 1, 0}}};
  for (const Steps& steps : {kI16, kU16}) {
    const auto input = [&] { return Input({2, 5, 6, 37}, steps); };
    for (const char* op : {"Add", "Sub", "Mul"}) {
      Output(b.Emit(op, {input(), input()}), steps);
      Output(b.Emit("Relu", {b.Emit(op, {input(), Input({2, 1, 1, 37}, steps)})}), steps);
    }
    Output(b.Emit("PRelu", {input(), b.Const(slopes)}), steps);
    Output(b.Emit("LeakyRelu", {input()}, {{"alpha", 0.2}}), steps);
    Output(b.Emit("AveragePool", {input()}, window), steps);
    Output(b.Emit("GlobalAveragePool", {input()}), steps);
  }
  const std::vector<std::string> ops = Run(1);
  EXPECT_THAT(ops, Each(testing::AnyOf("QuantizedBinary", "QuantizedPRelu", "QuantizedAveragePool")));
}

TEST_F(QuantizedTest, OperatorsThatMoveElementsTake16Bits) {
  Value* x = Input({1, 6, 8, 12}, kI16);
  Output(b.Emit("MaxPool", {x},
                {{"kernel_shape", std::vector<int64_t>{3, 3}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}}),
         kI16);
  Output(b.Emit("GlobalMaxPool", {Input({1, 6, 8, 12}, kU16)}), kU16);
  Output(b.Emit("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}), kI16);
  Output(b.Emit("Slice", {x, b.Ints({1}), b.Ints({4}), b.Ints({1})}), kI16);
  Output(b.Emit("Gather", {x, b.Ints({3, 0, 3})}, {{"axis", int64_t{2}}}), kI16);
  Output(b.Emit("Pad", {x, b.Ints({0, 1, 2, 0, 0, 1, 1, 0}), b.Scalar(2e-4F * 1000)}), kI16);
  Value* joined =
      b.Emit("Concat", {Input({1, 6, 8, 3}, kI16), Input({1, 6, 8, 5}, kOtherI16)}, {{"axis", int64_t{3}}});
  Output(joined, kI16);
  const std::vector<std::string> ops = Run(1);
  EXPECT_EQ(std::count(ops.begin(), ops.end(), "QuantizedPRelu"), 1);  // another scale
  for (const std::string& op : ops)
    EXPECT_THAT(op, testing::Not(testing::AnyOf("QuantizeLinear", "DequantizeLinear")));
}

TEST_F(QuantizedTest, Of16BitsWhatHasNoKernelStaysFloat) {
  Output(b.Emit("Sigmoid", {Input({4, 40}, kI16)}), kI16);
  Output(b.Emit("Softmax", {Input({4, 40}, kI16)}, {{"axis", int64_t{-1}}}), kI16);
  // Of two types.
  Output(b.Emit("Add", {Input({4, 40}, kI16), Input({4, 40}, kU16)}), kI16);
  // Weights with a zero point.
  Value* weights = b.Emit("DequantizeLinear", {b.Const(RandomBytes(DType::kU8, {40, 9}, 3)), b.Scalar(0.01),
                                               b.Scalar(120, DType::kU8)});
  Output(b.Emit("MatMul", {Input({4, 40}, kI16), weights}), kI16);
  const std::vector<std::string> ops = Run(1);
  for (const std::string& op : ops)
    EXPECT_THAT(op, testing::Not(testing::AnyOf("QuantizedTable", "QuantizedSoftmax", "QuantizedMatMul")));
}

}  // namespace
}  // namespace whet
