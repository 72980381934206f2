// What the repository offers this device for one family, after cohort and hardware were considered.
#pragma once

#include <cstdint>
#include <string>

namespace whet::agent {

// A file of the repository, by the hash that the signed metadata gives.
struct TargetRef {
  std::string name;  // "models/detector/1.1.0/f32.whet"
  std::string sha256;
  uint64_t bytes = 0;

  bool operator==(const TargetRef&) const = default;
};

struct Offer {
  std::string family;
  std::string version;
  std::string rollout;
  std::string variant;
  TargetRef release;
  TargetRef model;
  TargetRef golden;
  uint64_t storage_bytes = 0;  // that the release asks to be free beside the files themselves
  double shadow_s = 0;
  double trial_s = 0;

  bool operator==(const Offer&) const = default;
};

}  // namespace whet::agent
