// Whole models: what is inserted where, what it costs, and what bad data does.
#include "quantize/quantizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>

#include "ir/builder.h"
#include "ir/verify.h"
#include "quantize/compare.h"
#include "quantize/equalize.h"
#include "quantize/prepare.h"
#include "quantize/testing.h"

namespace whet::quantize {
namespace {

using ::testing::ElementsAre;
using testing::Find;
using ::testing::HasSubstr;
using testing::MadeSamples;
using testing::Ops;
using testing::RandomTensor;
using testing::ReferenceRunner;

class QuantizerTest : public ::testing::Test {
 protected:
  QuantizerTest() : b(graph) { b.SetNodeName("n"); }

  Value* Input(std::initializer_list<int64_t> dims) {
    const Shape shape(dims);
    samples = std::make_unique<MadeSamples>(
        "x", 8, [shape](size_t i) { return RandomTensor(shape, static_cast<unsigned>(i) + 100, -2, 3); });
    return graph.AddInput("x", Type::Of(DType::kF32, shape.dims()));
  }
  Value* Weights(std::initializer_list<int64_t> dims, float low = -1, float high = 1) {
    return b.Const(RandomTensor(Shape(dims), ++seed_, low, high), "w");
  }
  Value* Conv(Value* x, std::initializer_list<int64_t> weights, const char* name, int64_t group = 1) {
    b.SetNodeName(name);
    Attributes attributes = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}};
    if (group != 1) attributes.Set("group", group);
    Value* bias = Weights({*weights.begin()});
    Value* y = b.Emit("Conv", {x, Weights(weights), bias}, attributes);
    b.SetNodeName(std::string(name) + ".after");
    return y;
  }

  Result<QuantizedGraph> Build(QuantizerOptions options = {}) {
    EXPECT_TRUE(b.ok()) << b.TakeStatus().ToString();
    WHET_ASSIGN_OR_RETURN(quantizer, Make(std::move(options)));
    return quantizer->Build();
  }
  Result<std::unique_ptr<Quantizer>> Make(QuantizerOptions options) {
    WHET_ASSIGN_OR_RETURN(Quantizer made,
                          Quantizer::Create(graph, std::move(options), runner, samples.get()));
    return std::make_unique<Quantizer>(std::move(made));
  }

  double OutputSqnr(const QuantizedGraph& quantized) {
    auto errors = CompareOutputs(graph, *quantized.graph, runner, *samples, 8);
    EXPECT_TRUE(errors.ok()) << errors.status().ToString();
    return errors.ok() ? (*errors)[0].error.Sqnr() : -1000;
  }

  static QuantizerOptions WithScheme(Scheme scheme) {
    QuantizerOptions options;
    options.scheme.scheme = scheme;
    return options;
  }

  // Conv, depthwise Conv, Conv with a residual, pooling and a classifier.
  void SmallNet() {
    Value* x = Conv(Input({1, 8, 8, 3}), {16, 3, 3, 3}, "first");
    x = b.Emit("Relu", {x});
    Value* y = Conv(x, {16, 3, 3, 1}, "depthwise", 16);
    y = b.Emit("Relu", {y});
    y = Conv(y, {16, 3, 3, 16}, "last");
    y = b.Emit("Add", {x, y});
    y = b.Emit("GlobalAveragePool", {y});
    y = b.Emit("Reshape", {y, b.Ints({1, 16})});
    b.SetNodeName("classes");
    y = b.Emit("MatMul", {y, Weights({16, 10})});
    b.SetNodeName("softmax");
    graph.AddOutput(y);
  }

  Graph graph;
  GraphBuilder b;
  ReferenceRunner runner;
  std::unique_ptr<MadeSamples> samples;
  std::unique_ptr<Quantizer> quantizer;

 private:
  unsigned seed_ = 0;
};

TEST_F(QuantizerTest, EverySchemeStaysWithinItsError) {
  SmallNet();
  const struct {
    Scheme scheme;
    double least;  // decibels
  } cases[] = {{Scheme::kInt8, 24},    {Scheme::kInt16, 35}, {Scheme::kDynamic, 24}, {Scheme::kWeight8, 38},
               {Scheme::kWeight4, 14}, {Scheme::kF16, 60},   {Scheme::kBf16, 42},    {Scheme::kFloat, 100}};
  for (const auto& test : cases) {
    auto quantized = Build(WithScheme(test.scheme));
    ASSERT_TRUE(quantized.ok()) << NameOf(test.scheme) << ": " << quantized.status().ToString();
    EXPECT_GT(OutputSqnr(*quantized), test.least) << NameOf(test.scheme);
    for (const QuantizedLayer& layer : quantized->layers) {
      if (!layer.weighted || test.scheme == Scheme::kFloat) continue;
      EXPECT_EQ(layer.scheme, test.scheme) << layer.node;
      EXPECT_LT(layer.bytes, layer.float_bytes) << layer.node;
    }
  }
}

class RecurrentQuantizerTest : public QuantizerTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(RecurrentQuantizerTest, TheWeightsAreIntegers) {
  const std::string_view op = GetParam();
  const int64_t gates = op == "LSTM" ? 4 : 3;
  b.SetNodeName("layer");
  const std::vector<Value*> inputs = {Input({6, 1, 20}), Weights({1, gates * 12, 20}),
                                      Weights({1, gates * 12, 12}), Weights({1, gates * 24})};
  graph.AddOutput(b.EmitNode(op, inputs, 1, {{"hidden_size", int64_t{12}}})[0]);
  for (Scheme scheme : {Scheme::kInt8, Scheme::kInt16, Scheme::kDynamic, Scheme::kWeight8, Scheme::kWeight4,
                        Scheme::kF16, Scheme::kFloat}) {
    SCOPED_TRACE(NameOf(scheme));
    auto quantized = Build(WithScheme(scheme));
    ASSERT_TRUE(quantized.ok()) << quantized.status().ToString();
    const bool whole = scheme == Scheme::kF16 || scheme == Scheme::kFloat;
    const QuantizedLayer& layer = quantized->layers[0];
    EXPECT_EQ(layer.scheme, whole ? Scheme::kFloat : Scheme::kWeight8);
    EXPECT_GT(OutputSqnr(*quantized), whole ? 100 : 35);
    const Node* node = Find(*quantized->graph, op);
    ASSERT_NE(node, nullptr);
    for (size_t i : {1u, 2u}) EXPECT_EQ(node->input(i)->IsConstant(), whole);
    EXPECT_LE(layer.bytes, whole ? layer.float_bytes : layer.float_bytes / 2);
  }
}
INSTANTIATE_TEST_SUITE_P(Layers, RecurrentQuantizerTest, ::testing::Values("LSTM", "GRU"));

TEST_F(QuantizerTest, BothConventionsAndBothActivationTypes) {
  SmallNet();
  for (Convention convention : {Convention::kOnnx, Convention::kTflite}) {
    for (DType activation : {DType::kU8, DType::kI8}) {
      QuantizerOptions options;
      options.scheme.convention = convention;
      options.scheme.activation = activation;
      auto quantized = Build(std::move(options));
      ASSERT_TRUE(quantized.ok()) << quantized.status().ToString();
      EXPECT_GT(OutputSqnr(*quantized), 24);
      const Node* quantize = Find(*quantized->graph, "QuantizeLinear");
      ASSERT_NE(quantize, nullptr);
      EXPECT_EQ(quantize->output()->type.dtype, convention == Convention::kTflite ? DType::kI8 : activation);
    }
  }
}

TEST_F(QuantizerTest, PairsStandAroundWhatComputesAndNotBeforeAClamp) {
  Value* x = Conv(Input({1, 4, 4, 2}), {3, 3, 3, 2}, "conv");
  graph.AddOutput(b.Emit("Relu", {x}));
  auto quantized = Build();
  ASSERT_TRUE(quantized.ok()) << quantized.status().ToString();
  EXPECT_THAT(Ops(*quantized->graph),
              ElementsAre("QuantizeLinear", "DequantizeLinear", "DequantizeLinear", "DequantizeLinear",
                          "Conv", "Relu", "QuantizeLinear", "DequantizeLinear"));
  const Node* conv = Find(*quantized->graph, "Conv");
  EXPECT_EQ(conv->input(1)->producer()->input(0)->type.dtype, DType::kI8);
  EXPECT_EQ(conv->input(2)->producer()->input(0)->type.dtype, DType::kI32);
  // The bias has the scales of input times weights.
  const float x_scale = *conv->input(0)->producer()->input(1)->constant()->view().as<float>();
  for (int c = 0; c < 3; ++c) {
    EXPECT_EQ(conv->input(2)->producer()->input(1)->constant()->view().as<float>()[c],
              x_scale * conv->input(1)->producer()->input(1)->constant()->view().as<float>()[c]);
  }
  // Names of the interface stay.
  EXPECT_EQ(quantized->graph->outputs()[0]->name(), graph.outputs()[0]->name());
  EXPECT_EQ(quantized->graph->inputs()[0]->name(), "x");
}

TEST_F(QuantizerTest, WhatOnlyMovesSharesItsScale) {
  Value* x = Conv(Input({1, 4, 4, 2}), {3, 3, 3, 2}, "conv");
  Value* pooled = b.Emit("MaxPool", {x}, {{"kernel_shape", std::vector<int64_t>{2, 2}}});
  graph.AddOutput(b.Emit("Transpose", {pooled}, {{"perm", std::vector<int64_t>{0, 3, 1, 2}}}));
  auto quantized = Build();
  ASSERT_TRUE(quantized.ok()) << quantized.status().ToString();
  const float conv = *Find(*quantized->graph, "QuantizeLinear", 1)->input(1)->constant()->view().as<float>();
  EXPECT_EQ(*Find(*quantized->graph, "QuantizeLinear", 2)->input(1)->constant()->view().as<float>(), conv);
  EXPECT_EQ(*Find(*quantized->graph, "QuantizeLinear", 3)->input(1)->constant()->view().as<float>(), conv);
}

TEST_F(QuantizerTest, TfliteHasFixedScalesAndOneScaleForAConcatenation) {
  Value* x = Input({1, 4, 4, 2});
  Value* a = Conv(x, {4, 3, 3, 2}, "a");
  Value* c = b.Emit("Sigmoid", {Conv(x, {4, 3, 3, 2}, "c")});
  Value* joined = b.Emit("Concat", {a, c}, {{"axis", int64_t{3}}});
  graph.AddOutput(
      b.Emit("Softmax", {b.Emit("Reshape", {joined, b.Ints({1, 128})})}, {{"axis", int64_t{-1}}}));
  QuantizerOptions options;
  options.scheme.convention = Convention::kTflite;
  auto quantized = Build(std::move(options));
  ASSERT_TRUE(quantized.ok()) << quantized.status().ToString();
  const auto parameters = [](const Value* value) {  // of a dequantized value
    const Node* node = value->producer();
    EXPECT_TRUE(node->Is("DequantizeLinear"));
    return std::pair(*node->input(1)->constant()->view().as<float>(),
                     int{*node->input(2)->constant()->view().as<int8_t>()});
  };
  const Node* concat = Find(*quantized->graph, "Concat");
  EXPECT_EQ(parameters(concat->input(0)), parameters(concat->input(1)));
  EXPECT_EQ(parameters(concat->input(0)),
            parameters(concat->output()->uses()[0].node->output()->uses()[0].node->output()));
  // The sigmoid's own scale is the fixed one, and it is quantized once more for the concatenation.
  const Value* requantized = concat->input(1)->producer()->input(0)->producer()->input(0);
  EXPECT_EQ(parameters(requantized), std::pair(1.0F / 256, -128));
  EXPECT_EQ(parameters(quantized->graph->outputs()[0]), std::pair(1.0F / 256, -128));
  EXPECT_GT(OutputSqnr(*quantized), 20);
}

TEST_F(QuantizerTest, LayersByNameAndMixedTypes) {
  SmallNet();
  QuantizerOptions options;
  options.scheme.layers = {{"first*", Scheme::kInt16}, {"classes", Scheme::kFloat}};
  auto quantized = Build(std::move(options));
  ASSERT_TRUE(quantized.ok()) << quantized.status().ToString();
  for (const QuantizedLayer& layer : quantized->layers) {
    if (layer.node == "first") {
      EXPECT_EQ(layer.scheme, Scheme::kInt16);
    }
    if (layer.node == "classes") {
      EXPECT_EQ(layer.scheme, Scheme::kFloat);
      EXPECT_EQ(layer.why_float, "asked for");
    }
    if (layer.node == "last") {
      EXPECT_EQ(layer.scheme, Scheme::kInt8);
    }
  }
  EXPECT_GT(OutputSqnr(*quantized), 24);
  QuantizerOptions wrong;
  wrong.scheme.layers = {{"nothing*", Scheme::kFloat}};
  auto failed = Build(std::move(wrong));
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.status().ToString(), HasSubstr("nothing*"));
}

TEST_F(QuantizerTest, FoldsBatchNormalizationFirst) {
  Value* x = Conv(Input({1, 4, 4, 2}), {3, 3, 3, 2}, "conv");
  Value* y =
      b.Emit("BatchNormalization", {x, Weights({3}), Weights({3}), Weights({3}), Weights({3}, 0.5F, 2)});
  graph.AddOutput(y);
  auto quantized = Build();
  ASSERT_TRUE(quantized.ok()) << quantized.status().ToString();
  EXPECT_EQ(Find(*quantized->graph, "BatchNormalization"), nullptr);
  EXPECT_EQ(quantized->layers.size(), 1u);
  EXPECT_EQ(quantized->layers[0].node, "conv");
  EXPECT_GT(OutputSqnr(*quantized), 30);
}

TEST_F(QuantizerTest, AQuantizedModelIsRefused) {
  Value* x = Input({1, 4});
  Value* q = b.Emit("QuantizeLinear", {x, b.Scalar(0.1), b.Scalar(0, DType::kI8)});
  graph.AddOutput(b.Emit("DequantizeLinear", {q, b.Scalar(0.1), b.Scalar(0, DType::kI8)}));
  auto quantized = Build();
  ASSERT_FALSE(quantized.ok());
  EXPECT_THAT(quantized.status().ToString(), HasSubstr("quantized already"));
}

TEST_F(QuantizerTest, WhatIsComparedWithItsLargestStaysFloat) {
  Value* x = Conv(Input({1, 12, 12, 3}), {8, 3, 3, 3}, "body");
  Value* scores = b.Emit("Sigmoid", {Conv(b.Emit("Relu", {x}), {1, 3, 3, 8}, "head")});
  Value* largest =
      b.Emit("MaxPool", {scores},
             {{"kernel_shape", std::vector<int64_t>{3, 3}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  Value* flat = b.Emit("Reshape", {scores, b.Ints({1, 144})});
  b.SetNodeName("peaks");
  Value* peaks = b.Emit("Equal", {flat, b.Emit("Reshape", {largest, b.Ints({1, 144})})});
  graph.AddOutput(b.Emit("Cast", {peaks}, {{"to", int64_t{1}}}));
  const auto wrong = [&](QuantizerOptions options) {
    auto quantized = Build(std::move(options));
    EXPECT_TRUE(quantized.ok()) << quantized.status().ToString();
    for (const QuantizedLayer& layer : quantized->layers) {
      if (layer.node == "body") {
        EXPECT_EQ(layer.scheme, Scheme::kInt8);
      }
      if (layer.node == "head" && layer.scheme == Scheme::kFloat) {
        EXPECT_THAT(layer.why_float, HasSubstr("'peaks' looks for where it is largest"));
      }
    }
    int count = 0;
    auto before = runner.Prepare(graph.Clone()), after = runner.Prepare(quantized->graph->Clone());
    for (size_t i = 0; i < samples->size(); ++i) {
      auto inputs = samples->Load(i);
      EXPECT_TRUE((*before)->Run((*inputs)[0]).ok() && (*after)->Run((*inputs)[0]).ok());
      for (int64_t k = 0; k < 144; ++k) {
        count += (*before)->outputs()[0].as<float>()[k] != (*after)->outputs()[0].as<float>()[k] ? 1 : 0;
      }
    }
    return count;
  };
  const int now = wrong({});
  // With the layers named, all of them are quantized.
  QuantizerOptions all;
  all.scheme.layers = {{"*", Scheme::kInt8}};
  EXPECT_LT(2 * now, wrong(std::move(all)));
}

// --- bad data

TEST_F(QuantizerTest, NaNInTheDataNamesValueAndSample) {
  SmallNet();
  samples = std::make_unique<MadeSamples>("x", 3, [](size_t i) {
    TensorPtr x = RandomTensor(Shape{1, 8, 8, 3}, static_cast<unsigned>(i));
    if (i == 1) const_cast<float*>(x->view().as<float>())[5] = std::numeric_limits<float>::quiet_NaN();
    return x;
  });
  auto quantized = Build();
  ASSERT_FALSE(quantized.ok());
  EXPECT_THAT(quantized.status().ToString(), HasSubstr("value 'x' is not a number (NaN)"));
  EXPECT_THAT(quantized.status().ToString(), HasSubstr("sample 1"));
}

TEST_F(QuantizerTest, NoSamples) {
  SmallNet();
  samples = std::make_unique<MadeSamples>("x", 0, [](size_t) { return nullptr; });
  auto quantized = Build();
  ASSERT_FALSE(quantized.ok());
  EXPECT_THAT(quantized.status().ToString(), HasSubstr("no samples"));
  samples.reset();
  quantized = Build();
  ASSERT_FALSE(quantized.ok());
  EXPECT_THAT(quantized.status().ToString(), HasSubstr("needs samples"));
}

TEST_F(QuantizerTest, InfiniteAndEndlessRangesStayFloatAndAreNamed) {
  Value* x = Input({1, 4, 4, 2});
  Value* first = Conv(x, {3, 3, 3, 2}, "first");
  b.SetNodeName("blow_up");
  graph.AddOutput(b.Emit("Mul", {first, b.Scalar(1e35)}));
  Value* masked = Conv(x, {2, 3, 3, 2}, "masked");
  graph.AddOutput(b.Emit("Add", {masked, b.Scalar(-std::numeric_limits<double>::infinity())}));
  graph.AddOutput(Conv(x, {2, 3, 3, 2}, "second"));
  auto quantized = Build();
  ASSERT_TRUE(quantized.ok()) << quantized.status().ToString();
  std::string warnings;
  for (const std::string& warning : quantized->warnings) warnings += warning + "\n";
  EXPECT_THAT(warnings, HasSubstr("reaches from"));
  EXPECT_THAT(warnings, HasSubstr("is infinite on sample"));
  for (const QuantizedLayer& layer : quantized->layers) {
    EXPECT_EQ(layer.scheme, layer.node == "second" ? Scheme::kInt8 : Scheme::kFloat) << layer.node;
  }
}

TEST_F(QuantizerTest, ChannelsAndValuesThatAreAlwaysZero) {
  Value* x = Input({1, 4, 4, 2});
  auto zeros = Constant::Allocate(DType::kF32, Shape{3, 3, 3, 2});
  const TensorPtr random = RandomTensor(Shape{3, 3, 3, 2}, 5);
  for (int64_t i = 0; i < 54; ++i) {
    static_cast<float*>(zeros->mutable_data())[i] = i / 18 == 1 ? 0.0F : random->view().as<float>()[i];
  }
  b.SetNodeName("dead");
  Value* y = b.Emit("Conv", {x, b.Const(zeros)}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  b.SetNodeName("negative");
  Value* positive = b.Emit("Relu", {b.Emit("Sub", {b.Emit("Relu", {y}), b.Scalar(1e6)})});
  graph.AddOutput(y);
  graph.AddOutput(positive);
  auto quantized = Build();
  ASSERT_TRUE(quantized.ok()) << quantized.status().ToString();
  std::string warnings;
  for (const std::string& warning : quantized->warnings) warnings += warning + "\n";
  EXPECT_THAT(warnings, HasSubstr("1 layer has channels whose weights are all 0"));
  EXPECT_THAT(warnings, HasSubstr("'dead' (1)"));
  EXPECT_THAT(warnings, HasSubstr("is 0 on all samples"));
  EXPECT_GT(OutputSqnr(*quantized), 30);
}

TEST_F(QuantizerTest, AWeightThatIsNotFinite) {
  Value* x = Input({1, 4});
  auto weights = Constant::Allocate(DType::kF32, Shape{4, 2});
  std::fill_n(static_cast<float*>(weights->mutable_data()), 8, 1.0F);
  static_cast<float*>(weights->mutable_data())[3] = std::numeric_limits<float>::infinity();
  b.SetNodeName("product");
  graph.AddOutput(b.Emit("MatMul", {x, b.Const(weights, "bad_weights")}));
  auto quantized = Build(WithScheme(Scheme::kWeight8));
  ASSERT_FALSE(quantized.ok());
  EXPECT_THAT(quantized.status().ToString(), HasSubstr("weight 3 of 'bad_weights'"));
}

// --- calibration files

TEST_F(QuantizerTest, ACalibrationFileStandsForTheData) {
  SmallNet();
  const std::string path = (std::filesystem::temp_directory_path() / "whet_calibration_test.npz").string();
  auto first = Build();
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(SaveCalibration(*quantizer->calibration(), path).ok());
  auto loaded = LoadCalibration(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status().ToString();
  EXPECT_EQ(loaded->samples, 8u);
  std::string text = ToText(*first->graph);

  // The same again without running a sample through, so without bias correction too.
  QuantizerOptions options;
  options.without = {"bias_correction"};
  auto plain = Build(std::move(options));
  ASSERT_TRUE(plain.ok());
  const std::string expected = ToText(*plain->graph);
  samples.reset();
  auto made = Make({});
  ASSERT_TRUE(made.ok());
  Status status = (*made)->UseCalibration(std::move(*loaded));
  ASSERT_TRUE(status.ok()) << status.ToString();
  auto second = (*made)->Build();
  ASSERT_TRUE(second.ok()) << second.status().ToString();
  EXPECT_EQ(ToText(*second->graph), expected);

  // Of another model.
  Graph other;
  GraphBuilder builder(other);
  builder.SetNodeName("m");
  Value* x = other.AddInput("x", Type::Of(DType::kF32, Shape{1, 4}.dims()));
  other.AddOutput(builder.Emit("MatMul", {x, builder.Const(RandomTensor(Shape{4, 4}, 1), "w")}));
  auto stranger = Quantizer::Create(other, {}, runner, nullptr);
  ASSERT_TRUE(stranger.ok());
  auto again = LoadCalibration(path);
  ASSERT_TRUE(again.ok());
  status = stranger->UseCalibration(std::move(*again));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.ToString(), HasSubstr("another model"));
  std::filesystem::remove(path);
}

TEST(CalibrationFile, BrokenFilesAreErrors) {
  const std::string path = (std::filesystem::temp_directory_path() / "whet_broken_calibration.npz").string();
  Calibration calibration;
  const std::vector<float> values = {1, 2, 3};
  Observe({DType::kF32, Shape{3}, const_cast<float*>(values.data())}, 0.9, &calibration.values["v"]);
  ASSERT_TRUE(SaveCalibration(calibration, path).ok());
  std::vector<char> bytes;
  {
    std::FILE* file = std::fopen(path.c_str(), "rb");
    ASSERT_NE(file, nullptr);
    char buffer[1 << 16];
    bytes.assign(buffer, buffer + std::fread(buffer, 1, sizeof(buffer), file));
    std::fclose(file);
  }
  ASSERT_TRUE(LoadCalibration(path).ok());
  for (size_t cut = 0; cut < bytes.size(); cut += 7) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    std::fwrite(bytes.data(), 1, cut, file);
    std::fclose(file);
    EXPECT_FALSE(LoadCalibration(path).ok()) << "cut at " << cut;
  }
  std::filesystem::remove(path);
  EXPECT_FALSE(LoadCalibration(path).ok());
}

// --- accuracy recovery

TEST_F(QuantizerTest, EqualizationChangesNothingAndBalancesRanges) {
  Value* x = Conv(Input({1, 6, 6, 3}), {8, 3, 3, 3}, "first");
  x = b.Emit("Relu", {x});
  x = Conv(x, {8, 3, 3, 1}, "depthwise", 8);
  x = b.Emit("LeakyRelu", {x}, {{"alpha", 0.1}});
  x = Conv(x, {4, 3, 3, 4}, "grouped", 2);
  graph.AddOutput(x);
  ASSERT_TRUE(b.ok());
  // Channels of very different range.
  for (const char* name : {"first", "depthwise"}) {
    for (const auto& node : graph.nodes()) {
      if (node->name() != name) continue;
      auto* weights = const_cast<float*>(node->input(1)->constant()->view().as<float>());
      const int64_t row = node->input(1)->constant()->shape().elements() / 8;
      for (int64_t i = 0; i < row * 8; ++i) weights[i] *= std::pow(2.0F, static_cast<float>(i / row));
    }
  }
  const std::unique_ptr<Graph> before = graph.Clone();
  auto pairs = EqualizeLayers(graph);
  ASSERT_TRUE(pairs.ok());
  EXPECT_EQ(*pairs, 2);
  ASSERT_TRUE(VerifyGraph(graph).ok());
  auto errors = CompareOutputs(*before, graph, runner, *samples, 4);
  ASSERT_TRUE(errors.ok());
  EXPECT_GT((*errors)[0].error.Sqnr(), 100);
  // Where two layers meet, both sides of a channel now have the same range.
  const auto reach = [](const Node& node, int64_t begin, int64_t end, int64_t step) {
    float most = 0;
    for (int64_t i = begin; i < end; i += step)
      most = std::max(most, std::abs(node.input(1)->constant()->view().as<float>()[i]));
    return most;
  };
  const Node& first = *Find(graph, "Conv", 0);
  const Node& second = *Find(graph, "Conv", 1);
  for (int64_t c = 0; c < 8; ++c) {
    EXPECT_NEAR(reach(first, c * 27, (c + 1) * 27, 1) / reach(second, c * 9, (c + 1) * 9, 1), 1, 0.02);
  }
}

TEST_F(QuantizerTest, BiasCorrectionTakesTheMeanErrorAway) {
  SmallNet();
  const auto mean_error = [&](const QuantizedGraph& quantized) {
    double sum = 0;
    for (size_t i = 0; i < samples->size(); ++i) {
      auto inputs = samples->Load(i);
      auto a = runner.Prepare(graph.Clone());
      auto q = runner.Prepare(quantized.graph->Clone());
      EXPECT_TRUE((*a)->Run((*inputs)[0]).ok());
      EXPECT_TRUE((*q)->Run((*inputs)[0]).ok());
      for (int c = 0; c < 10; ++c) {
        sum += static_cast<double>((*q)->outputs()[0].as<float>()[c] - (*a)->outputs()[0].as<float>()[c]) *
               (c % 2 == 0 ? 1 : -1);
      }
    }
    return std::abs(sum);
  };
  QuantizerOptions with = WithScheme(Scheme::kWeight4);
  QuantizerOptions without = WithScheme(Scheme::kWeight4);
  without.without = {"bias_correction"};
  auto corrected = Build(std::move(with));
  ASSERT_TRUE(corrected.ok()) << corrected.status().ToString();
  auto plain = Build(std::move(without));
  ASSERT_TRUE(plain.ok());
  EXPECT_LT(mean_error(*corrected), mean_error(*plain) * 0.05);
  EXPECT_GE(OutputSqnr(*corrected), OutputSqnr(*plain));
  QuantizerOptions wrong;
  wrong.without = {"magic"};
  EXPECT_FALSE(Build(std::move(wrong)).ok());
}

// --- comparison

TEST_F(QuantizerTest, TheComparisonFindsTheLayerThatDoesTheDamage) {
  SmallNet();
  // One weight far beyond all others leaves few steps for the rest of its channel's product.
  for (const auto& node : graph.nodes()) {
    if (node->name() != "last") continue;
    auto* weights = const_cast<float*>(node->input(1)->constant()->view().as<float>());
    for (int64_t o = 0; o < 16; ++o) weights[o * 144 + 7] = 0;
    for (int64_t o = 0; o < 16; ++o) weights[o * 144] = 60;
  }
  QuantizerOptions options;
  options.without = {"equalization", "bias_correction"};
  auto quantized = Build(std::move(options));
  ASSERT_TRUE(quantized.ok()) << quantized.status().ToString();
  const Calibration* calibration = &*quantizer->calibration();
  auto comparison = Compare(quantizer->prepared(), *quantized, calibration, runner, *samples,
                            {.samples = 4, .progress = {}});
  ASSERT_TRUE(comparison.ok()) << comparison.status().ToString();
  ASSERT_EQ(comparison->outputs.size(), 1u);
  std::map<std::string, const LayerError*> by_node;
  for (const LayerError& error : comparison->layers) by_node[quantized->layers[error.layer].node] = &error;
  ASSERT_TRUE(by_node.contains("first") && by_node.contains("depthwise") && by_node.contains("last"));
  EXPECT_GT(by_node["first"]->isolated.Sqnr(), 30);
  EXPECT_LT(by_node["last"]->isolated.Sqnr(), by_node["depthwise"]->isolated.Sqnr());
  for (const auto& [node, error] : by_node) {
    EXPECT_GE(error->isolated.Sqnr(), error->accumulated.Sqnr() - 3) << node;
    EXPECT_GT(error->isolated.Cosine(), 0.9) << node;
  }
  // The first layer has nothing before it but the input's quantization.
  EXPECT_NEAR(by_node["first"]->isolated.Sqnr(), by_node["first"]->accumulated.Sqnr(), 0.01);
  // In groups it is the same.
  auto grouped = Compare(quantizer->prepared(), *quantized, calibration, runner, *samples,
                         {.samples = 4, .memory_limit = 1, .progress = {}});
  ASSERT_TRUE(grouped.ok());
  for (size_t i = 0; i < grouped->layers.size(); ++i) {
    EXPECT_EQ(grouped->layers[i].isolated.noise, comparison->layers[i].isolated.noise);
    EXPECT_EQ(grouped->layers[i].accumulated.noise, comparison->layers[i].accumulated.noise);
  }
}

TEST(Compare, SumsOfTensors) {
  const float a[] = {1, -2, 0, std::numeric_limits<float>::infinity()};
  const float c[] = {1, -1, 0, std::numeric_limits<float>::infinity()};
  ErrorSums sums;
  sums.Add({DType::kF32, Shape{4}, const_cast<float*>(a)}, {DType::kF32, Shape{4}, const_cast<float*>(c)});
  EXPECT_DOUBLE_EQ(sums.ff, 5);
  EXPECT_DOUBLE_EQ(sums.noise, 1);
  EXPECT_NEAR(sums.Sqnr(), 10 * std::log10(5.0), 1e-12);
  EXPECT_NEAR(sums.Cosine(), 3 / std::sqrt(10.0), 1e-12);
  ErrorSums none;
  EXPECT_TRUE(std::isinf(none.Sqnr()));
  EXPECT_EQ(none.Cosine(), 1);
}

TEST(Layers, Patterns) {
  EXPECT_TRUE(Matches("*", ""));
  EXPECT_TRUE(Matches("conv*", "conv12"));
  EXPECT_TRUE(Matches("*/head/*", "net/head/box/Conv"));
  EXPECT_TRUE(Matches("a*b*c", "axxbyybzc"));
  EXPECT_FALSE(Matches("a*b*c", "axxbyyb"));
  EXPECT_FALSE(Matches("conv", "conv1"));
  EXPECT_FALSE(Matches("", "x"));
}

}  // namespace
}  // namespace whet::quantize
