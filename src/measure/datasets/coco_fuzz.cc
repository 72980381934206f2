#include <cstddef>
#include <cstdint>
#include <string_view>

#include "measure/datasets/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto set = whet::ParseCoco({reinterpret_cast<const char*>(data), size});
  if (!set.ok()) return 0;
  for (const whet::CocoImage& image : set->images) {
    for (const whet::TrueBox& box : image.boxes) {
      if (box.label < 0 || static_cast<size_t>(box.label) >= set->classes.size()) __builtin_trap();
    }
  }
  return 0;
}
