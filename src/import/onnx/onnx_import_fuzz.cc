// The ONNX importer: whatever is read is a valid Graph that prints and parses back.

#include <cstdint>
#include <cstdlib>

#include "import/onnx/onnx_import.h"
#include "ir/text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto graph = whet::ImportOnnxBytes(std::as_bytes(std::span(data, size)), "fuzz", {.max_nodes = 1000});
  if (!graph.ok()) return 0;
  const std::string text = whet::ToText(**graph);
  const auto again = whet::ParseText(text);
  if (!again.ok() || whet::ToText(**again) != text) std::abort();
  return 0;
}
