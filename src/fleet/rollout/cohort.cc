#include "fleet/rollout/cohort.h"

#include <cmath>
#include <cstdint>
#include <string>

#include "model_file/sha256.h"

namespace whet::fleet {

double Cohort(std::string_view rollout, std::string_view device) {
  std::string text;
  text.reserve(rollout.size() + 1 + device.size());
  text.append(rollout).append(1, ':').append(device);
  const Sha256 hash = Sha256Of(std::as_bytes(std::span(text.data(), text.size())));
  uint64_t first = 0;
  for (int i = 0; i < 8; ++i) first = first << 8 | hash[static_cast<size_t>(i)];
  // A double holds 53 bits: the rest is cut off, since rounding up could give 1.
  return std::ldexp(static_cast<double>(first >> 11), -53);
}

bool InCohort(std::string_view rollout, std::string_view device, double percent) {
  return percent >= 100 || Cohort(rollout, device) < percent / 100;
}

}  // namespace whet::fleet
