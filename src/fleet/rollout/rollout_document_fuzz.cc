#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fleet/rollout/document.h"
#include "fleet/telemetry/report.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto document = whet::fleet::ParseRolloutDocument({reinterpret_cast<const char*>(data), size});
  if (!document.ok()) return 0;
  const auto& release = whet::fleet::ReleaseFor(*document, "device");
  if (!whet::fleet::IsSha256Hex(release.release_sha256)) __builtin_trap();
  // What was read is written so that it is read again as the same.
  const auto again = whet::fleet::ParseRolloutDocument(whet::fleet::PrintRolloutDocument(*document));
  if (!again.ok() || !(*again == *document)) __builtin_trap();
  return 0;
}
