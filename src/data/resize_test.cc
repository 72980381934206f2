#include "data/resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace whet::data {
namespace {

using testing::ElementsAre;

constexpr Interpolation kAll[] = {Interpolation::kNearest, Interpolation::kBilinear,
                                  Interpolation::kAntialias, Interpolation::kArea, Interpolation::kBicubic};

Image Row(std::vector<uint8_t> values) {
  Image image;
  image.width = static_cast<int>(values.size());
  image.height = 1;
  image.channels = 1;
  image.pixels = std::move(values);
  return image;
}

std::vector<uint8_t> Resized(const Image& image, int width, Interpolation interpolation) {
  return Resize(image, width, image.height, interpolation)->pixels;
}

TEST(Resize, ConstantImagesStayConstant) {
  Image image = *Image::Create(23, 17, 3);
  std::fill(image.pixels.begin(), image.pixels.end(), uint8_t{77});
  for (Interpolation interpolation : kAll) {
    for (auto [width, height] : {std::pair{5, 4}, {23, 17}, {100, 90}, {1, 1}, {50, 3}}) {
      Result<Image> resized = Resize(image, width, height, interpolation);
      ASSERT_TRUE(resized.ok());
      for (uint8_t pixel : resized->pixels) ASSERT_EQ(pixel, 77) << InterpolationName(interpolation);
    }
  }
}

TEST(Resize, DoublingBilinearlyUsesHalfPixelCenters) {
  EXPECT_THAT(Resized(Row({0, 100}), 4, Interpolation::kBilinear), ElementsAre(0, 25, 75, 100));
  EXPECT_THAT(Resized(Row({0, 100}), 4, Interpolation::kNearest), ElementsAre(0, 0, 100, 100));
}

TEST(Resize, HalvingAreaTakesTheMean) {
  EXPECT_THAT(Resized(Row({0, 100, 50, 150}), 2, Interpolation::kArea), ElementsAre(50, 100));
  EXPECT_THAT(Resized(Row({0, 90, 30}), 2, Interpolation::kArea), ElementsAre(30, 50));
}

TEST(Resize, OnlyAntialiasedFiltersSeeEveryPixelWhenShrinking) {
  // One bright pixel among 16, between those that the others look at.
  std::vector<uint8_t> values(16, 0);
  values[1] = 240;
  EXPECT_THAT(Resized(Row(values), 2, Interpolation::kBilinear), ElementsAre(0, 0));
  EXPECT_GT(Resized(Row(values), 2, Interpolation::kAntialias)[0], 5);
  EXPECT_EQ(Resized(Row(values), 2, Interpolation::kArea)[0], 30);
}

TEST(Resize, BicubicOvershootIsClamped) {
  EXPECT_THAT(Resized(Row({0, 0, 255, 255}), 8, Interpolation::kBicubic)[1], 0);
  EXPECT_THAT(Resized(Row({0, 0, 255, 255}), 8, Interpolation::kBicubic)[5], 255);
}

TEST(Resize, AxesAreIndependent) {
  Image image = *Image::Create(2, 2, 1);
  image.pixels = {0, 100, 200, 255};
  const Image resized = *Resize(image, 1, 4, Interpolation::kArea);
  EXPECT_THAT(resized.pixels, ElementsAre(50, 94, 183, 228));
}

TEST(Crop, FillsWhatLiesOutside) {
  const Image image = Row({1, 2, 3});
  const Image cropped = *Crop(image, -1, -1, 3, 2, 9);
  EXPECT_THAT(cropped.pixels, ElementsAre(9, 9, 9, 9, 1, 2));
  EXPECT_THAT(Crop(image, 2147483647, 2147483647, 1, 1, 9)->pixels, ElementsAre(9));
}

TEST(Interpolation, NamesReadBack) {
  for (Interpolation interpolation : kAll) {
    Interpolation back = Interpolation::kNearest;
    EXPECT_TRUE(InterpolationFromName(InterpolationName(interpolation), &back));
    EXPECT_EQ(back, interpolation);
  }
  Interpolation unused;
  EXPECT_FALSE(InterpolationFromName("best", &unused));
}

}  // namespace
}  // namespace whet::data
