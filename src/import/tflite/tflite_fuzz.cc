#include <cstddef>
#include <cstdint>
#include <span>

#include "import/tflite/tflite_import.h"
#include "ir/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto graph = whet::ImportTfliteBytes(std::as_bytes(std::span(data, size)), nullptr, "fuzz");
  // What is imported keeps every rule of a Graph.
  if (graph.ok() && !whet::VerifyGraph(**graph).ok()) __builtin_trap();
  return 0;
}
