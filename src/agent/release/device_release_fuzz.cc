// A release.json that a models role signed is still bytes from outside.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/release/device_release.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto release = whet::agent::ParseDeviceRelease({reinterpret_cast<const char*>(data), size});
  if (!release.ok()) return 0;
  for (const auto& sample : release->samples) {
    for (const auto* tensors : {&sample.inputs, &sample.outputs}) {
      for (const auto& tensor : *tensors) {
        if (tensor.offset > release->golden.bytes || tensor.bytes > release->golden.bytes - tensor.offset)
          std::abort();
      }
    }
  }
  return 0;
}
