// The search for mixed precision: on made-up numbers, and on a model with one layer that integers ruin.
#include "quantize/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/builder.h"
#include "quantize/compare.h"
#include "quantize/testing.h"

namespace whet::quantize {
namespace {

using ::testing::ElementsAre;
using testing::MadeSamples;
using testing::RandomTensor;
using testing::ReferenceRunner;

// Noise adds up, and the quality falls with it.
SearchOptions Additive(std::vector<std::vector<Choice>> choices, double max_drop) {
  SearchOptions options;
  options.choices = std::move(choices);
  options.max_drop = max_drop;
  options.drop = [all = options.choices](const Chosen& chosen) -> Result<double> {
    double noise = 0;
    for (size_t g = 0; g < chosen.size(); ++g) noise += all[g][chosen[g]].noise;
    return noise;
  };
  return options;
}

Choice Int8(double cost, double noise) { return {Scheme::kInt8, cost, noise}; }
Choice Int16(double cost, double noise) { return {Scheme::kInt16, cost, noise}; }
Choice Float(double cost) { return {Scheme::kFloat, cost, 0}; }

SearchResult Search(const SearchOptions& options) {
  auto result = SearchPrecision(options);
  EXPECT_TRUE(result.ok()) << result.status().ToString();
  return result.ok() ? *result : SearchResult();
}

TEST(SearchPrecisionTest, WhatHoldsIsLeftAsItIs) {
  const SearchResult result = Search(Additive({{Int8(1, 0.1), Float(3)}, {Int8(1, 0.2), Float(3)}}, 0.5));
  EXPECT_TRUE(result.holds);
  EXPECT_THAT(result.chosen, ElementsAre(0, 0));
  EXPECT_EQ(result.tried, 1U);
}

TEST(SearchPrecisionTest, TheCheapestOfWhatHolds) {
  // The second saves more noise per millisecond, though the first has more of it.
  const SearchResult result =
      Search(Additive({{Int8(1, 0.6), Float(10)}, {Int8(1, 0.5), Float(2)}, {Int8(1, 0.1), Float(2)}}, 0.7));
  EXPECT_TRUE(result.holds);
  EXPECT_THAT(result.chosen, ElementsAre(0, 1, 0));
  EXPECT_DOUBLE_EQ(result.drop, 0.7);
}

TEST(SearchPrecisionTest, AStepOnTheWayIsTakenWhereItIsEnough) {
  const std::vector<std::vector<Choice>> choices = {{Int8(1, 1), Int16(2, 0.1), Float(9)}};
  EXPECT_THAT(Search(Additive(choices, 0.2)).chosen, ElementsAre(1));
  EXPECT_THAT(Search(Additive(choices, 0.05)).chosen, ElementsAre(2));
}

TEST(SearchPrecisionTest, AChoiceThatCostsMoreThanAMoreExactOneIsNotTaken) {
  const SearchResult result = Search(Additive({{Int8(1, 1), Int16(5, 0.1), Float(2)}}, 0.2));
  EXPECT_THAT(result.chosen, ElementsAre(2));
}

TEST(SearchPrecisionTest, WhatIsFasterInFloatIsTakenFirst) {
  const SearchResult result =
      Search(Additive({{Int8(1, 0.9), Float(1.5)}, {Int8(2, 0.5), Float(1)}, {Int8(2, 0.2), Float(1)}}, 1.0));
  EXPECT_TRUE(result.holds);
  EXPECT_THAT(result.chosen, ElementsAre(0, 1, 1));
}

TEST(SearchPrecisionTest, TakesBackWhatTheEstimateGotWrong) {
  // By the estimate the first two matter; in truth only the third does.
  SearchOptions options = Additive(
      {{Int8(1, 9), Float(2)}, {Int8(1, 8), Float(2)}, {Int8(1, 1), Float(2)}, {Int8(1, 0.1), Float(2)}},
      0.5);
  options.drop = [](const Chosen& chosen) -> Result<double> { return chosen[2] != 0 ? 0.0 : 5.0; };
  const SearchResult result = Search(options);
  EXPECT_TRUE(result.holds);
  EXPECT_THAT(result.chosen, ElementsAre(0, 0, 1, 0));
}

TEST(SearchPrecisionTest, SaysThatItCannotHold) {
  SearchOptions options = Additive({{Int8(1, 1)}, {Int8(1, 3), Float(2)}}, 0.5);
  const SearchResult result = Search(options);
  EXPECT_FALSE(result.holds);
  EXPECT_THAT(result.chosen, ElementsAre(0, 1));
  EXPECT_DOUBLE_EQ(result.drop, 1);
}

TEST(SearchPrecisionTest, AnErrorOfTheMeasurementIsPassedOn) {
  SearchOptions options = Additive({{Int8(1, 1), Float(2)}}, 0.5);
  options.drop = [](const Chosen&) -> Result<double> { return Error(Code::kIo, "no data"); };
  EXPECT_EQ(SearchPrecision(options).status().code(), Code::kIo);
}

// Three products with a Relu each. Each output of the second has one weight a million times as large as the
// others, for an input that is always 0: no scale of 8 bits leaves anything of the others.
class SearchModelTest : public ::testing::Test {
 protected:
  static constexpr int64_t kSize = 8;

  SearchModelTest()
      : b(graph), samples("x", 8, [](size_t i) {
          return RandomTensor(Shape{4, kSize}, static_cast<unsigned>(i) + 7, 0, 1);
        }) {
    Value* x = graph.AddInput("x", Type::Of(DType::kF32, Shape{4, kSize}.dims()));
    x = Layer(x, "first", true, 1);
    x = Layer(x, "second", false, 1e6F);
    graph.AddOutput(Layer(x, "third", false, 1));
  }

  // `dead`: the last output is never above 0. The last row of the weights is multiplied by `row`.
  Value* Layer(Value* x, const char* name, bool dead, float row) {
    auto weights = Constant::Allocate(DType::kF32, Shape{kSize, kSize});
    auto* w = static_cast<float*>(weights->mutable_data());
    unsigned seed = static_cast<unsigned>(name[0]);
    for (int64_t i = 0; i < kSize; ++i) {
      for (int64_t o = 0; o < kSize; ++o) {
        w[i * kSize + o] = testing::RandomFloat(&seed, -1, 1);
        if (dead && o == kSize - 1) w[i * kSize + o] = -std::abs(w[i * kSize + o]);
        if (i == kSize - 1) w[i * kSize + o] *= row;
      }
    }
    b.SetNodeName(name);
    Value* y = b.Emit("MatMul", {x, b.Const(weights, std::string(name) + ".w")});
    b.SetNodeName(std::string(name) + ".relu");
    return b.Emit("Relu", {y});
  }

  Quantizer Make(const SchemeOptions& scheme = {}) {
    EXPECT_TRUE(b.ok()) << b.TakeStatus().ToString();
    QuantizerOptions options;
    options.scheme = scheme;
    auto made = Quantizer::Create(graph, std::move(options), runner, &samples);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return std::move(*made);
  }

  // What `whet quantize --max-drop` does, with the output's noise as the metric and made-up costs.
  SearchResult SearchWith(Quantizer& quantizer, const std::vector<LayerGroup>& groups, double max_noise) {
    SearchOptions options;
    std::vector<size_t> open;
    for (size_t g = 0; g < groups.size(); ++g) {
      if (!groups[g].given) open.push_back(g);
    }
    for (size_t g : open) {
      auto& own = options.choices.emplace_back();
      double cost = 1;
      for (Scheme scheme : {Scheme::kInt8, Scheme::kInt16}) {
        auto noise = NoiseOf(quantizer, groups, g, scheme, runner, samples, 8);
        EXPECT_TRUE(noise.ok()) << noise.status().ToString();
        own.push_back({scheme, cost++, noise.ok() ? *noise : 0});
      }
      own.push_back(Float(cost));
    }
    options.max_drop = max_noise;
    options.drop = [&](const Chosen& chosen) -> Result<double> {
      SchemeOptions scheme = quantizer.scheme();
      for (size_t k = 0; k < open.size(); ++k) {
        ChooseScheme(quantizer.prepared(), groups[open[k]], {options.choices[k][chosen[k]].scheme, "bound"},
                     &scheme);
      }
      WHET_ASSIGN_OR_RETURN(last, quantizer.Build(scheme, true));
      WHET_ASSIGN_OR_RETURN(const auto errors, CompareOutputs(graph, *last.graph, runner, samples, 8));
      return errors[0].error.noise / errors[0].error.ff;
    };
    return Search(options);
  }

  Graph graph;
  GraphBuilder b;
  ReferenceRunner runner;
  MadeSamples samples;
  QuantizedGraph last;
};

TEST_F(SearchModelTest, ALayerTakesAlongWhatOnlyItFeeds) {
  const Quantizer quantizer = Make();
  const auto groups = GroupLayers(quantizer.prepared(), quantizer.scheme());
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[1].name, "second");
  EXPECT_THAT(groups[1].layers, ElementsAre(2, 3));
}

TEST_F(SearchModelTest, ExactlyTheLayerThatNeedsItStaysFloat) {
  Quantizer quantizer = Make();
  const auto groups = GroupLayers(quantizer.prepared(), quantizer.scheme());
  constexpr double kMaxNoise = 0.01;
  const SearchResult result = SearchWith(quantizer, groups, kMaxNoise);
  EXPECT_TRUE(result.holds);
  EXPECT_LE(result.drop, kMaxNoise);
  EXPECT_THAT(result.chosen, ElementsAre(0, 2, 0));
}

TEST_F(SearchModelTest, WhatTheUserHasFixedMayMakeItImpossible) {
  SchemeOptions scheme;
  scheme.layers = {{"second", Scheme::kInt8}};
  Quantizer quantizer = Make(scheme);
  const auto groups = GroupLayers(quantizer.prepared(), quantizer.scheme());
  EXPECT_TRUE(groups[1].given);
  const SearchResult result = SearchWith(quantizer, groups, 0.01);
  EXPECT_FALSE(result.holds);
  EXPECT_GT(result.drop, 0.5);
}

TEST_F(SearchModelTest, AChoiceIsNamedWithItsReason) {
  Quantizer quantizer = Make();
  const auto groups = GroupLayers(quantizer.prepared(), quantizer.scheme());
  SchemeOptions scheme = quantizer.scheme();
  ChooseScheme(quantizer.prepared(), groups[1], {Scheme::kFloat, "it must"}, &scheme);
  auto built = quantizer.Build(scheme, true);
  ASSERT_TRUE(built.ok()) << built.status().ToString();
  EXPECT_EQ(built->layers[2].scheme, Scheme::kFloat);
  EXPECT_EQ(built->layers[2].why_float, "it must");
  EXPECT_EQ(built->layers[0].scheme, Scheme::kInt8);
}

}  // namespace
}  // namespace whet::quantize
