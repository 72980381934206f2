#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fleet/rollout/policy.h"

#include "fleet/json/nlohmann.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace whet::fleet;
  const auto policy = ParsePolicy(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!policy.ok()) return 0;
  if (!CheckPolicy(*policy).ok()) __builtin_trap();
  // What was read is written so that it is read again as the same.
  const auto again = PolicyFromJson(PolicyToJson(*policy));
  if (!again.ok() || !(*again == *policy)) __builtin_trap();
  return 0;
}
