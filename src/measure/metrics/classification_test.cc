// Against values counted by hand, and those that scikit-learn's documentation gives.
#include <gmock/gmock.h>

#include <cmath>

#include "measure/metrics/kinds.h"
#include "measure/metrics/metric_testing.h"

namespace whet {
namespace {

using testing::HasSubstr;

Answered Classified(int truth, const std::vector<float>& scores) {
  Answered answered;
  answered.sample->name = "sample";
  answered.sample->label = truth;
  answered.prediction.outputs.push_back(FloatTensor(Shape{1, static_cast<int64_t>(scores.size())}, scores));
  return answered;
}

// Scores that make `choice` the likeliest of `classes`.
Answered Chosen(int truth, int choice, int classes) {
  std::vector<float> scores(static_cast<size_t>(classes), 0.0F);
  scores[static_cast<size_t>(choice)] = 1;
  return Classified(truth, scores);
}

double Measured(std::string_view metric, const ModelDescription& model, const std::vector<Answered>& samples,
                std::vector<uint32_t> drawn = {}) {
  auto made = MakeMetric(metric);
  EXPECT_TRUE(made.ok());
  const Status status = Feed(**made, model, SetOf(TruthKind::kClass), samples);
  EXPECT_TRUE(status.ok()) << status.ToString();
  if (drawn.empty()) drawn.assign(samples.size(), 1);
  return ValueOf(**made, drawn);
}

std::string Refused(std::string_view metric, const ModelDescription& model, const DatasetInfo& info,
                    const std::vector<Answered>& samples) {
  auto made = MakeMetric(metric);
  EXPECT_TRUE(made.ok());
  const Status status = Feed(**made, model, info, samples);
  EXPECT_FALSE(status.ok());
  return status.ToString();
}

TEST(TopK, CountsAndBreaksTiesByTheLowerClass) {
  const ModelDescription model = OneOutput({-1, 6});
  const std::vector<Answered> samples = {
      Classified(2, {0, 1, 5, 2, 3, 4}),  // first
      Classified(1, {9, 0, 1, 2, 3, 4}),  // last of six
      Classified(1, {3, 3, 0, 0, 0, 0}),  // ties with class 0, which comes before it
      Classified(0, {3, 3, 0, 0, 0, 0}),
  };
  EXPECT_EQ(Measured("top1", model, samples), 0.5);
  EXPECT_EQ(Measured("accuracy", model, samples), 0.5);
  EXPECT_EQ(Measured("top5", model, samples), 0.75);
  EXPECT_EQ(Measured("top1", model, samples, {3, 1, 0, 0}), 0.75);

  auto metric = MakeMetric("top1");
  ASSERT_TRUE(Feed(**metric, model, SetOf(TruthKind::kClass), samples).ok());
  EXPECT_EQ((*metric)->Right(0), true);
  EXPECT_EQ((*metric)->Right(2), false);
  EXPECT_EQ((*metric)->Choice(2), 0);
}

TEST(TopK, OneScoreIsTheProbabilityOfClassOne) {
  const ModelDescription model = OneOutput({-1, 1});
  EXPECT_EQ(Measured("top1", model, {Classified(1, {0.7F}), Classified(0, {0.7F}), Classified(0, {0.2F})}),
            2.0 / 3);
}

// y_true = [0, 1, 2, 0, 1, 2], y_pred = [0, 2, 1, 0, 0, 1]: precision 2/9, recall 1/3, F1 0.8/3, in
// scikit-learn's documentation of the macro average.
TEST(PrecisionRecallF1, AreScikitLearnsMacroAverages) {
  std::vector<Answered> samples;
  constexpr int kTruth[] = {0, 1, 2, 0, 1, 2};
  constexpr int kChoice[] = {0, 2, 1, 0, 0, 1};
  for (size_t i = 0; i < 6; ++i) samples.push_back(Chosen(kTruth[i], kChoice[i], 3));
  const ModelDescription model = OneOutput({-1, 3});
  EXPECT_NEAR(Measured("precision", model, samples), 2.0 / 9, 1e-12);
  EXPECT_NEAR(Measured("recall", model, samples), 1.0 / 3, 1e-12);
  EXPECT_NEAR(Measured("f1", model, samples), 0.8 / 3, 1e-12);
}

TEST(PrecisionRecallF1, OfTwoClassesAreThoseOfClassOne) {
  // 3 hits, 1 false alarm, 2 misses, 4 rightly rejected.
  std::vector<Answered> samples;
  for (int i = 0; i < 3; ++i) samples.push_back(Chosen(1, 1, 2));
  samples.push_back(Chosen(0, 1, 2));
  for (int i = 0; i < 2; ++i) samples.push_back(Chosen(1, 0, 2));
  for (int i = 0; i < 4; ++i) samples.push_back(Chosen(0, 0, 2));
  const ModelDescription model = OneOutput({-1, 2});
  EXPECT_NEAR(Measured("precision", model, samples), 3.0 / 4, 1e-12);
  EXPECT_NEAR(Measured("recall", model, samples), 3.0 / 5, 1e-12);
  EXPECT_NEAR(Measured("f1", model, samples), 6.0 / 9, 1e-12);
  EXPECT_EQ(Measured("precision", model, {Chosen(1, 0, 2), Chosen(0, 0, 2)}), 0);
}

TEST(PrecisionRecallF1, LeaveOutClassesThatDoNotOccur) {
  EXPECT_EQ(Measured("recall", OneOutput({-1, 100}), {Chosen(3, 3, 100), Chosen(7, 7, 100)}), 1);
}

// roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) is 0.75 in scikit-learn's documentation.
TEST(Auc, IsThePublishedOne) {
  const ModelDescription model = OneOutput({-1, 1});
  const std::vector<Answered> samples = {Classified(0, {0.1F}), Classified(0, {0.4F}), Classified(1, {0.35F}),
                                         Classified(1, {0.8F})};
  EXPECT_NEAR(Measured("auc", model, samples), 0.75, 1e-12);
  // Without the pair in the wrong order.
  EXPECT_NEAR(Measured("auc", model, samples, {1, 0, 1, 1}), 1, 1e-12);
  EXPECT_TRUE(std::isnan(Measured("auc", model, samples, {1, 3, 0, 0})));
}

TEST(Auc, EqualScoresCountHalf) {
  EXPECT_NEAR(Measured("auc", OneOutput({-1, 1}), {Classified(0, {0.5F}), Classified(1, {0.5F})}), 0.5,
              1e-12);
}

TEST(Auc, OfSeveralClassesIsTheMeanOfEachAgainstTheRest) {
  // Class 0: scores 3 | 1, 2 -> 1. Class 1: 2 | 0, 4 -> 1/2. Class 2: 5 | 6, 0 -> 1/2.
  const std::vector<Answered> samples = {Classified(0, {3, 0, 6}), Classified(1, {1, 2, 0}),
                                         Classified(2, {2, 4, 5})};
  EXPECT_NEAR(Measured("auc", OneOutput({-1, 3}), samples), (1 + 0.5 + 0.5) / 3, 1e-12);
}

TEST(Classification, WhatDoesNotFitIsSaid) {
  const DatasetInfo classes = SetOf(TruthKind::kClass);
  const std::vector<Answered> sample = {Chosen(0, 0, 3)};
  EXPECT_THAT(Refused("top1", OneOutput({-1, 3}), SetOf(TruthKind::kNone), sample),
              HasSubstr("needs classes"));
  EXPECT_THAT(Refused("top1", OneOutput({1, 20, 20, 3}), classes, sample),
              HasSubstr("no output of the model looks like"));
  EXPECT_THAT(Refused("top5", OneOutput({-1, 3}), classes, sample),
              HasSubstr("says nothing about a model of 3 classes"));
  EXPECT_THAT(Refused("top1", OneOutput({-1, 3}), classes, {Chosen(5, 0, 3)}), HasSubstr("its class is 5"));
  EXPECT_THAT(Refused("top1", OneOutput({-1, 2}), classes, {Classified(0, {NAN, 1})}),
              HasSubstr("holds nan"));
  EXPECT_THAT(Refused("auc", OneOutput({-1, 3}), classes, sample), HasSubstr("more than one class"));
  EXPECT_THAT(MakeMetric("top2").status().ToString(), HasSubstr("there are top1, top5"));
}

TEST(ClassMap, MatchesNamesOrNumbers) {
  DatasetInfo info = SetOf(TruthKind::kClass);
  info.classes = {"n02", "n01"};
  const auto by_name = ClassMap::Create(info, {"n01 tench", "n02 goldfish", "n03 shark"}, 3);
  ASSERT_TRUE(by_name.ok());
  EXPECT_EQ((*by_name)[0], 1);
  EXPECT_EQ((*by_name)[1], 0);
  EXPECT_EQ((*by_name)[2], -1);
  const auto by_index = ClassMap::Create(info, {}, 2);
  ASSERT_TRUE(by_index.ok());
  EXPECT_EQ((*by_index)[1], 1);
  EXPECT_THAT(ClassMap::Create(info, {}, 1000).status().ToString(),
              HasSubstr("2 classes and the model 1000"));
  EXPECT_THAT(ClassMap::Create(info, {"n01 tench", "other"}, 2).status().ToString(),
              HasSubstr("'n02' is not among"));
}

}  // namespace
}  // namespace whet
