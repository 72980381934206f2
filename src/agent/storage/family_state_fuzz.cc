// Records of what is active: any bytes are refused or read back as they are written.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/storage/family_state.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(whet::agent::DecodeRecord(bytes).ok());
  // Changed bytes would never get past the checksum: make it right.
  const auto state = whet::agent::DecodeRecord(whet::agent::SealRecord(7, bytes));
  if (!state.ok()) return 0;
  const auto again = whet::agent::DecodeRecord(whet::agent::EncodeRecord(*state));
  if (!again.ok() || again->sequence != state->sequence) std::abort();
  return 0;
}
