#include <cstddef>
#include <cstdint>
#include <span>

#include "measure/datasets/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto header = whet::ParseIdxHeader(std::as_bytes(std::span(data, size)));
  if (header.ok() && header->file_bytes() < header->data_offset) __builtin_trap();
  return 0;
}
