#include "data/postprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "data/draw.h"

namespace whet::data {
namespace {

using testing::HasSubstr;

DetectorPostprocess Settings(std::string_view text) {
  Result<DetectorPostprocess> settings = DetectorPostprocess::Parse(text);
  EXPECT_TRUE(settings.ok()) << settings.status().ToString();
  return settings.ok() ? *settings : DetectorPostprocess();
}

Array Zeros(const Shape& shape) { return std::move(*Array::Create(DType::kF32, shape)); }

// A photo of 200 x 100 letterboxed into 128 x 128.
const ImagePlacement kLetterboxed{200, 100, 128, 128, 0.64, 0.64, 0, 32};
const ImagePlacement kSame{100, 100, 100, 100, 1, 1, 0, 0};

TEST(DetectorPostprocess, PrintsAndParsesBack) {
  for (std::string_view text :
       {"decode=boxes",
        "decode=anchors,boxes=regressors,scores=classificators,strides=8:16,anchors=2:6,keypoints=6,"
        "activation=sigmoid,nms=weighted",
        "decode=anchors,boxes=a%2Cb|Identity%3A0,strides=16,anchors=2,format=center_yx,unit=normalized,iou=0."
        "25",
        "decode=yolo,objectness=yes,threshold=0.25,iou=0.45,max=300",
        "decode=heatmap,threshold=0.3,unclip=1.75,box_threshold=0.7", "decode=lines,nms=none,min_length=20",
        "decode=boxes,format=corners_yx,unit=pixel,background=0", "decode=boxes,scores=|a||b"}) {
    const DetectorPostprocess settings = Settings(text);
    EXPECT_EQ(settings.ToString(), text);
    EXPECT_EQ(Settings(settings.ToString()), settings);
  }
  EXPECT_EQ(Settings("decode=boxes,boxes=Identity%3A0").boxes[0], "Identity:0");
}

TEST(DetectorPostprocess, RefusesWhatItDoesNotKnow) {
  const auto error = [](std::string_view text) {
    return DetectorPostprocess::Parse(text).status().ToString();
  };
  EXPECT_THAT(error("decode=magic"), HasSubstr("not one of anchors, boxes"));
  EXPECT_THAT(error("decode=anchors"), HasSubstr("strides and anchors"));
  EXPECT_THAT(error("decode=anchors,strides=0,anchors=2"), HasSubstr("at least 1"));
  EXPECT_THAT(error("boxes=%4"), HasSubstr("hexadecimal"));
  EXPECT_THAT(error("threshold=high"), HasSubstr("not a number"));
}

TEST(DecodeAnchors, FindsAFaceOfTheShortRangeDetector) {
  const DetectorPostprocess settings =
      Settings("decode=anchors,strides=8:16,anchors=2:6,keypoints=6,activation=sigmoid,nms=weighted");
  Array boxes = Zeros(Shape({1, 896, 16}));
  Array scores = Zeros(Shape({1, 896, 1}));
  for (float& score : scores.as<float>()) score = -5;
  // Second anchor of the cell (3, 6) of the fine grid: its centre is at (28, 52).
  const size_t anchor = (6 * 16 + 3) * 2 + 1;
  scores.as<float>()[anchor] = 1e9f;  // limited, not infinite
  const float box[6] = {4, -4, 32, 16, 10, 2};
  std::copy_n(box, 6, boxes.as<float>().begin() + anchor * 16);
  const NamedView outputs[] = {{"regressors", boxes.view()}, {"classificators", scores.view()}};
  auto found = Decode(settings, outputs, kLetterboxed);
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  ASSERT_EQ(found->size(), 1u);
  const Detection& face = (*found)[0];
  EXPECT_NEAR(face.score, 1, 1e-6);
  EXPECT_NEAR(face.box.left, (28 + 4 - 16) / 0.64, 1e-3);
  EXPECT_NEAR(face.box.right, (28 + 4 + 16) / 0.64, 1e-3);
  EXPECT_NEAR(face.box.top, (52 - 4 - 8 - 32) / 0.64, 1e-3);
  EXPECT_NEAR(face.box.bottom, (52 - 4 + 8 - 32) / 0.64, 1e-3);
  ASSERT_EQ(face.points.size(), 6u);
  EXPECT_NEAR(face.points[0].x, (28 + 10) / 0.64, 1e-3);
  EXPECT_NEAR(face.points[0].y, (52 + 2 - 32) / 0.64, 1e-3);
}

TEST(DecodeAnchors, JoinsOutputsAndChecksTheAnchorCount) {
  const DetectorPostprocess settings =
      Settings("decode=anchors,boxes=b1|b2,scores=s1|s2,strides=64:128,anchors=1:2,activation=sigmoid");
  Array b1 = Zeros(Shape({1, 4, 4})), b2 = Zeros(Shape({1, 2, 4})), s1 = Zeros(Shape({1, 4, 1})),
        s2 = Zeros(Shape({1, 2, 1}));
  s2.as<float>()[1] = 3;
  b2.as<float>()[6] = b2.as<float>()[7] = 20;
  const NamedView outputs[] = {{"s1", s1.view()}, {"s2", s2.view()}, {"b1", b1.view()}, {"b2", b2.view()}};
  DetectorPostprocess strict = settings;
  strict.threshold = 0.9f;
  auto found = Decode(strict, outputs, {128, 128, 128, 128, 1, 1, 0, 0});
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  ASSERT_EQ(found->size(), 1u);
  EXPECT_FLOAT_EQ((*found)[0].box.left, 54);
  auto wrong = Decode(strict, outputs, {200, 200, 200, 200, 1, 1, 0, 0});
  EXPECT_THAT(wrong.ok() ? "" : wrong.status().ToString(), HasSubstr("more than the model's 6 boxes"));
}

TEST(DecodeBoxes, SkipsTheBackgroundAndSuppressesOverlaps) {
  const DetectorPostprocess settings = Settings("background=0,threshold=0.7");
  Array boxes = Zeros(Shape({1, 3, 4})), scores = Zeros(Shape({1, 3, 2}));
  const float corners[] = {0.1f, 0.1f, 0.5f, 0.5f, 0.12f, 0.1f, 0.5f, 0.5f, 0.6f, 0.6f, 1.2f, 0.9f};
  std::copy_n(corners, 12, boxes.as<float>().begin());
  const float probabilities[] = {0.1f, 0.9f, 0.2f, 0.8f, 0.25f, 0.75f};
  std::copy_n(probabilities, 6, scores.as<float>().begin());
  const NamedView outputs[] = {{"scores", scores.view()}, {"boxes", boxes.view()}};
  auto found = Decode(settings, outputs, kSame);
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].label, 0);
  EXPECT_FLOAT_EQ((*found)[0].box.left, 10);
  EXPECT_FLOAT_EQ((*found)[1].box.right, 100);  // clipped to the photo
}

TEST(DecodeBoxes, IgnoresNumbersThatAreNone) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Array boxes = Zeros(Shape({1, 2, 4})), scores = Zeros(Shape({1, 2, 1}));
  for (float& value : boxes.as<float>().subspan(0, 4)) value = nan;
  scores.as<float>()[0] = 0.9f;
  scores.as<float>()[1] = nan;
  const NamedView outputs[] = {{"scores", scores.view()}, {"boxes", boxes.view()}};
  auto found = Decode(Settings(""), outputs, kSame);
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_TRUE(found->empty());
}

TEST(DecodeBoxes, RefusesOutputsThatDoNotMatch) {
  Array boxes = Zeros(Shape({1, 3, 4})), scores = Zeros(Shape({1, 5, 1}));
  const NamedView outputs[] = {{"scores", scores.view()}, {"boxes", boxes.view()}};
  EXPECT_FALSE(Decode(Settings(""), outputs, kSame).ok());
  EXPECT_THAT(Decode(Settings("boxes=nothing"), outputs, kSame).status().ToString(),
              HasSubstr("it has: scores, boxes"));
  EXPECT_FALSE(Decode(Settings(""), {}, kSame).ok());
  EXPECT_FALSE(Decode(Settings("decode=yolo"), {}, kSame).ok());
}

TEST(DecodeYolo, ReadsBothLayouts) {
  // Two classes, eight boxes; the third is a class-1 object of 20 x 10 around (50, 40).
  Array rows = Zeros(Shape({1, 8, 6})), columns = Zeros(Shape({1, 6, 8}));
  const float box[6] = {50, 40, 20, 10, 0.1f, 0.9f};
  for (size_t i = 0; i < 6; ++i) rows.as<float>()[2 * 6 + i] = columns.as<float>()[i * 8 + 2] = box[i];
  for (const Array* output : {&rows, &columns}) {
    const NamedView outputs[] = {{"output0", output->view()}};
    auto found = Decode(Settings("decode=yolo"), outputs, kSame);
    ASSERT_TRUE(found.ok()) << found.status().ToString();
    ASSERT_EQ(found->size(), 1u);
    EXPECT_EQ((*found)[0].label, 1);
    EXPECT_FLOAT_EQ((*found)[0].box.left, 40);
    EXPECT_FLOAT_EQ((*found)[0].box.bottom, 45);
  }
}

TEST(DecodeHeatmap, MakesABoxOfEachConnectedRegion) {
  Array map = Zeros(Shape({1, 1, 50, 50}));
  for (size_t y = 10; y < 14; ++y) {
    for (size_t x = 5; x < 25; ++x) map.as<float>()[y * 50 + x] = 0.9f;
  }
  map.as<float>()[40 * 50 + 40] = 1;  // a speck
  const NamedView outputs[] = {{"map", map.view()}};
  auto found = Decode(Settings("decode=heatmap,threshold=0.3,unclip=1.5"), outputs, kSame);
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  ASSERT_EQ(found->size(), 1u);
  const float grow = 20 * 4 * 1.5f / (2 * 24);
  EXPECT_NEAR((*found)[0].box.left, (5 - grow) * 2, 1e-3);
  EXPECT_NEAR((*found)[0].box.bottom, (14 + grow) * 2, 1e-3);
}

TEST(DecodeLines, PlacesTheEndsOfSegments) {
  Array offsets = Zeros(Shape({1, 50, 50, 4})), scores = Zeros(Shape({1, 50, 50, 1}));
  scores.as<float>()[20 * 50 + 30] = 0.8f;
  const float ends[4] = {-10, -5, 10, 5};
  std::copy_n(ends, 4, offsets.as<float>().begin() + (20 * 50 + 30) * 4);
  scores.as<float>()[0] = 0.9f;  // of length 0
  const NamedView outputs[] = {{"offsets", offsets.view()}, {"scores", scores.view()}};
  auto found = Decode(Settings("decode=lines,threshold=0.2"), outputs, kSame);
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  ASSERT_EQ(found->size(), 1u);
  EXPECT_FLOAT_EQ((*found)[0].points[0].x, 40);
  EXPECT_FLOAT_EQ((*found)[0].points[1].y, 50);
}

TEST(Suppression, WeightsByScore) {
  std::vector<Detection> detections(2);
  detections[0] = {{0, 0, 10, 10}, 0.75f, 0, {{0, 0}}};
  detections[1] = {{4, 0, 14, 10}, 0.25f, 0, {{4, 8}}};
  const auto kept = SuppressNonMaxima(detections, Suppression::kWeighted, 0.3f);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_FLOAT_EQ(kept[0].box.left, 1);
  EXPECT_FLOAT_EQ(kept[0].points[0].y, 2);
  detections[1].label = 1;
  EXPECT_EQ(SuppressNonMaxima(detections, Suppression::kHard, 0.3f).size(), 2u);
}

TEST(Draw, StaysWithinThePicture) {
  Image image = *Image::Create(40, 30, 3);
  const float huge = 1e30f, nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<Detection> detections = {
      {{-huge, -huge, huge, huge}, 0.5f, 0, {{nan, 1}, {huge, -huge}, {3, 3}}},
      {{30, 20, 100, 100}, 0.5f, 3, {}},
      {{5, 5, 1, 1}, 0.5f, -3, {{-1e9f, 5}, {1e9f, 25}}}};
  const std::string labels[] = {"Face \xc3\xa9"};
  DrawDetections(&image, detections, labels, false);
  DrawDetections(&image, detections, labels, true);
  EXPECT_THAT(image.pixels, testing::Contains(testing::Gt(0)));
}

TEST(Draw, DrawsALineFromEndToEnd) {
  Image image = *Image::Create(20, 20, 3);
  DrawLine(&image, {2, 3}, {17, 3}, {255, 0, 0}, 1);
  EXPECT_EQ(image.at(2, 3)[0], 255);
  EXPECT_EQ(image.at(10, 3)[0], 255);
  EXPECT_EQ(image.at(17, 3)[0], 255);
  EXPECT_EQ(image.at(10, 4)[0], 0);
  DrawLine(&image, {-1e9f, 10}, {1e9f, 10}, {255, 0, 0}, 1);
  EXPECT_EQ(image.at(0, 10)[0], 255);
  EXPECT_EQ(image.at(19, 10)[0], 255);
}

TEST(Draw, TintsUnderTheMask) {
  Image image = *Image::Create(4, 2, 3);
  const float mask[] = {0, 1};
  ASSERT_TRUE(DrawMask(&image, mask, 2, 1, {200, 100, 0}, 0.5f).ok());
  EXPECT_EQ(image.at(0, 0)[0], 0);
  EXPECT_EQ(image.at(3, 1)[0], 100);
  EXPECT_FALSE(DrawMask(&image, mask, 3, 1, {}, 1).ok());
}

}  // namespace
}  // namespace whet::data
