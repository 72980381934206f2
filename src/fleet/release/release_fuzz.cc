#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fleet/release/release.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace whet::fleet;
  const auto release = ParseRelease(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!release.ok()) return 0;
  // What was read can be written, and is then read as the same.
  const std::string text = PrintRelease(*release);
  const auto again = ParseRelease(text);
  if (!again.ok() || PrintRelease(*again) != text) __builtin_trap();
  return 0;
}
