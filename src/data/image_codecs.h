// The two image formats behind DecodeImage.
#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "data/image.h"

namespace whet::data {

bool LooksLikePng(std::span<const std::byte> bytes);
bool LooksLikeJpeg(std::span<const std::byte> bytes);
Result<Image> DecodePng(std::span<const std::byte> bytes);
Result<Image> DecodeJpeg(std::span<const std::byte> bytes);

// The orientation in the body of a JPEG APP1 segment ("Exif\0\0", then a TIFF header), or 1.
int ExifOrientation(std::span<const std::byte> segment);

}  // namespace whet::data
