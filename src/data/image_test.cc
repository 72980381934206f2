#include "data/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include <jpeglib.h>

#include "data/image_codecs.h"

namespace whet::data {
namespace {

using testing::HasSubstr;

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string ErrorOf(const std::string& file) {
  Result<Image> image = DecodeImage(Bytes(file));
  return image.ok() ? "no error" : image.status().ToString();
}

Image Gradient(int width, int height, int channels) {
  Result<Image> image = Image::Create(width, height, channels);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        image->at(x, y)[c] = static_cast<uint8_t>(c == 0   ? x * 255 / width
                                                  : c == 1 ? y * 255 / height
                                                           : 100 + c);
      }
    }
  }
  return std::move(*image);
}

// A JPEG file, with an EXIF orientation if that is not 0.
std::string Jpeg(const Image& image, int orientation, bool progressive = false) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_width = static_cast<JDIMENSION>(image.width);
  jpeg.image_height = static_cast<JDIMENSION>(image.height);
  jpeg.input_components = image.channels;
  jpeg.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : image.channels == 4 ? JCS_CMYK : JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 98, TRUE);
  if (progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  if (orientation != 0) {
    std::string exif("Exif\0\0MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\0\0\0\0\0\0\0", 32);
    exif[25] = static_cast<char>(orientation);
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(exif.data()),
                      static_cast<unsigned>(exif.size()));
  }
  while (jpeg.next_scanline < jpeg.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(image.at(0, static_cast<int>(jpeg.next_scanline)));
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::string file(reinterpret_cast<char*>(buffer), size);
  std::free(buffer);
  return file;
}

TEST(Png, EveryKindOfImageComesBack) {
  for (int channels : {1, 3, 4}) {
    const Image image = Gradient(37, 19, channels);
    Result<std::string> file = EncodePng(image);
    ASSERT_TRUE(file.ok());
    Result<Image> back = DecodeImage(Bytes(*file));
    ASSERT_TRUE(back.ok()) << back.status().ToString();
    EXPECT_EQ(back->channels, channels);
    EXPECT_EQ(back->pixels, image.pixels);
  }
}

TEST(Png, RefusesTruncatedAndDamagedFiles) {
  const std::string file = *EncodePng(Gradient(64, 64, 3));
  for (size_t cut = 0; cut < file.size(); cut += 13)
    EXPECT_NE(ErrorOf(file.substr(0, cut)), "no error") << cut;
  std::string damaged = file;
  damaged[60] = static_cast<char>(damaged[60] ^ 0x55);
  EXPECT_THAT(ErrorOf(damaged), HasSubstr("broken PNG"));
}

TEST(Png, RefusesASizeThatTheFileCannotHold) {
  std::string file = *EncodePng(Gradient(8, 8, 3));
  // IHDR with a width and height of 60000 and its matching CRC-32.
  std::memcpy(&file[16], "\0\0\xea\x60\0\0\xea\x60", 8);
  uint32_t crc = 0xffffffff;
  for (size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<unsigned char>(file[i]);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
  }
  crc = ~crc;
  for (size_t i = 0; i < 4; ++i) file[29 + i] = static_cast<char>(crc >> (24 - 8 * i) & 255);
  EXPECT_THAT(ErrorOf(file), HasSubstr("60000 x 60000"));
}

TEST(Jpeg, ReadsGreyColorAndProgressive) {
  for (int channels : {1, 3}) {
    for (bool progressive : {false, true}) {
      const Image image = Gradient(50, 40, channels);
      Result<Image> back = DecodeImage(Bytes(Jpeg(image, 0, progressive)));
      ASSERT_TRUE(back.ok()) << back.status().ToString();
      ASSERT_EQ(back->channels, channels);
      ASSERT_EQ(back->pixels.size(), image.pixels.size());
      for (size_t i = 0; i < image.pixels.size(); ++i) EXPECT_NEAR(back->pixels[i], image.pixels[i], 8);
    }
  }
}

TEST(Jpeg, ReadsCmykAsRgb) {
  Result<Image> inks = Image::Create(16, 16, 4);
  for (size_t i = 0; i < inks->pixels.size(); i += 4) std::memcpy(&inks->pixels[i], "\xff\x80\x00\xff", 4);
  Result<Image> image = DecodeImage(Bytes(Jpeg(*inks, 0)));
  ASSERT_TRUE(image.ok()) << image.status().ToString();
  ASSERT_EQ(image->channels, 3);
  // libjpeg marks its CMYK files as Adobe's, whose values are 255 less the ink.
  EXPECT_NEAR(image->at(5, 5)[0], 255, 3);
  EXPECT_NEAR(image->at(5, 5)[1], 128, 3);
  EXPECT_NEAR(image->at(5, 5)[2], 0, 3);
}

TEST(Jpeg, IsTurnedUprightAsExifSays) {
  // Red grows to the right and green downwards; where does the brightest red go?
  struct Case {
    int orientation;
    bool transposed;
    int red_x, red_y;  // the direction in which red grows
    int green_x, green_y;
  };
  constexpr Case kCases[] = {{1, false, 1, 0, 0, 1},  {2, false, -1, 0, 0, 1}, {3, false, -1, 0, 0, -1},
                             {4, false, 1, 0, 0, -1}, {5, true, 0, 1, 1, 0},   {6, true, 0, 1, -1, 0},
                             {7, true, 0, -1, -1, 0}, {8, true, 0, -1, 1, 0}};
  const Image image = Gradient(64, 32, 3);
  for (const Case& c : kCases) {
    Result<Image> turned = DecodeImage(Bytes(Jpeg(image, c.orientation)));
    ASSERT_TRUE(turned.ok()) << turned.status().ToString();
    EXPECT_EQ(turned->width, c.transposed ? 32 : 64) << c.orientation;
    const int x = turned->width / 2, y = turned->height / 2;
    const auto slope = [&](int channel, int dx, int dy) {
      return turned->at(x + 8 * dx, y + 8 * dy)[channel] - turned->at(x - 8 * dx, y - 8 * dy)[channel];
    };
    EXPECT_GT(slope(0, c.red_x, c.red_y), 20) << c.orientation;
    EXPECT_GT(slope(1, c.green_x, c.green_y), 20) << c.orientation;
  }
}

TEST(Jpeg, AbsurdExifIsIgnored) {
  EXPECT_EQ(ExifOrientation(Bytes("")), 1);
  EXPECT_EQ(ExifOrientation(Bytes(std::string("Exif\0\0II*\0\xff\xff\xff\xff", 14))), 1);
  EXPECT_EQ(ExifOrientation(Bytes(std::string("Exif\0\0II*\0\x08\0\0\0\xff\xff", 16))), 1);
  EXPECT_EQ(
      ExifOrientation(Bytes(std::string("Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\x63\0\0\0", 28))), 1);
  EXPECT_EQ(ExifOrientation(Bytes(std::string("Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0", 28))),
            6);
}

TEST(Jpeg, RefusesTruncatedFiles) {
  const std::string file = Jpeg(Gradient(64, 64, 3), 0);
  for (size_t cut = 0; cut + 2 < file.size(); cut += 11)
    EXPECT_NE(ErrorOf(file.substr(0, cut)), "no error") << cut;
}

TEST(Jpeg, RefusesASizeThatTheFileCannotHold) {
  std::string file = Jpeg(Gradient(64, 64, 3), 0);
  const size_t frame = file.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  std::memcpy(&file[frame + 5], "\xea\x60\xea\x60", 4);
  EXPECT_THAT(ErrorOf(file), HasSubstr("60000 x 60000"));
}

TEST(Image, RefusesWhatIsNoImage) {
  EXPECT_THAT(ErrorOf("GIF89a"), HasSubstr("neither a PNG nor a JPEG"));
  EXPECT_FALSE(Image::Create(0, 5, 3).ok());
  EXPECT_FALSE(Image::Create(5, 5, 2).ok());
  EXPECT_EQ(Image::Create(1 << 20, 1 << 20, 3).status().code(), Code::kLimitExceeded);
}

TEST(Image, GreyKeepsWhiteAndBlack) {
  Result<Image> image = Image::Create(2, 1, 3);
  std::memcpy(image->pixels.data(), "\xff\xff\xff\0\0\0", 6);
  Result<Image> grey = ConvertChannels(*image, 1);
  ASSERT_TRUE(grey.ok());
  EXPECT_EQ(grey->pixels, (std::vector<uint8_t>{255, 0}));
  Result<Image> opaque = ConvertChannels(*grey, 4);
  ASSERT_TRUE(opaque.ok());
  EXPECT_EQ(opaque->pixels, (std::vector<uint8_t>{255, 255, 255, 255, 0, 0, 0, 255}));
}

TEST(Image, ErrorsNameTheFile) {
  Result<Image> image = ReadImage("/nonexistent/photo.jpg");
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.status().code(), Code::kNotFound);
  EXPECT_THAT(image.status().ToString(), HasSubstr("/nonexistent/photo.jpg"));
}

}  // namespace
}  // namespace whet::data
