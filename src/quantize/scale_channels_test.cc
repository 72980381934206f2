// SmoothQuant and AWQ: what may be scaled, that it changes nothing in float, and what it gains.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ir/builder.h"
#include "ir/verify.h"
#include "quantize/awq.h"
#include "quantize/compare.h"
#include "quantize/quantizer.h"
#include "quantize/scale_sites.h"
#include "quantize/smooth.h"
#include "quantize/testing.h"

namespace whet::quantize {
namespace {

using testing::MadeSamples;
using testing::RandomTensor;
using testing::ReferenceRunner;

class ScaleChannelsTest : public ::testing::Test {
 protected:
  ScaleChannelsTest() : b(graph) {
    samples = std::make_unique<MadeSamples>(
        "x", 8, [](size_t i) { return RandomTensor(Shape{1, 6, 32}, static_cast<unsigned>(i) + 50, -1, 1); });
    x = graph.AddInput("x", Type::Of(DType::kF32, Shape{1, 6, 32}.dims()));
  }
  Value* Weights(const Shape& shape, float low = -1, float high = 1) {
    return b.Const(RandomTensor(shape, ++seed_, low, high), "w");
  }
  // Of 32 channels, two far larger than the others.
  Value* Outliers(float low, float factor = 60) {
    auto constant = Constant::Allocate(DType::kF32, Shape{32});
    const TensorPtr random = RandomTensor(Shape{32}, ++seed_, low, 1);
    for (size_t i = 0; i < 32; ++i) {
      static_cast<float*>(constant->mutable_data())[i] =
          random->view().as<float>()[i] * (i == 5 || i == 20 ? factor : 1.0F);
    }
    return b.Const(std::move(constant), "outliers");
  }
  Value* Product(Value* input, const Shape& weights, const char* name) {
    b.SetNodeName(name);
    Value* y = b.Emit("MatMul", {input, Weights(weights), Weights(Shape{weights[1]})});
    b.SetNodeName(std::string(name) + ".after");
    return y;
  }
  double Sqnr(const Graph& other) {
    auto errors = CompareOutputs(graph, other, runner, *samples, 8);
    EXPECT_TRUE(errors.ok()) << errors.status().ToString();
    double least = INFINITY;
    for (const OutputError& error : *errors) least = std::min(least, error.error.Sqnr());
    return least;
  }
  double SqnrWith(Scheme scheme, std::set<std::string> with, std::set<std::string> without) {
    QuantizerOptions options;
    options.scheme.scheme = scheme;
    options.with = std::move(with);
    options.without = std::move(without);
    auto quantizer = Quantizer::Create(graph, std::move(options), runner, samples.get());
    EXPECT_TRUE(quantizer.ok()) << quantizer.status().ToString();
    auto built = quantizer->Build();
    EXPECT_TRUE(built.ok()) << built.status().ToString();
    return Sqnr(*built->graph);
  }

  Graph graph;
  GraphBuilder b;
  Value* x = nullptr;
  ReferenceRunner runner;
  std::unique_ptr<MadeSamples> samples;

 private:
  unsigned seed_ = 0;
};

TEST_F(ScaleChannelsTest, FindsWhatOnlyLayersRead) {
  b.SetNodeName("norm");
  Value* normal = b.Emit("LayerNormalization", {x, Outliers(0.5F), Outliers(-1)});
  Value* query = Product(normal, Shape{32, 16}, "query");
  Value* key = Product(normal, Shape{32, 16}, "key");
  graph.AddOutput(b.Emit("Mul", {query, key}));
  // Read by something that is no layer, too.
  b.SetNodeName("second_norm");
  Value* shared = b.Emit("LayerNormalization", {x, Outliers(0.5F), Outliers(-1)});
  graph.AddOutput(b.Emit("Add", {Product(shared, Shape{32, 32}, "shared"), shared}));
  // Behind a function that scales do not pass.
  Value* up = Product(x, Shape{32, 48}, "up");
  graph.AddOutput(Product(b.Emit("Tanh", {up}), Shape{48, 8}, "bent"));
  // Weights behind a gate, and behind a Relu.
  Value* gate = b.Emit("Sigmoid", {Product(x, Shape{32, 48}, "gate")});
  Value* gated = b.Emit("Mul", {gate, Product(x, Shape{32, 48}, "value")});
  graph.AddOutput(Product(gated, Shape{48, 8}, "down"));
  graph.AddOutput(Product(b.Emit("Relu", {Product(x, Shape{32, 24}, "first")}), Shape{24, 8}, "second"));
  ASSERT_TRUE(b.ok()) << b.TakeStatus().ToString();
  const std::unique_ptr<Graph> scaled = graph.Clone();
  const std::vector<ScaleSite> sites = FindScaleSites(*scaled);
  std::vector<std::string> readers;
  for (const ScaleSite& site : sites) {
    std::string names = site.normalized ? "norm:" : "";
    for (const Node* node : site.readers) names += " " + node->name();
    readers.push_back(names);
    std::vector<float> scales;
    for (int64_t c = 0; c < site.channels; ++c) scales.push_back(std::exp2(static_cast<float>(c % 7 - 3)));
    ScaleChannels(*scaled, site, scales);
  }
  EXPECT_THAT(readers, ::testing::UnorderedElementsAre("norm: query key", " down", " second"));
  ASSERT_TRUE(VerifyGraph(*scaled).ok());
  EXPECT_GT(Sqnr(*scaled), 110);
}

TEST_F(ScaleChannelsTest, ConvolutionsReadChannelsToo) {
  Value* image = graph.AddInput("image", Type::Of(DType::kF32, Shape{1, 5, 5, 4}.dims()));
  b.SetNodeName("make");
  Value* made = b.Emit("Conv", {image, Weights(Shape{20, 1, 1, 4}), Weights(Shape{20})});
  b.SetNodeName("read");
  Value* read = b.Emit("Conv", {made, Weights(Shape{6, 3, 3, 20})});
  b.SetNodeName("deconvolve");
  Value* up = b.Emit("ConvTranspose", {made, Weights(Shape{3, 2, 2, 20})});
  graph.AddOutput(read);
  graph.AddOutput(up);
  ASSERT_TRUE(b.ok());
  const std::unique_ptr<Graph> scaled = graph.Clone();
  const std::vector<ScaleSite> sites = FindScaleSites(*scaled);
  ASSERT_EQ(sites.size(), 1U);
  std::vector<float> scales;
  for (int c = 0; c < 20; ++c) scales.push_back(1.0F + static_cast<float>(c));
  ScaleChannels(*scaled, sites[0], scales);
  MadeSamples images("image", 4,
                     [](size_t i) { return RandomTensor(Shape{1, 5, 5, 4}, static_cast<unsigned>(i)); });
  samples = std::make_unique<MadeSamples>(std::move(images));
  // "x" is read by nobody.
  const auto run = [&](const Graph& of) {
    auto y = GraphEvaluator().Run(
        of, std::vector<TensorPtr>{RandomTensor(Shape{1, 6, 32}, 1), RandomTensor(Shape{1, 5, 5, 4}, 2)});
    EXPECT_TRUE(y.ok());
    return *y;
  };
  const auto before = run(graph), after = run(*scaled);
  for (size_t k = 0; k < 2; ++k) {
    for (int64_t i = 0; i < before[k]->shape().elements(); ++i) {
      EXPECT_NEAR(before[k]->view().as<float>()[i], after[k]->view().as<float>()[i], 1e-4);
    }
  }
}

TEST_F(ScaleChannelsTest, SmoothingHelpsBehindANormalizationWithOutliers) {
  b.SetNodeName("norm");
  Value* normal = b.Emit("LayerNormalization", {x, Outliers(0.5F), Outliers(-1)});
  graph.AddOutput(Product(normal, Shape{32, 40}, "product"));
  ASSERT_TRUE(b.ok());
  const std::unique_ptr<Graph> smooth = graph.Clone();
  auto smoothed = SmoothActivations(*smooth, runner, *samples, {});
  ASSERT_TRUE(smoothed.ok()) << smoothed.status().ToString();
  EXPECT_EQ(*smoothed, 1);
  EXPECT_GT(Sqnr(*smooth), 100);
  const double with = SqnrWith(Scheme::kInt8, {}, {});
  const double without = SqnrWith(Scheme::kInt8, {}, {"smooth_quant"});
  EXPECT_GT(with, without + 3);
}

TEST_F(ScaleChannelsTest, SmoothingOfChannelsThatAreZeroOrUnread) {
  auto scale = Constant::Allocate(DType::kF32, Shape{32});
  for (size_t i = 0; i < 32; ++i) static_cast<float*>(scale->mutable_data())[i] = i < 3 ? 0.0F : 1.0F;
  b.SetNodeName("norm");
  Value* normal = b.Emit("RMSNormalization", {x, b.Const(std::move(scale), "scale")});
  auto weights = Constant::Allocate(DType::kF32, Shape{32, 8});
  for (size_t i = 0; i < 256; ++i) {
    static_cast<float*>(weights->mutable_data())[i] = i / 8 == 9 ? 0.0F : std::sin(static_cast<float>(i));
  }
  b.SetNodeName("product");
  graph.AddOutput(b.Emit("MatMul", {normal, b.Const(std::move(weights), "weights")}));
  ASSERT_TRUE(b.ok());
  const std::unique_ptr<Graph> smooth = graph.Clone();
  auto smoothed = SmoothActivations(*smooth, runner, *samples, {});
  ASSERT_TRUE(smoothed.ok());
  EXPECT_EQ(*smoothed, 1);
  EXPECT_GT(Sqnr(*smooth), 100);
}

TEST_F(ScaleChannelsTest, AwqHelpsWhereFewChannelsCarryMost) {
  b.SetNodeName("norm");
  Value* normal = b.Emit("LayerNormalization", {x, Outliers(0.5F, 8), Outliers(-1, 8)});
  Value* hidden = b.Emit("Relu", {Product(normal, Shape{32, 64}, "up")});
  graph.AddOutput(Product(hidden, Shape{64, 40}, "down"));
  ASSERT_TRUE(b.ok());
  const std::unique_ptr<Graph> scaled = graph.Clone();
  auto result = ScaleByActivations(*scaled, runner, *samples, {});
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(result->tried, 2);
  EXPECT_GE(result->scaled, 1);
  EXPECT_GT(Sqnr(*scaled), 100);
  const double plain = SqnrWith(Scheme::kWeight4, {}, {"gptq"});
  const double with = SqnrWith(Scheme::kWeight4, {"awq"}, {"gptq"});
  EXPECT_GT(with, plain + 0.5);
}

TEST_F(ScaleChannelsTest, AwqWithoutSamplesOrSitesDoesNothing) {
  b.SetNodeName("product");
  graph.AddOutput(b.Emit("MatMul", {x, Weights(Shape{32, 8})}));
  ASSERT_TRUE(b.ok());
  const std::string before = ToText(graph);
  auto result = ScaleByActivations(graph, runner, *samples, {});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->tried, 0);
  EXPECT_EQ(ToText(graph), before);
}

}  // namespace
}  // namespace whet::quantize
