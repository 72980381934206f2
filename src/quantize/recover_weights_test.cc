// Layers as matrices, their inputs' moments, and the rounding of whole models.
#include "quantize/recover_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ir/builder.h"
#include "quantize/compare.h"
#include "quantize/quantizer.h"
#include "quantize/testing.h"

namespace whet::quantize {
namespace {

using testing::Find;
using ::testing::HasSubstr;
using testing::MadeSamples;
using testing::RandomTensor;
using testing::ReferenceRunner;

class RecoverWeightsTest : public ::testing::Test {
 protected:
  RecoverWeightsTest() : b(graph) { b.SetNodeName("layer"); }
  Value* Input(const Shape& shape) {
    // Neighbouring numbers have much in common.
    samples = std::make_unique<MadeSamples>("x", 8, [shape](size_t i) {
      TensorPtr x = RandomTensor(shape, static_cast<unsigned>(i) + 100, -1, 2);
      auto* values = static_cast<float*>(x->view().data);
      for (int64_t k = 1; k < shape.elements(); ++k) values[k] += 0.8F * values[k - 1];
      return x;
    });
    return graph.AddInput("x", Type::Of(DType::kF32, shape.dims()));
  }
  Value* Weights(const Shape& shape) { return b.Const(RandomTensor(shape, ++seed_), "w"); }

  Graph graph;
  GraphBuilder b;
  ReferenceRunner runner;
  std::unique_ptr<MadeSamples> samples;

 private:
  unsigned seed_ = 0;
};

TEST_F(RecoverWeightsTest, TheMatrixComputesWhatTheLayerDoes) {
  using Ints = std::vector<int64_t>;
  const struct {
    const char* op;
    Shape x, w;
    Attributes attributes;
  } cases[] = {
      {"MatMul", Shape{2, 3, 4}, Shape{4, 5}, {}},
      {"MatMul", Shape{3, 4}, Shape{5, 4}, {{"transpose_b", int64_t{1}}}},
      {"MatMul", Shape{4}, Shape{4, 5}, {}},
      {"Conv", Shape{2, 5, 6, 3}, Shape{4, 1, 1, 3}, {}},
      {"Conv",
       Shape{1, 7, 6, 4},
       Shape{6, 3, 2, 2},
       {{"group", int64_t{2}},
        {"pads", Ints{1, 0, 2, 1}},
        {"strides", Ints{2, 1}},
        {"dilations", Ints{1, 2}}}},
      {"Conv", Shape{1, 6, 6, 3}, Shape{3, 3, 3, 1}, {{"group", int64_t{3}}, {"auto_pad", "SAME_UPPER"}}},
      {"Conv", Shape{1, 9, 2}, Shape{3, 4, 2}, {}},
      {"ConvTranspose",
       Shape{2, 4, 3, 2},
       Shape{3, 3, 2, 2},
       {{"strides", Ints{2, 3}}, {"pads", Ints{1, 0, 0, 1}}, {"output_padding", Ints{1, 0}}}},
      {"ConvTranspose", Shape{1, 4, 2}, Shape{3, 3, 2}, {{"dilations", Ints{2}}}},
  };
  for (const auto& test : cases) {
    Graph single;
    GraphBuilder builder(single);
    builder.SetNodeName("layer");
    const TensorPtr w = RandomTensor(test.w, 1);
    const TensorPtr x = RandomTensor(test.x, 2);
    Value* input = single.AddInput("x", Type::Of(DType::kF32, test.x.dims()));
    single.AddOutput(builder.Emit(test.op, {input, builder.Const(w)}, test.attributes));
    ASSERT_TRUE(builder.ok()) << builder.TakeStatus().ToString();
    auto y = GraphEvaluator().Run(single, std::vector<TensorPtr>{x});
    ASSERT_TRUE(y.ok()) << y.status().ToString();
    auto layer = LayerMatrix::Of(*single.NodeList()[0]);
    ASSERT_TRUE(layer.ok()) << layer.status().ToString();
    EXPECT_EQ(layer->groups() * layer->rows() * layer->columns(), test.w.elements());
    const LayerInputs inputs(*layer, x->view());
    const float* expected = (*y)[0]->view().as<float>();
    ASSERT_EQ(inputs.positions() * layer->groups() * layer->rows(), (*y)[0]->shape().elements());
    std::vector<float> row(static_cast<size_t>(layer->columns()));
    for (int64_t p = 0; p < inputs.positions(); ++p) {
      for (int64_t g = 0; g < layer->groups(); ++g) {
        inputs.Get(p, g, row.data());
        for (int64_t r = 0; r < layer->rows(); ++r) {
          float sum = 0;
          for (int64_t c = 0; c < layer->columns(); ++c) {
            sum += w->view().as<float>()[layer->Element(g, r, c)] * row[static_cast<size_t>(c)];
          }
          EXPECT_NEAR(sum, *expected++, 1e-4) << test.op << " " << test.w.ToString();
        }
      }
    }
  }
}

TEST_F(RecoverWeightsTest, WhatIsNoMatrixSaysSo) {
  Value* x = Input(Shape{2, 3, 4});
  graph.AddOutput(b.Emit("MatMul", {x, Weights(Shape{2, 4, 5})}));
  auto layer = LayerMatrix::Of(*graph.NodeList()[0]);
  ASSERT_FALSE(layer.ok());
  EXPECT_EQ(layer.status().code(), Code::kUnsupported);
}

TEST_F(RecoverWeightsTest, MomentsOfFewAndOfManyColumns) {
  for (const int64_t columns : {5, 60}) {
    Graph single;
    GraphBuilder builder(single);
    builder.SetNodeName("layer");
    const Shape shape{7, columns};
    Value* x = single.AddInput("x", Type::Of(DType::kF32, shape.dims()));
    single.AddOutput(builder.Emit("MatMul", {x, builder.Const(RandomTensor(Shape{columns, 3}, 1))}));
    MadeSamples made("x", 50, [&](size_t i) { return RandomTensor(shape, static_cast<unsigned>(i), -1, 2); });
    const Node& node = *single.NodeList()[0];
    auto matrix = LayerMatrix::Of(node);
    ASSERT_TRUE(matrix.ok());
    auto moments = MomentsOfInputs(single, runner).Run({{&node, *matrix}}, made, {});
    ASSERT_TRUE(moments.ok()) << moments.status().ToString();
    const Moments& own = moments->at(matrix->reads()).groups.at(0);
    for (const auto& [i, j] : {std::pair<int64_t, int64_t>{0, 0}, {1, 4}, {4, 1}, {3, 3}}) {
      double sum = 0;
      for (size_t s = 0; s < 50; ++s) {
        const TensorPtr sample = RandomTensor(shape, static_cast<unsigned>(s), -1, 2);
        for (int64_t r = 0; r < 7; ++r) {
          sum += static_cast<double>(sample->view().as<float>()[r * columns + i]) *
                 static_cast<double>(sample->view().as<float>()[r * columns + j]);
        }
      }
      EXPECT_NEAR(own[static_cast<size_t>(i * columns + j)], sum / 350, 1e-4);
    }
  }
}

TEST_F(RecoverWeightsTest, StepsAreThoseThatDequantizeUses) {
  const TensorPtr weights = RandomTensor(Shape{5, 3, 40}, 3);
  const QuantizedTensor cases[] = {
      QuantizeByChannel(weights->view(), 0, {}),         QuantizeByChannel(weights->view(), 2, {}),
      QuantizeByChannel(weights->view(), -1, {}),        QuantizeByBlock(weights->view(), 2, 32, 4, true),
      QuantizeByBlock(weights->view(), 2, 32, 4, false), QuantizeByBlock(weights->view(), 0, 2, 8, false),
      QuantizeByBlock(weights->view(), 0, 128, 8, true),
  };
  for (const QuantizedTensor& tensor : cases) {
    const ElementSteps steps = StepsOf(tensor);
    std::vector<int32_t> integers;
    for (size_t i = 0; i < steps.scales.size(); ++i) {
      const auto value = static_cast<int32_t>(i * 5 % 16) + (steps.least < 0 ? -7 : 0);
      integers.push_back(std::min(value, static_cast<int32_t>(steps.largest)));
    }
    const std::vector<float> real = Dequantize(WithIntegers(tensor, integers));
    ASSERT_EQ(real.size(), integers.size());
    for (size_t i = 0; i < real.size(); ++i) {
      EXPECT_FLOAT_EQ(real[i], (static_cast<float>(integers[i]) - steps.zeros[i]) * steps.scales[i]);
    }
  }
}

TEST_F(RecoverWeightsTest, GptqMakesAModelBetterInEveryWeightOnlyScheme) {
  Value* x = Input(Shape{1, 8, 8, 12});
  const Attributes padded = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}};
  b.SetNodeName("first");
  x = b.Emit("Conv", {x, Weights(Shape{20, 3, 3, 12})}, padded);
  b.SetNodeName("second");
  x = b.Emit("Conv", {x, Weights(Shape{24, 1, 1, 20})});
  b.SetNodeName("up");
  x = b.Emit("ConvTranspose", {x, Weights(Shape{6, 2, 2, 24})}, {{"strides", std::vector<int64_t>{2, 2}}});
  b.SetNodeName("last");
  graph.AddOutput(b.Emit("MatMul", {b.Emit("Reshape", {x, b.Ints({16, 96})}), Weights(Shape{96, 10})}));
  ASSERT_TRUE(b.ok()) << b.TakeStatus().ToString();
  const auto sqnr = [&](Scheme scheme, bool symmetric, std::set<std::string> without) {
    QuantizerOptions options;
    options.scheme.scheme = scheme;
    options.scheme.symmetric = symmetric;
    options.scheme.group = 32;
    options.without = std::move(without);
    auto quantizer = Quantizer::Create(graph, std::move(options), runner, samples.get());
    EXPECT_TRUE(quantizer.ok());
    auto built = quantizer->Build();
    EXPECT_TRUE(built.ok()) << built.status().ToString();
    const bool recovered = std::ranges::all_of(built->layers, [](const QuantizedLayer& layer) {
      return !layer.weighted || layer.rounding_gain > 0;
    });
    EXPECT_EQ(recovered, !quantizer->notes().empty() || !built->notes.empty());
    auto errors = CompareOutputs(graph, *built->graph, runner, *samples, 8);
    EXPECT_TRUE(errors.ok());
    return (*errors)[0].error.Sqnr();
  };
  for (const Scheme scheme : {Scheme::kWeight4, Scheme::kWeight8}) {
    for (const bool symmetric : {true, false}) {
      EXPECT_GT(sqnr(scheme, symmetric, {}), sqnr(scheme, symmetric, {"gptq"}) + 2)
          << NameOf(scheme) << (symmetric ? "" : " asymmetric");
    }
  }
}

TEST_F(RecoverWeightsTest, LayersThatCannotBeRecoveredAreRoundedAndNamed) {
  Value* x = Input(Shape{2, 3, 20});
  b.SetNodeName("stack");
  graph.AddOutput(b.Emit("MatMul", {x, Weights(Shape{2, 20, 5})}));
  b.SetNodeName("infinite");
  Value* masked = b.Emit("Add", {x, b.Scalar(-std::numeric_limits<double>::infinity())});
  b.SetNodeName("reads_infinite");
  graph.AddOutput(b.Emit("MatMul", {masked, Weights(Shape{20, 5})}));
  b.SetNodeName("huge");
  Value* huge = b.Emit("Mul", {x, b.Scalar(1e30)});
  b.SetNodeName("reads_huge");
  graph.AddOutput(b.Emit("MatMul", {huge, Weights(Shape{20, 5})}));
  QuantizerOptions options;
  options.scheme.scheme = Scheme::kWeight4;
  options.without = {"bias_correction"};
  auto quantizer = Quantizer::Create(graph, std::move(options), runner, samples.get());
  ASSERT_TRUE(quantizer.ok());
  auto built = quantizer->Build();
  ASSERT_TRUE(built.ok()) << built.status().ToString();
  std::string notes;
  for (const std::string& note : built->notes) notes += note + "\n";
  EXPECT_THAT(notes, HasSubstr("'stack' is rounded to nearest: its weights are not one matrix"));
  EXPECT_THAT(notes, HasSubstr("'reads_infinite' is rounded to nearest: its input is infinite on sample"));
  EXPECT_THAT(notes, HasSubstr("'reads_huge' is rounded to nearest: its inputs are too large"));
}

TEST_F(RecoverWeightsTest, NaNAndNoSamples) {
  Value* x = Input(Shape{3, 20});
  graph.AddOutput(b.Emit("MatMul", {x, Weights(Shape{20, 5})}));
  QuantizerOptions options;
  options.scheme.scheme = Scheme::kWeight4;
  MadeSamples broken("x", 3, [](size_t i) {
    TensorPtr tensor = RandomTensor(Shape{3, 20}, static_cast<unsigned>(i));
    if (i == 2) static_cast<float*>(tensor->view().data)[7] = std::nanf("");
    return tensor;
  });
  auto quantizer = Quantizer::Create(graph, options, runner, &broken);
  ASSERT_TRUE(quantizer.ok());
  auto built = quantizer->Build();
  ASSERT_FALSE(built.ok());
  EXPECT_THAT(built.status().ToString(), HasSubstr("value 'x' is not a number (NaN) on sample sample 2"));
  MadeSamples none("x", 0, [](size_t) { return nullptr; });
  quantizer = Quantizer::Create(graph, options, runner, &none);
  ASSERT_TRUE(quantizer.ok());
  built = quantizer->Build();
  ASSERT_FALSE(built.ok());
  EXPECT_THAT(built.status().ToString(), HasSubstr("no samples"));
}

TEST_F(RecoverWeightsTest, ASecondBuildRunsNoSamplesAgain) {
  Value* x = Input(Shape{3, 20});
  b.SetNodeName("a");
  x = b.Emit("MatMul", {x, Weights(Shape{20, 20})});
  b.SetNodeName("c");
  graph.AddOutput(b.Emit("MatMul", {x, Weights(Shape{20, 5})}));
  size_t loads = 0;
  MadeSamples counted("x", 3, [&](size_t i) {
    ++loads;
    return RandomTensor(Shape{3, 20}, static_cast<unsigned>(i));
  });
  QuantizerOptions options;
  options.scheme.scheme = Scheme::kWeight4;
  options.without = {"bias_correction"};
  auto quantizer = Quantizer::Create(graph, options, runner, &counted);
  ASSERT_TRUE(quantizer.ok());
  auto first = quantizer->Build();
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(loads, 3u);
  auto second = quantizer->Build();
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(loads, 3u);
  EXPECT_EQ(ToText(*first->graph), ToText(*second->graph));
  // Another scheme for one layer is worked on alone.
  SchemeOptions scheme = quantizer->scheme();
  scheme.layers.push_back({"a", Scheme::kWeight8});
  auto third = quantizer->Build(scheme, true);
  ASSERT_TRUE(third.ok());
  EXPECT_EQ(loads, 6u);
}

}  // namespace
}  // namespace whet::quantize
