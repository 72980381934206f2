// Which devices a percentage means, without anyone keeping a list.
#pragma once

#include <string_view>

namespace whet::fleet {

// The device's place in [0, 1) within a rollout: the first 64 bits (big-endian) of SHA-256(rollout + ":" +
// device), divided by 2^64 (rounded down to a double). A device takes the candidate if its place is below
// percent / 100, so a device once in stays in as the percentage grows, and another rollout draws anew.
double Cohort(std::string_view rollout, std::string_view device);

// Cohort(rollout, device) < percent / 100, and always true from 100 on.
bool InCohort(std::string_view rollout, std::string_view device, double percent);

}  // namespace whet::fleet
