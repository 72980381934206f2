// Quantized graphs, compiled: the same bytes on every instruction set and any number of threads, and those of
// the integer operators' references.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "api/executor.h"
#include "compile/compiler.h"
#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ir/op_def.h"

namespace whet {
namespace {

class QuantizedProductsTest : public testing::Test {
 protected:
  QuantizedProductsTest() : b(graph) { b.SetNodeName("n"); }

  TensorPtr RandomBytes(DType dtype, const Shape& shape, int low, int high) {
    auto constant = Constant::Allocate(dtype, shape);
    auto* bytes = static_cast<uint8_t*>(constant->mutable_data());
    for (int64_t i = 0; i < shape.elements(); ++i) {
      bytes[i] = static_cast<uint8_t>(low + static_cast<int>(Next() % static_cast<unsigned>(high - low + 1)));
    }
    return constant;
  }
  TensorPtr RandomFloats(const Shape& shape, float low, float high) {
    auto constant = Constant::Allocate(DType::kF32, shape);
    auto* values = static_cast<float*>(constant->mutable_data());
    for (int64_t i = 0; i < shape.elements(); ++i) {
      values[i] = low + (high - low) * static_cast<float>(Next() >> 8) / 16777216.0F;
    }
    return constant;
  }

  Value* Quantize(Value* x, float scale, int zero, DType dtype) {
    return b.Emit("QuantizeLinear", {x, b.Scalar(static_cast<double>(scale)), b.Scalar(zero, dtype)});
  }
  // What stands between two integer operators of a quantized model.
  Value* Step(Value* x, float scale, int zero, DType dtype) {
    return b.Emit("DequantizeLinear", {Quantize(x, scale, zero, dtype), b.Scalar(static_cast<double>(scale)),
                                       b.Scalar(zero, dtype)});
  }
  // i8 weights with a scale a channel, symmetric.
  Value* Weights(std::initializer_list<int64_t> dims, int64_t axis) {
    const Shape shape(dims);
    Value* scale = b.Const(RandomFloats(Shape{shape[static_cast<int>(axis)]}, 0.002F, 0.004F));
    return b.Emit("DequantizeLinear", {b.Const(RandomBytes(DType::kI8, shape, -127, 127)), scale},
                  {{"axis", axis}});
  }
  // u8 weights with one scale and zero point, as older TFLite models have them.
  Value* UnsignedWeights(std::initializer_list<int64_t> dims, int zero) {
    return b.Emit("DequantizeLinear", {b.Const(RandomBytes(DType::kU8, Shape(dims), 0, 255)), b.Scalar(0.003),
                                       b.Scalar(zero, DType::kU8)});
  }
  Value* Bias(int64_t channels) { return b.Const(RandomFloats(Shape{channels}, -0.5F, 0.5F)); }

  void ExpectSameBytesEverywhere() {
    ASSERT_TRUE(b.ok()) << b.TakeStatus().ToString();
    std::map<std::string, TensorPtr> inputs;
    std::vector<TensorPtr> ordered;
    for (const Value* input : graph.inputs()) {
      ordered.push_back(RandomFloats(input->type.ToShape(), -1, 1));
      inputs[input->name()] = ordered.back();
    }
    auto optimized = Optimize(graph, {});
    ASSERT_TRUE(optimized.ok()) << optimized.status().ToString();
    for (const auto& node : (*optimized)->nodes()) {
      EXPECT_FALSE(node->Is("Conv") || node->Is("MatMul") || node->Is("ConvTranspose"))
          << node->name() << " is not quantized";
    }
    auto expected = GraphEvaluator().Run(**optimized, ordered);
    ASSERT_TRUE(expected.ok()) << expected.status().ToString();
    auto real = GraphEvaluator().Run(graph, ordered);
    ASSERT_TRUE(real.ok()) << real.status().ToString();
    for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni, Isa::kDotprod}) {
      if (!IsaSupported(isa)) continue;
      for (int threads : {1, 2}) {
        ExecutorOptions options;
        options.isa = isa;
        options.threads.threads = threads;
        options.allow_evaluator = false;
        Executor executor([this]() -> Result<std::unique_ptr<Graph>> { return graph.Clone(); }, options);
        auto actual = executor.Run(inputs);
        ASSERT_TRUE(actual.ok()) << actual.status().ToString();
        for (size_t i = 0; i < expected->size(); ++i) {
          ASSERT_EQ((*expected)[i]->bytes(), (*actual)[i]->bytes());
          EXPECT_EQ(
              std::memcmp((*expected)[i]->view().data, (*actual)[i]->view().data, (*actual)[i]->bytes()), 0)
              << "output " << i << " on " << IsaName(isa);
        }
      }
    }
    // And what the model means: within a step of real arithmetic, here and there two after several layers.
    for (size_t i = 0; i < real->size(); ++i) {
      if ((*real)[i]->dtype() != DType::kU8) continue;
      int64_t far = 0;
      bool varies = false;
      const auto* r = (*real)[i]->view().as<uint8_t>();
      const auto* e = (*expected)[i]->view().as<uint8_t>();
      for (int64_t k = 0; k < (*real)[i]->shape().elements(); ++k) {
        far += std::abs(r[k] - e[k]) > 1 ? 1 : 0;
        varies = varies || r[k] != r[0];
      }
      EXPECT_LE(far * 200, (*real)[i]->shape().elements());
      EXPECT_TRUE(varies);
    }
  }

  Graph graph;
  GraphBuilder b;

 private:
  unsigned Next() { return seed_ = seed_ * 1664525u + 1013904223u; }
  unsigned seed_ = 5;
};

// Kernels that the phases fill and that they do not, with padding taken off and with pixels added.
TEST_F(QuantizedProductsTest, TransposedConvolutions) {
  Value* x = graph.AddInput("x", Type::Of(DType::kF32, Shape{2, 5, 7, 9}.dims()));
  Value* quantized = Step(x, 0.008F, 120, DType::kU8);
  struct Case {
    int64_t kernel_h, kernel_w, stride;
    std::vector<int64_t> pads;
    std::vector<int64_t> more;
  };
  for (const Case& c : {Case{2, 2, 2, {0, 0, 0, 0}, {0, 0}}, Case{3, 3, 2, {1, 1, 1, 1}, {1, 1}},
                        Case{4, 4, 2, {1, 1, 1, 1}, {0, 0}}, Case{3, 5, 2, {0, 1, 1, 2}, {0, 1}},
                        Case{5, 3, 3, {2, 0, 0, 2}, {0, 2}}, Case{3, 3, 1, {1, 1, 1, 1}, {0, 0}},
                        Case{3, 3, 3, {2, 2, 2, 2}, {0, 0}}, Case{2, 2, 2, {1, 3, 3, 1}, {0, 0}}}) {
    const auto transposed = [&](Value* w, Value* bias) {
      return b.Emit(
          "ConvTranspose", {quantized, w, bias},
          {{"pads", c.pads}, {"strides", std::vector<int64_t>(2, c.stride)}, {"output_padding", c.more}});
    };
    Value* y = transposed(Weights({6, c.kernel_h, c.kernel_w, 9}, 0), Bias(6));
    graph.AddOutput(Quantize(b.Emit("Relu", {y}), 0.01F, 0, DType::kU8));
    y = transposed(UnsignedWeights({5, c.kernel_h, c.kernel_w, 9}, 119), Bias(5));
    graph.AddOutput(Quantize(y, 0.02F, 117, DType::kU8));
    graph.AddOutput(transposed(Weights({1, c.kernel_h, c.kernel_w, 9}, 0), nullptr));
  }
  ExpectSameBytesEverywhere();
}

TEST_F(QuantizedProductsTest, AConvolutionalNetwork) {
  const Attributes same = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}};
  Value* x = graph.AddInput("x", Type::Of(DType::kF32, Shape{1, 15, 13, 3}.dims()));
  Value* y = Step(x, 0.008F, 128, DType::kU8);
  y = b.Emit("Conv", {y, Weights({20, 3, 3, 3}, 0), Bias(20)},
             {{"pads", std::vector<int64_t>{1, 1, 1, 1}}, {"strides", std::vector<int64_t>{2, 2}}});
  y = Step(b.Emit("Relu", {y}), 0.01F, 0, DType::kU8);
  Attributes depthwise = same;
  depthwise.Set("group", int64_t{20});
  y = b.Emit("Conv", {y, Weights({20, 3, 3, 1}, 0), Bias(20)}, depthwise);
  y = Step(b.Emit("Clip", {y, b.Scalar(0), b.Scalar(1.5)}), 0.006F, -128, DType::kI8);
  y = b.Emit("Conv", {y, Weights({40, 1, 1, 20}, 0), Bias(40)});
  y = Step(y, 0.02F, 3, DType::kI8);
  y = b.Emit("Conv", {y, UnsignedWeights({33, 3, 3, 40}, 119)}, same);
  Value* quantized = Quantize(y, 0.05F, 117, DType::kU8);
  graph.AddOutput(quantized);
  y = b.Emit("DequantizeLinear", {quantized, b.Scalar(0.05), b.Scalar(117, DType::kU8)});
  y = b.Emit("Reshape", {y, b.Ints({1, -1})});
  y = b.Emit("MatMul", {y, Weights({10, 8 * 7 * 33}, 0), Bias(10)}, {{"transpose_b", int64_t{1}}});
  graph.AddOutput(y);
  ExpectSameBytesEverywhere();
}

TEST_F(QuantizedProductsTest, Products) {
  Value* x = graph.AddInput("x", Type::Of(DType::kF32, Shape{2, 9, 48}.dims()));
  Value* y = Step(x, 0.008F, -1, DType::kI8);
  y = b.Emit("Add", {b.Emit("MatMul", {y, Weights({48, 70}, 1)}), Bias(70)});
  y = Step(y, 0.02F, 100, DType::kU8);
  y = b.Emit("MatMul", {y, UnsignedWeights({70, 17}, 128)});
  graph.AddOutput(Quantize(y, 0.03F, 130, DType::kU8));
  graph.AddOutput(b.Emit("MatMul", {Step(x, 0.01F, 7, DType::kU8), Weights({48, 5}, 1)}));
  ExpectSameBytesEverywhere();
}

}  // namespace
}  // namespace whet
