#include <cstddef>
#include <cstdint>
#include <span>

#include "data/npz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)whet::data::ParseNpz(std::as_bytes(std::span(data, size))).ok();
  return 0;
}
