#include <cstddef>
#include <cstdint>
#include <span>

#include "data/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)whet::data::DecodeImage(std::as_bytes(std::span(data, size))).ok();
  return 0;
}
