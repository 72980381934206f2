#include "data/image.h"

#include <new>
#include <utility>

#include "base/file.h"
#include "data/image_codecs.h"

namespace whet::data {

Result<Image> Image::Create(int width, int height, int channels) {
  if (width <= 0 || height <= 0 || (channels != 1 && channels != 3 && channels != 4)) {
    return Error(Code::kInvalidArgument, "an image cannot be %d x %d with %d channels", width, height,
                 channels);
  }
  if (int64_t{width} * height > kMaxImagePixels) {
    return Error(Code::kLimitExceeded, "an image of %d x %d is larger than the limit of %lld pixels", width,
                 height, static_cast<long long>(kMaxImagePixels));
  }
  Image image;
  image.width = width;
  image.height = height;
  image.channels = channels;
  try {
    image.pixels.resize(image.offset(0, height));
  } catch (const std::bad_alloc&) {
    return Error(Code::kOutOfMemory, "there is no memory for an image of %d x %d", width, height);
  }
  return image;
}

bool LooksLikeImage(std::span<const std::byte> bytes) { return LooksLikePng(bytes) || LooksLikeJpeg(bytes); }

Result<Image> DecodeImage(std::span<const std::byte> bytes) {
  if (LooksLikePng(bytes)) return DecodePng(bytes);
  if (LooksLikeJpeg(bytes)) return DecodeJpeg(bytes);
  return Error(Code::kBadFile, "is neither a PNG nor a JPEG image; convert it to one of them");
}

Result<Image> ReadImage(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  Result<Image> image = DecodeImage(file.bytes());
  if (!image.ok()) return image.TakeStatus().At(path);
  return image;
}

Status WritePng(const std::string& path, const Image& image) {
  WHET_ASSIGN_OR_RETURN(const std::string bytes, EncodePng(image));
  return WriteFileAtomically(path, std::as_bytes(std::span(bytes.data(), bytes.size())));
}

Result<Image> ConvertChannels(const Image& image, int channels) {
  if (channels == image.channels) return Image(image);
  WHET_ASSIGN_OR_RETURN(Image result, Image::Create(image.width, image.height, channels));
  const size_t count = static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
  const uint8_t* from = image.pixels.data();
  uint8_t* to = result.pixels.data();
  for (size_t i = 0; i < count; ++i, from += image.channels, to += channels) {
    if (channels == 1) {
      // The weights sum to 2^16, so white stays white.
      to[0] = static_cast<uint8_t>((19595u * from[0] + 38470u * from[1] + 7471u * from[2] + 32768u) >> 16);
      continue;
    }
    for (int c = 0; c < 3; ++c) to[c] = image.channels == 1 ? from[0] : from[c];
    if (channels == 4) to[3] = 255;
  }
  return result;
}

Result<Image> ApplyOrientation(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool transposed = orientation >= 5;
  // For each result pixel, where it comes from: x and y swapped first, then each flipped.
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  WHET_ASSIGN_OR_RETURN(Image result, Image::Create(transposed ? image.height : image.width,
                                                    transposed ? image.width : image.height, image.channels));
  for (int y = 0; y < result.height; ++y) {
    for (int x = 0; x < result.width; ++x) {
      int from_x = transposed ? y : x;
      int from_y = transposed ? x : y;
      if (flip_x) from_x = image.width - 1 - from_x;
      if (flip_y) from_y = image.height - 1 - from_y;
      const uint8_t* from = image.at(from_x, from_y);
      uint8_t* to = result.at(x, y);
      for (int c = 0; c < image.channels; ++c) to[c] = from[c];
    }
  }
  return result;
}

}  // namespace whet::data
