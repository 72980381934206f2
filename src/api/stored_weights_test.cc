// Products and convolutions by weights that stay as they are stored: the answers of the references, and a
// Plan that is as small as the weights.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "api/executor.h"
#include "compile/compiler.h"
#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ops/elements_common.h"
#include "ops/onnx_dtype_common.h"
#include "ops/quantize_common.h"
#include "runtime/session.h"

namespace whet {
namespace {

class Case {
 public:
  Case() : b(graph) { b.SetNodeName("n"); }

  uint32_t Next() { return state = state * 1664525 + 1013904223; }
  TensorPtr Floats(const Shape& shape, float low, float high) {
    auto constant = Constant::Allocate(DType::kF32, shape);
    auto* values = static_cast<float*>(constant->mutable_data());
    for (int64_t i = 0; i < shape.elements(); ++i)
      values[i] = low + (high - low) * static_cast<float>(Next() >> 8) / 16777216.0F;
    return constant;
  }
  TensorPtr Integers(DType dtype, const Shape& shape) {
    auto constant = Constant::Allocate(dtype, shape);
    const auto [low, high] = ops::RangeOf(dtype);
    const TensorView view{dtype, shape, constant->mutable_data()};
    for (int64_t i = 0; i < shape.elements(); ++i) {
      const auto span = static_cast<uint32_t>(high - low + 1);
      ops::StoreInt(view, i, static_cast<int64_t>(low) + static_cast<int64_t>((Next() >> 8) % span));
    }
    return constant;
  }
  // Weights with k along dimension `axis` and output channels along `column`.
  Value* Dequantized(DType dtype, const Shape& shape, int axis, int column, int64_t block, bool zero) {
    Shape of_scale = shape;
    if (block > 0) {
      of_scale[axis] = (shape[axis] + block - 1) / block;
    } else {
      of_scale = Shape{shape[column]};
    }
    std::vector<Value*> inputs = {b.Const(Integers(dtype, shape)), b.Const(Floats(of_scale, 0.005F, 0.02F))};
    if (zero) inputs.push_back(b.Const(Integers(dtype, of_scale)));
    Attributes attributes = {{"axis", int64_t{block > 0 ? axis : column}}};
    if (block > 0) attributes.Set("block_size", block);
    return b.Emit("DequantizeLinear", inputs, std::move(attributes));
  }

  // The Plan for each instruction set gives what the references give and has `most` bytes of weights at most.
  void Expect(uint64_t most) {
    ASSERT_TRUE(b.ok()) << b.TakeStatus().ToString();
    std::vector<TensorPtr> ordered;
    std::map<std::string, TensorPtr> inputs;
    for (const Value* input : graph.inputs()) {
      ordered.push_back(Floats(input->type.ToShape(), -1, 1));
      inputs[input->name()] = ordered.back();
    }
    auto expected = GraphEvaluator().Run(graph, ordered);
    ASSERT_TRUE(expected.ok()) << expected.status().ToString();
    for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
      if (!IsaSupported(isa)) continue;
      CompileOptions options;
      options.isa = isa;
      auto plan = Compile(graph, options);
      ASSERT_TRUE(plan.ok()) << plan.status().ToString();
      EXPECT_LE((*plan)->weights.size(), most);
      ASSERT_EQ((*plan)->steps.size(), 1U);
      auto session = Session::Create(*plan, {});
      ASSERT_TRUE(session.ok()) << session.status().ToString();
      for (size_t i = 0; i < ordered.size(); ++i)
        std::memcpy((*session)->input(i), ordered[i]->view().data, ordered[i]->view().bytes());
      ASSERT_TRUE((*session)->Run().ok());
      const auto* got = static_cast<const float*>((*session)->output(0));
      const TensorView& want = (*expected)[0]->view();
      for (int64_t i = 0; i < want.elements(); ++i)
        ASSERT_NEAR(got[i], want.as<float>()[i], 1e-4) << IsaName(isa) << " element " << i;
    }
  }

  Graph graph;
  GraphBuilder b;
  uint32_t state = 1;
};

constexpr int64_t kK = 192, kN = 80;

TEST(StoredWeights, GroupsOfIntegers) {
  for (DType dtype : {DType::kI4, DType::kU4, DType::kI8, DType::kU8}) {
    for (bool transposed : {false, true}) {
      for (int64_t block : {0, 32, 64}) {
        for (bool zero : {false, true}) {
          SCOPED_TRACE(std::string(DTypeName(dtype)) + " block " + std::to_string(block));
          Case c;
          Value* x = c.graph.AddInput("x", Type::Of(DType::kF32, Shape{1, 3, kK}.dims()));
          Value* w = c.Dequantized(dtype, transposed ? Shape{kN, kK} : Shape{kK, kN}, transposed ? 1 : 0,
                                   transposed ? 0 : 1, block, zero);
          Value* y = c.b.Emit("MatMul", {x, w, c.b.Const(c.Floats(Shape{kN}, -1, 1))},
                              {{"transpose_b", int64_t{transposed}}});
          c.graph.AddOutput(c.b.Emit("Relu", {y}));
          const uint64_t bits = dtype == DType::kI4 || dtype == DType::kU4 ? 4 : 8;
          const uint64_t groups = block > 0 ? kK / block : 1;
          // Scales and zeros of whole panels, the bias, and alignment.
          c.Expect(kK * 96 * bits / 8 + groups * 96 * 5 + kN * 4 + 256);
        }
      }
    }
  }
}

TEST(StoredWeights, HalvesThatAreExact) {
  for (DType dtype : {DType::kF16, DType::kBF16}) {
    Case c;
    Value* x = c.graph.AddInput("x", Type::Of(DType::kF32, Shape{2, kK}.dims()));
    auto halves = Constant::Allocate(dtype, Shape{kK, kN});
    for (int64_t i = 0; i < kK * kN; ++i) {
      const float value = static_cast<float>(c.Next() >> 8) / 16777216.0F - 0.5F;
      static_cast<uint16_t*>(halves->mutable_data())[i] =
          dtype == DType::kF16 ? F32ToF16(value) : F32ToBF16(value);
    }
    Value* w = c.b.Emit("Cast", {c.b.Const(halves)}, {{"to", ops::OnnxFromDType(DType::kF32)}});
    c.graph.AddOutput(c.b.Emit("MatMul", {x, w}));
    c.Expect(kK * 96 * 2 + 128);
  }
}

TEST(StoredWeights, ManyRows) {
  for (int64_t rows : {50, 130}) {
    Case c;
    Value* x = c.graph.AddInput("x", Type::Of(DType::kF32, Shape{rows, kK}.dims()));
    Value* w = c.Dequantized(DType::kI4, Shape{kK, kN}, 0, 1, 32, false);
    c.graph.AddOutput(c.b.Emit("MatMul", {x, w}));
    c.Expect(kK * 96 / 2 + kK / 32 * 96 * 4 + 128);
  }
}

// Neither few enough to read the weights once nor many enough to share the floats that they become.
TEST(StoredWeights, SomeRowsTakeFloats) {
  Case c;
  Value* x = c.graph.AddInput("x", Type::Of(DType::kF32, Shape{20, kK}.dims()));
  Value* w = c.Dequantized(DType::kI4, Shape{kK, kN}, 0, 1, 32, false);
  c.graph.AddOutput(c.b.Emit("MatMul", {x, w}));
  c.Expect(kK * 96 * 4 + 128);
}

struct Convolution {
  int64_t size, channels, kernel, stride = 1;
};
std::string ToString(const Convolution& c) {
  return std::to_string(c.size) + " pixels, " + std::to_string(c.channels) + " channels, kernel " +
         std::to_string(c.kernel) + ", stride " + std::to_string(c.stride);
}

Value* EmitConv(Case& c, const Convolution& of, Value* w, int64_t group = 1) {
  Value* x = c.graph.AddInput("x", Type::Of(DType::kF32, Shape{1, of.size, of.size, of.channels}.dims()));
  const int64_t pad = of.kernel / 2;
  Attributes attributes = {{"group", group}};
  attributes.Set("pads", std::vector<int64_t>(4, pad));
  attributes.Set("strides", std::vector<int64_t>(2, of.stride));
  return c.b.Emit("Conv", {x, w, c.b.Const(c.Floats(Shape{kN}, -1, 1))}, std::move(attributes));
}

TEST(StoredWeights, Convolutions) {
  // Blocks of 32 of 48 channels end in the middle of a tap; two pixels a side are few rows of a product.
  for (const Convolution& of : {Convolution{8, 64, 1}, Convolution{2, 64, 1}, Convolution{17, 56, 1, 2},
                                Convolution{8, 48, 3}, Convolution{16, 32, 3, 2}}) {
    for (DType dtype : {DType::kI4, DType::kU4, DType::kI8, DType::kU8}) {
      for (int64_t block : {0, 32}) {
        for (bool zero : {false, true}) {
          SCOPED_TRACE(std::string(DTypeName(dtype)) + " block " + std::to_string(block) + ": " +
                       ToString(of));
          Case c;
          Value* w = c.Dequantized(dtype, Shape{kN, of.kernel, of.kernel, of.channels}, 3, 0, block, zero);
          c.graph.AddOutput(c.b.Emit("Relu", {EmitConv(c, of, w)}));
          const auto k = static_cast<uint64_t>(of.kernel * of.kernel * of.channels);
          const uint64_t bits = dtype == DType::kI4 || dtype == DType::kU4 ? 4 : 8;
          const uint64_t groups = block > 0 ? k / 16 : 1;
          c.Expect(k * 96 * bits / 8 + groups * 96 * 5 + kN * 4 + 256);
        }
      }
    }
  }
}

TEST(StoredWeights, ConvolutionsOfHalves) {
  for (const Convolution& of : {Convolution{8, 64, 1}, Convolution{2, 64, 1}, Convolution{8, 40, 3}}) {
    Case c;
    const Shape shape{kN, of.kernel, of.kernel, of.channels};
    auto halves = Constant::Allocate(DType::kF16, shape);
    for (int64_t i = 0; i < shape.elements(); ++i)
      static_cast<uint16_t*>(halves->mutable_data())[i] =
          F32ToF16(static_cast<float>(c.Next() >> 8) / 16777216.0F - 0.5F);
    Value* w = c.b.Emit("Cast", {c.b.Const(halves)}, {{"to", ops::OnnxFromDType(DType::kF32)}});
    c.graph.AddOutput(EmitConv(c, of, w));
    c.Expect(static_cast<uint64_t>(shape.elements()) / kN * 96 * 2 + kN * 4 + 256);
  }
}

// A scale goes into weights that are floats, and a step less is better than a smaller Plan.
TEST(StoredWeights, ScaledConvolutionsTakeFloats) {
  Case c;
  Value* w = c.Dequantized(DType::kI8, Shape{kN, 1, 1, 64}, 3, 0, 0, false);
  Value* y = EmitConv(c, {8, 64, 1}, w);
  c.graph.AddOutput(c.b.Emit("Mul", {y, c.b.Const(c.Floats(Shape{kN}, 0.5F, 2))}));
  c.Expect(64 * 96 * 4 + kN * 4 + 256);
}

TEST(StoredWeights, GroupedConvolutionsTakeFloats) {
  Case c;
  Value* w = c.Dequantized(DType::kI8, Shape{kN, 3, 3, 32}, 3, 0, 0, false);
  c.graph.AddOutput(EmitConv(c, {8, 64, 3}, w, 2));
  c.Expect(2 * 9 * 32 * 48 * 4 + kN * 4 + 256);
}

}  // namespace
}  // namespace whet
