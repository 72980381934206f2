#include <cstddef>
#include <cstdint>
#include <span>

#include "data/audio.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)whet::data::DecodeWav(std::as_bytes(std::span(data, size))).ok();
  return 0;
}
