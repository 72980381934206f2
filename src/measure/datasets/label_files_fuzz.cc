// The label files that people write by hand: YOLO's, and lists of files.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "measure/datasets/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)whet::ParseYoloLabels(text).ok();
  (void)whet::ParseLabelFile(text, [](std::string_view name) { return name.ends_with(".png"); }).ok();
  return 0;
}
