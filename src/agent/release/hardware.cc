#include "agent/release/hardware.h"

#include <algorithm>
#include <array>

namespace whet::agent {

std::string WhyNotHere(const fleet::Release& release, const Machine& machine) {
  if (!release.requirements.architectures.empty() &&
      std::ranges::find(release.requirements.architectures, machine.architecture) ==
          release.requirements.architectures.end()) {
    return "it is not made for " + machine.architecture;
  }
  if (!release.requirements.isa.empty() && release.requirements.isa != "portable") {
    // Each offers what those before it do.
    static constexpr std::array<std::string_view, 4> kX86 = {"portable", "avx2", "avx512", "avx512-vnni"};
    const auto wanted = std::ranges::find(kX86, release.requirements.isa);
    const auto best = std::ranges::find(kX86, machine.isa);
    const bool fits = release.requirements.isa == machine.isa ||
                      (wanted != kX86.end() && best != kX86.end() && wanted <= best);
    if (!fits)
      return "it needs a processor with " + release.requirements.isa + ", and this one has " + machine.isa;
  }
  if (release.requirements.memory_bytes > machine.memory_bytes) {
    return Format("it needs %llu bytes of memory, and the device has %llu",
                  static_cast<unsigned long long>(release.requirements.memory_bytes),
                  static_cast<unsigned long long>(machine.memory_bytes));
  }
  if (ChooseVariant(release, machine) == nullptr) return "it has no variant for a device on " + machine.power;
  return {};
}

const fleet::ReleaseVariant* ChooseVariant(const fleet::Release& release, const Machine& machine) {
  const auto found = std::ranges::find_if(release.variants, [&](const fleet::ReleaseVariant& variant) {
    return variant.power == "any" || variant.power == machine.power;
  });
  return found == release.variants.end() ? nullptr : &*found;
}

}  // namespace whet::agent
