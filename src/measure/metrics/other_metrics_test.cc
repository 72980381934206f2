// Segmentation, verification and recognition, against values counted by hand.
#include <gmock/gmock.h>

#include <cmath>

#include "measure/metrics/metric_testing.h"

namespace whet {
namespace {

using testing::HasSubstr;

double Measured(std::string_view metric, const ModelDescription& model, const DatasetInfo& info,
                const std::vector<Answered>& samples, std::vector<uint32_t> drawn = {}) {
  auto made = MakeMetric(metric);
  EXPECT_TRUE(made.ok());
  const Status status = Feed(**made, model, info, samples);
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

// --- segmentation

Answered Masked(int64_t height, int64_t width, const std::vector<int32_t>& mask, const Shape& shape,
                const std::vector<float>& output) {
  Answered answered;
  answered.sample->name = "picture";
  auto array = data::Array::Create(DType::kI32, Shape{height, width});
  EXPECT_TRUE(array.ok());
  std::copy(mask.begin(), mask.end(), array->as<int32_t>().begin());
  answered.sample->mask = std::move(*array);
  answered.prediction.outputs.push_back(FloatTensor(shape, output));
  return answered;
}

TEST(MeanIou, CountsPixelsOverAllSamples) {
  const ModelDescription model = OneOutput({-1, 2, 2, 1});
  std::vector<Answered> samples;
  // Class 1: 1 of 3 pixels; class 0: 1 of 3.
  samples.push_back(Masked(2, 2, {1, 1, 0, 0}, Shape{1, 2, 2, 1}, {0.9F, 0.2F, 0.1F, 0.5F}));
  EXPECT_NEAR(Measured("miou", model, SetOf(TruthKind::kMask), samples), 1.0 / 3, 1e-12);
  // All of class 1, and right.
  samples.push_back(Masked(2, 2, {1, 1, 1, 1}, Shape{1, 2, 2, 1}, {1, 1, 1, 1}));
  EXPECT_NEAR(Measured("miou", model, SetOf(TruthKind::kMask), samples), (1.0 / 3 + 5.0 / 7) / 2, 1e-12);
  EXPECT_NEAR(Measured("miou", model, SetOf(TruthKind::kMask), samples, {0, 1}), 1, 1e-12);
}

TEST(MeanIou, TakesTheLikeliestClassInEitherLayout) {
  // What is not labelled does not count.
  const std::vector<int32_t> mask = {2, 0, 255, -1};
  std::vector<float> last = {0, 1, 2, 5, 1, 2, 0, 9, 0, 0, 9, 0};
  EXPECT_EQ(Measured("miou", OneOutput({-1, 4, 1, 3}), SetOf(TruthKind::kMask),
                     {Masked(4, 1, mask, Shape{1, 4, 1, 3}, last)}),
            1);
  std::vector<float> first(2 * 4 * 4);
  for (size_t p = 0; p < 16; ++p) first[(p < 8 ? 0 : 1) * 16 + p] = 1;
  std::vector<int32_t> halves(16);
  for (size_t p = 8; p < 16; ++p) halves[p] = 1;
  EXPECT_EQ(Measured("miou", OneOutput({-1, 2, 4, 4}), SetOf(TruthKind::kMask),
                     {Masked(4, 4, halves, Shape{1, 2, 4, 4}, first)}),
            1);
}

TEST(MeanIou, FindsThePictureInTheInput) {
  // A picture of 4x2, letterboxed into 4x4; the model answers in 2x2.
  Answered answered = Masked(2, 4, {0, 0, 1, 1, 0, 0, 1, 1}, Shape{1, 4, 4, 1},
                             {1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1});
  data::ImagePlacement& place = answered.prediction.placement;
  place.photo_width = 4;
  place.photo_height = 2;
  place.input_width = place.input_height = 4;
  place.offset_y = 1;
  EXPECT_EQ(Measured("miou", OneOutput({-1, 4, 4, 1}), SetOf(TruthKind::kMask), {answered}), 1);
}

TEST(MeanIou, WhatDoesNotFitIsSaid) {
  const DatasetInfo masks = SetOf(TruthKind::kMask);
  EXPECT_THAT(Refused("miou", OneOutput({-1, 10}), masks, {}), HasSubstr("looks like a map"));
  EXPECT_THAT(
      Refused("miou", OneOutput({-1, 1, 1, 2}), masks, {Masked(1, 1, {7}, Shape{1, 1, 1, 2}, {1, 2})}),
      HasSubstr("has class 7"));
  EXPECT_THAT(Refused("miou", OneOutput({-1, 1, 1, 2}), SetOf(TruthKind::kClass), {}),
              HasSubstr("needs masks"));
}

// --- verification

Answered Embedded(int label, const std::vector<float>& embedding) {
  Answered answered;
  answered.sample->name = "face";
  answered.sample->label = label;
  answered.prediction.outputs.push_back(
      FloatTensor(Shape{1, static_cast<int64_t>(embedding.size())}, embedding));
  return answered;
}

// A unit vector at this angle, times a length that must not matter.
Answered AtAngle(int label, double degrees, float length = 1) {
  const double radians = degrees * std::acos(-1.0) / 180;
  return Embedded(label, {length * static_cast<float>(std::cos(radians)),
                          length * static_cast<float>(std::sin(radians))});
}

TEST(EqualErrorRate, OfSeparateClassesIsZero) {
  EXPECT_EQ(Measured("eer", OneOutput({-1, 2}), SetOf(TruthKind::kClass),
                     {AtAngle(0, 0), AtAngle(0, 5, 7), AtAngle(1, 90), AtAngle(1, 95, 0.1F)}),
            0);
}

TEST(EqualErrorRate, IsWhereTheTwoErrorsMeet) {
  // Like pairs are 10 and 40 degrees apart; unlike ones 20, 60, 30 and 70. By ascending angle: like 10,
  // unlike 20, unlike 30, like 40, unlike 60, 70. At 20 a quarter of the unlike is accepted and half of the
  // like rejected, at 30 half and half.
  const std::vector<Answered> samples = {AtAngle(0, 0), AtAngle(0, -10), AtAngle(1, 20), AtAngle(1, 60)};
  EXPECT_NEAR(Measured("eer", OneOutput({-1, 2}), SetOf(TruthKind::kClass), samples), 0.5, 1e-9);
  // All unlike pairs are nearer than the only like one.
  EXPECT_NEAR(Measured("eer", OneOutput({-1, 2}), SetOf(TruthKind::kClass),
                       {AtAngle(0, 0), AtAngle(0, 90), AtAngle(1, 45)}),
              1, 1e-9);
  // Equal angles: like and unlike are accepted together, so the curves cross half way.
  EXPECT_NEAR(Measured("eer", OneOutput({-1, 2}), SetOf(TruthKind::kClass),
                       {AtAngle(0, 0), AtAngle(0, 0), AtAngle(1, 0)}),
              0.5, 1e-9);
}

TEST(EqualErrorRate, WhatDoesNotFitIsSaid) {
  const DatasetInfo classes = SetOf(TruthKind::kClass);
  EXPECT_THAT(Refused("eer", OneOutput({-1, 2}), classes, {AtAngle(0, 0), AtAngle(1, 0)}),
              HasSubstr("only the latter"));
  EXPECT_THAT(Refused("eer", OneOutput({-1, 2}), classes, {AtAngle(0, 0), Embedded(0, {0, 0})}),
              HasSubstr("all zero"));
  EXPECT_THAT(Refused("eer", OneOutput({-1, 2}), classes, std::vector<Answered>(3001)), HasSubstr("--limit"));
}

// --- recognition

ModelDescription Recognizer() {
  ModelDescription model = OneOutput({1, -1, 5});
  model.labels = {"<blank>", "a", "b", "c", "|"};
  return model;
}

// The classes of each step, as indices of the alphabet.
Answered Recognized(const std::string& transcript, const std::vector<int>& steps, int64_t classes = 5) {
  std::vector<float> scores(steps.size() * static_cast<size_t>(classes));
  for (size_t step = 0; step < steps.size(); ++step) {
    scores[step * static_cast<size_t>(classes) + static_cast<size_t>(steps[step])] = 1;
  }
  Answered answered;
  answered.sample->name = "line";
  answered.sample->transcript = transcript;
  answered.prediction.outputs.push_back(
      FloatTensor(Shape{1, static_cast<int64_t>(steps.size()), classes}, scores));
  return answered;
}

TEST(ErrorRate, JoinsRepetitionsAndLeavesOutBlanks) {
  // "ab a", with a repeated and parted by a blank.
  const Answered answered = Recognized("ab a", {1, 1, 0, 2, 2, 4, 0, 1});
  EXPECT_EQ(Measured("cer", Recognizer(), SetOf(TruthKind::kText), {answered}), 0);
  EXPECT_EQ(Measured("wer", Recognizer(), SetOf(TruthKind::kText), {answered}), 0);
  EXPECT_EQ(Measured("cer", Recognizer(), SetOf(TruthKind::kText), {Recognized("aab", {1, 0, 1, 1, 2})}), 0);
}

TEST(ErrorRate, CountsTheLeastEdits) {
  // "abc" for "ac": one of two characters inserted; "c" for "ab b": two words, one replaced, one missing.
  const std::vector<Answered> samples = {Recognized("ac", {1, 2, 3}), Recognized("ab b", {3})};
  EXPECT_NEAR(Measured("cer", Recognizer(), SetOf(TruthKind::kText), samples), (1.0 + 4) / (2 + 4), 1e-12);
  EXPECT_NEAR(Measured("wer", Recognizer(), SetOf(TruthKind::kText), samples), (1.0 + 2) / (1 + 2), 1e-12);
  EXPECT_NEAR(Measured("wer", Recognizer(), SetOf(TruthKind::kText), samples, {0, 2}), 1, 1e-12);
  // Characters of several bytes are one.
  EXPECT_NEAR(Measured("cer", Recognizer(), SetOf(TruthKind::kText),
                       {Recognized("\xc3\xa4"
                                   "b",
                                   {1, 2})}),
              0.5, 1e-12);
}

TEST(ErrorRate, BlankAndSpaceMayBeOutsideTheAlphabet) {
  ModelDescription model = OneOutput({1, -1, 4});
  model.labels = {"a", "b"};
  EXPECT_EQ(Measured("cer", model, SetOf(TruthKind::kText), {Recognized("ab a", {1, 0, 2, 3, 1}, 4)}), 0);
}

TEST(ErrorRate, WhatDoesNotFitIsSaid) {
  const DatasetInfo text = SetOf(TruthKind::kText);
  EXPECT_THAT(Refused("wer", OneOutput({1, -1, 5}), text, {}), HasSubstr("--labels"));
  EXPECT_THAT(Refused("wer", Recognizer(), SetOf(TruthKind::kClass), {}), HasSubstr("needs transcripts"));
  EXPECT_THAT(Refused("wer", Recognizer(), text, {Recognized("a", {1}, 9)}),
              HasSubstr("does not give each step"));
  EXPECT_TRUE(std::isnan(Measured("wer", Recognizer(), text, {Recognized("", {1})})));
}

}  // namespace
}  // namespace whet
