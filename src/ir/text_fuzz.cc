// The text form: whatever is parsed prints and parses back to the same.

#include <cstdint>
#include <cstdlib>

#include "ir/text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto graph = whet::ParseText({reinterpret_cast<const char*>(data), size});
  if (!graph.ok()) return 0;
  const std::string text = whet::ToText(**graph);
  const auto again = whet::ParseText(text);
  if (!again.ok() || whet::ToText(**again) != text) std::abort();
  return 0;
}
