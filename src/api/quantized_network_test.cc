// A whole network of 8-bit integers, as quantizing tools write it: what flows between the steps of its Plan
// is integers only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "api/executor.h"
#include "ir/builder.h"
#include "ops/elements_common.h"

namespace whet {
namespace {

// Writes a network with QuantizeLinear and DequantizeLinear around every operator. Scales are chosen by what
// the values are for one random image, as calibration does.
class NetworkWriter {
 public:
  explicit NetworkWriter(DType type) : b(graph), type_(type) {
    Value* x = graph.AddInput("image", Type::Of(type, Shape{1, 24, 32, 3}.dims()));
    image_ = Constant::Allocate(type, Shape{1, 24, 32, 3});
    for (int64_t i = 0; i < image_->shape().elements(); ++i)
      static_cast<uint8_t*>(image_->mutable_data())[i] = static_cast<uint8_t>(Next());
    input = b.Emit("DequantizeLinear", {x, b.Scalar(1.0 / 64), b.Scalar(type == DType::kI8 ? 0 : 128, type)});
  }

  // By the range of `real`, through 8 bits; named, so that a profile can be read.
  Value* Step(Value* real) {
    const auto [low, high] = RangeOf(real);
    const double scale = std::max(high - low, 1e-3) / 255;
    const int64_t least = type_ == DType::kI8 ? -128 : 0;
    const auto zero = static_cast<double>(least + std::lround(-low / scale));
    Value* q = b.Emit("QuantizeLinear", {real, b.Scalar(scale), b.Scalar(zero, type_)});
    last_integers = q;
    return b.Emit("DequantizeLinear", {q, b.Scalar(scale), b.Scalar(zero, type_)});
  }

  // Weights of 8 bits with a scale for each output channel, a bias of 32 bits.
  Value* Conv(Value* x, int64_t channels, int64_t kernel, int64_t stride, bool depthwise,
              const char* activation) {
    const int64_t depth = depthwise ? 1 : x->type.dims.back().lo;
    const Shape shape{channels, kernel, kernel, depth};
    auto weights = Constant::Allocate(DType::kI8, shape);
    for (int64_t i = 0; i < shape.elements(); ++i)
      static_cast<int8_t*>(weights->mutable_data())[i] = static_cast<int8_t>(Next() % 255 - 127);
    std::vector<float> scales, bias_scales;
    std::vector<int32_t> bias;
    const double x_scale = static_cast<double>(*x->producer()->input(1)->constant()->view().as<float>());
    for (int64_t c = 0; c < channels; ++c) {
      scales.push_back(static_cast<float>((0.5 + Next() / 256.0) /
                                          (64 * std::sqrt(static_cast<double>(kernel * kernel * depth)))));
      bias_scales.push_back(static_cast<float>(x_scale) * scales.back());
      bias.push_back(static_cast<int32_t>((Next() - 128) / 1024.0 / static_cast<double>(bias_scales.back())));
    }
    const auto vector = [&](const std::vector<float>& values) {
      return b.Const(Constant::Vector<float>(DType::kF32, values), "scales");
    };
    const Attributes by_channel = {{"axis", int64_t{0}}};
    Value* w =
        b.Emit("DequantizeLinear", {b.Const(std::move(weights), "weights"), vector(scales)}, by_channel);
    Value* a = b.Emit("DequantizeLinear",
                      {b.Const(Constant::Vector<int32_t>(DType::kI32, bias), "bias"), vector(bias_scales)},
                      by_channel);
    const int64_t pad = kernel / 2;
    Value* y = b.Emit("Conv", {x, w, a},
                      {{"pads", std::vector<int64_t>{pad, pad, pad, pad}},
                       {"strides", std::vector<int64_t>{stride, stride}},
                       {"group", depthwise ? channels : int64_t{1}}});
    return Step(*activation != 0 ? b.Emit(activation, {y}) : y);
  }

  const TensorPtr image() const { return image_; }
  // Of the random bytes, 0 … 255.
  int Next() {
    seed_ = seed_ * 1664525u + 1013904223u;
    return static_cast<int>(seed_ >> 24);
  }

  Graph graph;
  GraphBuilder b;
  Value* input = nullptr;
  Value* last_integers = nullptr;

 private:
  std::pair<double, double> RangeOf(const Value* value) {
    EXPECT_TRUE(b.ok());
    auto copy = graph.Clone();
    copy->AddOutput(copy->FindValue(value->name()));
    const TensorPtr image = image_;
    auto outputs = GraphEvaluator().Run(*copy, std::span(&image, 1));
    EXPECT_TRUE(outputs.ok()) << outputs.status().ToString();
    double low = 0, high = 0;
    for (int64_t i = 0; outputs.ok() && i < (*outputs)[0]->shape().elements(); ++i) {
      low = std::min(low, ops::LoadFloat((*outputs)[0]->view(), i));
      high = std::max(high, ops::LoadFloat((*outputs)[0]->view(), i));
    }
    return {low, high};
  }

  DType type_;
  std::shared_ptr<Constant> image_;
  unsigned seed_ = 1;
};

// Convolutions, depthwise and not, a residual, squeeze and excite, two resolutions that are joined, and a
// head.
void WriteNetwork(NetworkWriter& net) {
  GraphBuilder& b = net.b;
  b.SetNodeName("stem");
  Value* stem = net.Conv(net.input, 16, 3, 2, false, "Relu");
  b.SetNodeName("depthwise");
  Value* x = net.Conv(stem, 16, 3, 1, true, "");
  b.SetNodeName("hard_swish");
  x = net.Step(b.Emit("HardSwish", {x}));
  b.SetNodeName("project");
  x = net.Conv(x, 16, 1, 1, false, "");
  b.SetNodeName("residual");
  Value* body = net.Step(b.Emit("Relu", {b.Emit("Add", {x, stem})}));

  b.SetNodeName("squeeze");
  Value* mean = net.Step(b.Emit("GlobalAveragePool", {body}));
  b.SetNodeName("excite");
  Value* gate = net.Conv(mean, 16, 1, 1, false, "");
  gate = net.Step(b.Emit("Sigmoid", {gate}));
  Value* gated = net.Step(b.Emit("Mul", {body, gate}));

  b.SetNodeName("down");
  Value* small =
      b.Emit("MaxPool", {gated},
             {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}});
  small = net.Conv(net.Step(small), 24, 3, 1, false, "Relu");
  b.SetNodeName("up");
  const Shape size = gated->type.ToShape();
  Value* up = net.Step(b.Emit("Resize", {small, nullptr, nullptr, b.Ints({1, size[1], size[2], 24})},
                              {{"mode", std::string("linear")}}));
  b.SetNodeName("join");
  Value* joined = net.Step(b.Emit("Concat", {up, gated}, {{"axis", int64_t{3}}}));
  b.SetNodeName("mix");
  x = net.Conv(joined, 32, 1, 1, false, "Relu");
  b.SetNodeName("pool");
  x = net.Step(b.Emit("AveragePool", {x},
                      {{"kernel_shape", std::vector<int64_t>{3, 3}},
                       {"strides", std::vector<int64_t>{2, 2}},
                       {"pads", std::vector<int64_t>{1, 1, 1, 1}}}));
  b.SetNodeName("head");
  x = net.Conv(x, 10, 1, 1, false, "");
  x = net.Step(b.Emit("ReduceMean", {x, b.Ints({1, 2})}, {{"keepdims", int64_t{0}}}));
  b.SetNodeName("softmax");
  net.Step(b.Emit("Softmax", {x}, {{"axis", int64_t{-1}}}));
  net.graph.AddOutput(net.last_integers);
}

class QuantizedNetwork : public testing::TestWithParam<DType> {};

TEST_P(QuantizedNetwork, ComputesWithIntegersOnly) {
  NetworkWriter net(GetParam());
  WriteNetwork(net);
  ASSERT_TRUE(net.b.ok()) << net.b.TakeStatus().ToString();
  const TensorPtr image = net.image();
  auto expected = GraphEvaluator().Run(net.graph, std::span(&image, 1));
  ASSERT_TRUE(expected.ok()) << expected.status().ToString();

  std::vector<TensorPtr> first;
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni, Isa::kDotprod}) {
    if (!IsaSupported(isa)) continue;
    ExecutorOptions options;
    options.isa = isa;
    options.threads.threads = 1;
    options.allow_evaluator = false;
    Executor executor([&]() -> Result<std::unique_ptr<Graph>> { return net.graph.Clone(); }, options);
    auto actual = executor.Run({{"image", image}});
    ASSERT_TRUE(actual.ok()) << actual.status().ToString();
    for (int64_t i = 0; i < (*actual)[0]->shape().elements(); ++i) {
      const int64_t a = ops::LoadInt((*actual)[0]->view(), i), e = ops::LoadInt((*expected)[0]->view(), i);
      EXPECT_LE(std::abs(a - e), 2) << IsaName(isa) << " element " << i;
      EXPECT_EQ(a, first.empty() ? a : ops::LoadInt(first[0]->view(), i)) << IsaName(isa);
    }
    if (first.empty()) first = *actual;
    auto session = executor.Prepare({});
    ASSERT_TRUE(session.ok());
    const Plan& plan = (*session)->plan();
    for (const PlanStep& step : plan.steps) {
      EXPECT_EQ(step.kind, PlanStep::Kind::kKernel) << step.op << " '" << step.node << "'";
      for (size_t i = 0; i < step.operands.size(); ++i) {
        if (step.operands[i] == PlanStep::kAbsent) continue;
        const PlanTensor& tensor = plan.tensors[step.operands[i]];
        // Scales of weights are floats; what flows is not.
        EXPECT_FALSE(tensor.place != Place::kWeights && IsFloat(tensor.dtype))
            << step.op << " '" << step.node << "' touches floats: '" << tensor.name << "'";
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, QuantizedNetwork, testing::Values(DType::kU8, DType::kI8),
                         [](const auto& type) { return std::string(DTypeName(type.param)); });

}  // namespace
}  // namespace whet
