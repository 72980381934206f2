#include "data/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace whet::data {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

ImagePreprocess Settings(std::string_view text) {
  Result<ImagePreprocess> settings = ImagePreprocess::Parse(text);
  EXPECT_TRUE(settings.ok()) << settings.status().ToString();
  return settings.ok() ? *settings : ImagePreprocess();
}

Image Solid(int width, int height, uint8_t red, uint8_t green, uint8_t blue) {
  Image image = *Image::Create(width, height, 3);
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    image.pixels[i] = red;
    image.pixels[i + 1] = green;
    image.pixels[i + 2] = blue;
  }
  return image;
}

TEST(ImagePreprocess, PrintsAndParsesBack) {
  for (std::string_view text :
       {"", "size=320x240,resize=letterbox,pad=114,interp=area,order=bgr,mean=104:117:123,layout=nchw",
        "max_side=960,multiple=32,order=rgb,mean=123.675:116.28:103.53,scale=0.017124753:0.0175070:0."
        "017429193",
        "resize=crop,crop=0.875,interp=antialias,align=corner,order=grey,scale=0.003921569,layout=nhwc"}) {
    const ImagePreprocess settings = Settings(text);
    EXPECT_EQ(Settings(settings.ToString()), settings) << settings.ToString();
  }
  EXPECT_EQ(Settings("scale=1/255,mean=127.5").ToString(), "mean=127.5,scale=0.003921569");
  EXPECT_EQ(ImagePreprocess().ToString(), "");
}

TEST(ImagePreprocess, RefusesWhatItDoesNotKnow) {
  const auto error = [](std::string_view text) { return ImagePreprocess::Parse(text).status().ToString(); };
  EXPECT_THAT(error("resize=zoom"), HasSubstr("resize: 'zoom' is not one of stretch, letterbox, crop"));
  EXPECT_THAT(error("colour=rgb"), HasSubstr("known are: size"));
  EXPECT_THAT(error("mean=1:2:3:4:5"), HasSubstr("more than 4"));
  EXPECT_THAT(error("scale=1/0"), HasSubstr("not a number"));
  EXPECT_THAT(error("scale=nan"), HasSubstr("not a number"));
  EXPECT_THAT(error("size=0x5"), HasSubstr("whole number"));
  EXPECT_THAT(error("pad=1,pad=2"), HasSubstr("twice"));
  EXPECT_THAT(error("pad"), HasSubstr("key=value"));
}

TEST(Preprocess, TellsTheLayoutByTheChannels) {
  const Image image = Solid(8, 8, 10, 20, 30);
  Result<ImageInput> nchw = Preprocess(image, Settings("mean=10,scale=1/10"), {DType::kF32, {1, 3, 2, 4}});
  ASSERT_TRUE(nchw.ok()) << nchw.status().ToString();
  EXPECT_EQ(nchw->array.shape(), Shape({1, 3, 2, 4}));
  EXPECT_THAT(nchw->array.as<float>().subspan(0, 8), Each(0.0f));
  EXPECT_THAT(nchw->array.as<float>().subspan(16, 8), Each(2.0f));
  Result<ImageInput> nhwc = Preprocess(image, Settings("order=bgr"), {DType::kF32, {2, 1, 1, 3}});
  ASSERT_TRUE(nhwc.ok()) << nhwc.status().ToString();
  EXPECT_THAT(nhwc->array.as<float>(), ElementsAre(30, 20, 10, 30, 20, 10));
}

TEST(Preprocess, LetterboxesAndMapsBack) {
  const Image image = Solid(200, 100, 255, 255, 255);
  Result<ImageInput> input =
      Preprocess(image, Settings("resize=letterbox,pad=114"), {DType::kF32, {1, 128, 128, 3}});
  ASSERT_TRUE(input.ok()) << input.status().ToString();
  const auto at = [&](size_t x, size_t y) { return input->array.as<float>()[(y * 128 + x) * 3]; };
  EXPECT_EQ(at(64, 31), 114);
  EXPECT_EQ(at(64, 32), 255);
  EXPECT_EQ(at(64, 95), 255);
  EXPECT_EQ(at(64, 96), 114);
  EXPECT_NEAR(input->placement.PhotoX(128), 200, 1e-9);
  EXPECT_NEAR(input->placement.PhotoY(32), 0, 1e-9);
  EXPECT_NEAR(input->placement.PhotoY(96), 100, 1e-9);
}

TEST(Preprocess, CropsTheMiddleAndMapsBack) {
  Image image = Solid(400, 200, 0, 0, 0);
  for (int y = 0; y < 200; ++y) {
    for (int x = 200; x < 400; ++x) image.at(x, y)[0] = 255;
  }
  Result<ImageInput> input = Preprocess(image, Settings("resize=crop"), {DType::kF32, {1, 3, 100, 100}});
  ASSERT_TRUE(input.ok()) << input.status().ToString();
  EXPECT_EQ(input->array.as<float>()[49], 0);
  EXPECT_EQ(input->array.as<float>()[50], 255);
  EXPECT_NEAR(input->placement.PhotoX(0), 100, 1e-9);
  EXPECT_NEAR(input->placement.PhotoX(100), 300, 1e-9);
  EXPECT_NEAR(input->placement.PhotoY(100), 200, 1e-9);
}

TEST(Preprocess, FreeSizesFollowThePicture) {
  const Image image = Solid(1000, 500, 1, 2, 3);
  Result<ImageInput> input =
      Preprocess(image, Settings("max_side=640,multiple=32"), {DType::kF32, {-1, 3, -1, -1}});
  ASSERT_TRUE(input.ok()) << input.status().ToString();
  EXPECT_EQ(input->array.shape(), Shape({1, 3, 320, 640}));
  Result<ImageInput> line = Preprocess(image, Settings("multiple=8"), {DType::kF32, {-1, 3, 48, -1}});
  ASSERT_TRUE(line.ok()) << line.status().ToString();
  EXPECT_EQ(line->array.shape(), Shape({1, 3, 48, 96}));
}

TEST(Preprocess, QuantizesForIntegerInputs) {
  const Image image = Solid(2, 2, 0, 128, 255);
  InputSpec spec{DType::kI8, {1, 1, 1, 3}};
  spec.quant_scale = 1.0f / 255;
  spec.zero_point = -128;
  Result<ImageInput> input = Preprocess(image, Settings("scale=1/255"), spec);
  ASSERT_TRUE(input.ok()) << input.status().ToString();
  EXPECT_THAT(input->array.as<int8_t>(), ElementsAre(-128, 0, 127));
  Result<ImageInput> raw = Preprocess(image, {}, {DType::kU8, {1, 1, 3}});
  ASSERT_TRUE(raw.ok()) << raw.status().ToString();
  EXPECT_THAT(raw->array.as<uint8_t>(), ElementsAre(0, 128, 255));
}

TEST(Preprocess, RefusesInputsThatAreNoPictures) {
  const Image image = Solid(2, 2, 0, 0, 0);
  EXPECT_FALSE(Preprocess(image, {}, {DType::kF32, {1, 512}}).ok());
  EXPECT_FALSE(Preprocess(image, {}, {DType::kF32, {1, 7, 32, 32}}).ok());
  EXPECT_FALSE(Preprocess(image, Settings("order=grey"), {DType::kF32, {1, 3, 32, 32}}).ok());
  EXPECT_FALSE(Preprocess(image, Settings("size=64x64"), {DType::kF32, {1, 3, 32, 32}}).ok());
  EXPECT_FALSE(Preprocess(image, Settings("mean=1:2"), {DType::kF32, {1, 3, 32, 32}}).ok());
  EXPECT_FALSE(
      Preprocess(Solid(1, 60000, 0, 0, 0), Settings("resize=crop"), {DType::kF32, {1, 60000, 60000, 3}})
          .ok());
}

TEST(AudioPreprocess, PrintsAndParsesBack) {
  for (std::string_view text : {"", "rate=8000,mono=no,scale=32768,frame=512,hop=160"}) {
    Result<AudioPreprocess> settings = AudioPreprocess::Parse(text);
    ASSERT_TRUE(settings.ok()) << settings.status().ToString();
    EXPECT_EQ(settings->ToString(), text);
  }
  EXPECT_FALSE(AudioPreprocess::Parse("mono=maybe").ok());
  EXPECT_FALSE(AudioPreprocess::Parse("rate=-1").ok());
}

TEST(Preprocess, CutsSoundIntoFrames) {
  const Audio audio{16000, 1, {0.1f, 0.2f, 0.3f, 0.4f, 0.5f}};
  Result<AudioPreprocess> settings = AudioPreprocess::Parse("frame=2,scale=10");
  Result<std::vector<Array>> frames = Preprocess(audio, *settings, {DType::kF32, {-1, -1}});
  ASSERT_TRUE(frames.ok()) << frames.status().ToString();
  ASSERT_EQ(frames->size(), 3u);
  EXPECT_EQ((*frames)[0].shape(), Shape({1, 2}));
  EXPECT_THAT((*frames)[2].as<float>(), ElementsAre(5, 0));
  EXPECT_FALSE(Preprocess(audio, *settings, {DType::kF32, {1, 512}}).ok());
  Result<std::vector<Array>> whole = Preprocess(audio, {}, {DType::kF32, {1, -1}});
  ASSERT_TRUE(whole.ok()) << whole.status().ToString();
  EXPECT_EQ((*whole)[0].shape(), Shape({1, 5}));
}

}  // namespace
}  // namespace whet::data
