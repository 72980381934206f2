// Average precision counted by hand after COCO's rules.
#include <gmock/gmock.h>

#include <cmath>

#include "measure/metrics/metric_testing.h"

namespace whet {
namespace {

using testing::HasSubstr;

struct Found {
  data::Box box;
  float score;
  int label;
};

// A model that puts out [1, boxes, 6]-like tensors: corners in pixels and a score for each of two classes.
ModelDescription Detector() {
  ModelDescription model;
  model.outputs.push_back({"boxes", Type(DType::kF32, {Dim(1), Dim::Symbol("N"), Dim(4)})});
  model.outputs.push_back({"scores", Type(DType::kF32, {Dim(1), Dim::Symbol("N"), Dim(2)})});
  auto detector = data::DetectorPostprocess::Parse("decode=boxes,unit=pixel,nms=none,threshold=0.5");
  EXPECT_TRUE(detector.ok());
  model.detector = *detector;
  return model;
}

Answered Picture(std::vector<TrueBox> truths, const std::vector<Found>& found) {
  Answered answered;
  answered.sample->name = "picture";
  answered.sample->boxes = std::move(truths);
  std::vector<float> boxes;
  std::vector<float> scores;
  for (const Found& f : found) {
    boxes.insert(boxes.end(), {f.box.left, f.box.top, f.box.right, f.box.bottom});
    scores.push_back(f.label == 0 ? f.score : 0);
    scores.push_back(f.label == 1 ? f.score : 0);
  }
  const auto count = static_cast<int64_t>(found.size());
  answered.prediction.outputs.push_back(FloatTensor(Shape{1, count, 4}, boxes));
  answered.prediction.outputs.push_back(FloatTensor(Shape{1, count, 2}, scores));
  data::ImagePlacement& placement = answered.prediction.placement;
  placement.photo_width = placement.photo_height = placement.input_width = placement.input_height = 1000;
  return answered;
}

TrueBox Object(const data::Box& box, int label = 0, bool crowd = false) {
  TrueBox truth;
  truth.box = box;
  truth.label = label;
  truth.area = static_cast<double>(box.Area());
  truth.crowd = crowd;
  return truth;
}

data::Box At(float x) { return {x, 0, x + 100, 100}; }
// Overlaps At(x) by `part`, being its left part.
data::Box PartOf(float x, float part) { return {x, 0, x + 100 * part, 100}; }

double Measured(std::string_view metric, const std::vector<Answered>& pictures,
                std::vector<uint32_t> drawn = {}) {
  auto made = MakeMetric(metric);
  EXPECT_TRUE(made.ok());
  const Status status = Feed(**made, Detector(), SetOf(TruthKind::kBoxes), pictures);
  EXPECT_TRUE(status.ok()) << status.ToString();
  if (drawn.empty()) drawn.assign(pictures.size(), 1);
  return ValueOf(**made, drawn);
}

TEST(MeanAveragePrecision, OfAllFoundIsOne) {
  const std::vector<Answered> pictures = {Picture({Object(At(0))}, {{At(0), 0.9F, 0}}),
                                          Picture({Object(At(0), 1)}, {{At(0), 0.8F, 1}})};
  EXPECT_NEAR(Measured("map50", pictures), 1, 1e-12);
  EXPECT_NEAR(Measured("map", pictures), 1, 1e-12);
}

TEST(MeanAveragePrecision, IsTakenAt101Recalls) {
  // One of two objects found, at full precision: recalls 0 … 0.5 are 51 points of 101.
  EXPECT_NEAR(Measured("map50", {Picture({Object(At(0)), Object(At(300))}, {{At(0), 0.9F, 0}})}), 51.0 / 101,
              1e-12);
  // A false alarm before both hits: precisions 0, 1/2, 2/3, which makes 2/3 the best at every recall.
  EXPECT_NEAR(Measured("map50", {Picture({Object(At(0)), Object(At(300))},
                                         {{At(600), 0.9F, 0}, {At(0), 0.8F, 0}, {At(300), 0.7F, 0}})}),
              2.0 / 3, 1e-12);
  // Hit, false alarm, hit: 1 up to recall 0.5, then 2/3.
  EXPECT_NEAR(Measured("map50", {Picture({Object(At(0)), Object(At(300))},
                                         {{At(0), 0.9F, 0}, {At(600), 0.8F, 0}, {At(300), 0.7F, 0}})}),
              (51 + 50 * 2.0 / 3) / 101, 1e-12);
}

TEST(MeanAveragePrecision, RanksOverAllPictures) {
  // The false alarm of the second picture comes between the hits.
  const std::vector<Answered> pictures = {Picture({Object(At(0))}, {{At(0), 0.6F, 0}}),
                                          Picture({Object(At(0))}, {{At(0), 0.9F, 0}, {At(600), 0.7F, 0}})};
  EXPECT_NEAR(Measured("map50", pictures), (51 + 50 * 2.0 / 3) / 101, 1e-12);
  EXPECT_NEAR(Measured("map50", pictures, {1, 0}), 1, 1e-12);
  EXPECT_TRUE(std::isnan(Measured("map50", {pictures[0], Picture({}, {})}, {0, 1})));
}

TEST(MeanAveragePrecision, TakesEachObjectOnce) {
  // The second detection of the same object is a false alarm, the other object is missed.
  EXPECT_NEAR(
      Measured("map50", {Picture({Object(At(0)), Object(At(300))}, {{At(0), 0.9F, 0}, {At(0), 0.8F, 0}})}),
      51.0 / 101, 1e-12);
}

TEST(MeanAveragePrecision, OverlapDecidesAtEachThreshold) {
  // An overlap of 0.72 is a hit at 0.5, 0.55, 0.6, 0.65 and 0.7.
  const std::vector<Answered> pictures = {Picture({Object(At(0))}, {{PartOf(0, 0.72F), 0.9F, 0}})};
  EXPECT_NEAR(Measured("map50", pictures), 1, 1e-12);
  EXPECT_NEAR(Measured("map", pictures), 0.5, 1e-12);
  EXPECT_NEAR(Measured("map50", {Picture({Object(At(0))}, {{PartOf(0, 0.48F), 0.9F, 0}})}), 0, 1e-12);
}

TEST(MeanAveragePrecision, ClassesAreApartAndCountAlike) {
  // Class 0 is found, class 1 is called class 0.
  EXPECT_NEAR(Measured("map50", {Picture({Object(At(0)), Object(At(300), 1)},
                                         {{At(0), 0.9F, 0}, {At(300), 0.8F, 0}})}),
              0.5, 1e-12);
}

TEST(MeanAveragePrecision, CrowdsCountNeitherWay) {
  // Two detections within the crowd would otherwise be false alarms before the hit.
  const data::Box crowd{500, 0, 1000, 1000};
  const std::vector<Found> found = {{At(600), 0.9F, 0}, {At(700), 0.8F, 0}, {At(0), 0.7F, 0}};
  EXPECT_NEAR(Measured("map50", {Picture({Object(crowd, 0, true), Object(At(0))}, found)}), 1, 1e-12);
  EXPECT_NEAR(Measured("map50", {Picture({Object(At(0))}, found)}), 1.0 / 3, 1e-12);
  // An object inside the crowd is still the detection's.
  EXPECT_NEAR(Measured("map50", {Picture({Object(crowd, 0, true), Object(At(600))}, {{At(600), 0.9F, 0}})}),
              1, 1e-12);
}

TEST(MeanAveragePrecision, LowScoresMakeTheTailOfTheCurve) {
  // The detector's own threshold of 0.5 is not what is measured.
  EXPECT_NEAR(Measured("map50", {Picture({Object(At(0))}, {{At(0), 0.05F, 0}})}), 1, 1e-12);
}

TEST(MeanAveragePrecision, WhatDoesNotFitIsSaid) {
  const auto refused = [](const ModelDescription& model, const DatasetInfo& info,
                          const std::vector<Answered>& pictures) {
    auto made = MakeMetric("map");
    const Status status = Feed(**made, model, info, pictures);
    EXPECT_FALSE(status.ok());
    return status.ToString();
  };
  const DatasetInfo boxes = SetOf(TruthKind::kBoxes);
  EXPECT_THAT(refused(OneOutput({-1, 10}), boxes, {}), HasSubstr("--postprocess"));
  EXPECT_THAT(refused(Detector(), SetOf(TruthKind::kClass), {}), HasSubstr("needs boxes"));
  EXPECT_THAT(refused(Detector(), boxes, {Picture({}, {{At(0), 0.9F, 0}})}), HasSubstr("needs objects"));
  EXPECT_THAT(refused(Detector(), boxes, {Picture({Object(At(0))}, {{At(0), NAN, 0}})}),
              HasSubstr("holds nan"));
}

}  // namespace
}  // namespace whet
