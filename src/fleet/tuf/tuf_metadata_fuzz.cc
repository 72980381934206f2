#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fleet/tuf/metadata.h"

// The first byte chooses the role; whatever is read must survive what the client does with it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace whet::fleet;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      if (auto root = ParseRoot(text); root.ok()) {
        (void)VerifyThreshold(*root, root->keys, root->roles.find(kRootRole)->second).ok();
      }
      break;
    case 1: (void)ParseTimestamp(text).ok(); break;
    case 2: (void)ParseSnapshot(text).ok(); break;
    default:
      if (auto targets = ParseTargets(text); targets.ok()) {
        for (const auto& delegation : MatchingDelegations(*targets, "models/detector/1.0.0/int8.whet")) {
          (void)VerifyThreshold(*targets, targets->delegated_keys, delegation.keys).ok();
        }
      }
  }
  return 0;
}
