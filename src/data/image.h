// Pictures of 8 bits a channel: reading PNG and JPEG, writing PNG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace whet::data {

// Rows without padding, channels interleaved: 1 is grey, 3 is RGB, 4 is RGBA (not premultiplied).
struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<uint8_t> pixels;

  // Black (and transparent). kLimitExceeded beyond kMaxImagePixels.
  static Result<Image> Create(int width, int height, int channels);

  uint8_t* at(int x, int y) { return pixels.data() + offset(x, y); }
  const uint8_t* at(int x, int y) const { return pixels.data() + offset(x, y); }
  size_t offset(int x, int y) const {
    return (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) *
           static_cast<size_t>(channels);
  }
};

inline constexpr int64_t kMaxImagePixels = int64_t{1} << 27;

// Is it one of the formats that DecodeImage reads, by its first bytes?
bool LooksLikeImage(std::span<const std::byte> bytes);

// PNG or JPEG by its first bytes. The claimed size is checked against what the bytes could possibly unfold to
// before memory is taken. PNG: palettes and 1- to 16-bit depths become 8 bits, colour profiles are ignored.
// JPEG: turned upright as its EXIF orientation says; CMYK becomes RGB; a file that ends early is an error.
Result<Image> DecodeImage(std::span<const std::byte> bytes);
Result<Image> ReadImage(const std::string& path);

Result<std::string> EncodePng(const Image& image);
// Replaces `path` atomically.
Status WritePng(const std::string& path, const Image& image);

// To 1, 3 or 4 channels. Grey is 0.299 R + 0.587 G + 0.114 B; alpha is dropped, or 255 where there was none.
Result<Image> ConvertChannels(const Image& image, int channels);

// Turned upright from an EXIF orientation of 1 to 8; any other value changes nothing.
Result<Image> ApplyOrientation(Image image, int orientation);

}  // namespace whet::data
