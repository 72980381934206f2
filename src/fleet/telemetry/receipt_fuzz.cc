// What comes from the receipts' topic of a broker, as bytes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fleet/telemetry/receipt.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto receipt = whet::fleet::ParseReceipt({reinterpret_cast<const char*>(data), size});
  if (!receipt.ok()) return 0;
  const auto again = whet::fleet::ParseReceipt(whet::fleet::PrintReceipt(*receipt));
  if (!again.ok() || again->sha256 != receipt->sha256 || again->status != receipt->status) __builtin_trap();
  return 0;
}
