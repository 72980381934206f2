// Whether a release is for this device, and which of its variants.
#pragma once

#include <cstdint>
#include <string>

#include "fleet/release/release.h"

namespace whet::agent {

// What the device is.
struct Machine {
  std::string architecture;  // "x86_64", "aarch64"
  std::string isa;           // the best that whet_best_isa names
  uint64_t memory_bytes = 0;
  std::string power;  // "mains", "battery"
};

// Why the release does not run on the machine; empty if it does.
std::string WhyNotHere(const fleet::Release& release, const Machine& machine);
// The first variant for the machine's power, which lives as long as the release; null if there is none.
const fleet::ReleaseVariant* ChooseVariant(const fleet::Release& release, const Machine& machine);

}  // namespace whet::agent
