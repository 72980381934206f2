// The rollout document: the one small file by which devices learn which version of a family is theirs
// (docs/fleet.md, "Rollout document"). A stage of a rollout changes this file and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace whet::fleet {

enum class RolloutState : uint8_t { kRunning, kPaused, kDone, kRolledBack };
// "running", "paused", "done", "rolled-back".
std::string_view RolloutStateName(RolloutState state);
std::optional<RolloutState> RolloutStateOf(std::string_view name);

// A release, by its version and the SHA-256 of its release.json.
struct ReleaseName {
  std::string version;
  std::string release_sha256;
  bool operator==(const ReleaseName&) const = default;
};

inline constexpr size_t kMaxDocumentBytes = size_t{16} << 10;

struct RolloutDocument {
  std::string channel;
  std::string family;
  std::string rollout;  // id: 16 to 64 of [a-z0-9-]
  RolloutState state = RolloutState::kRunning;
  ReleaseName stable;
  std::optional<ReleaseName> candidate;
  double percent = 0;     // 0 to 100
  int64_t shadow_s = 0;   // how long a device runs the candidate beside its model first; 0 to a year
  int64_t trial_s = 600;  // how long a device watches it before it counts as confirmed
  uint64_t sequence = 0;  // grows by one with every change
  std::string updated;    // RFC 3339, UTC
  bool operator==(const RolloutDocument&) const = default;
};

// Which release the document gives a device: `candidate` if it is the device's turn, else `stable`. Never
// null; valid as long as the document.
const ReleaseName& ReleaseFor(const RolloutDocument& document, std::string_view device);

// Canonical: the same document gives the same bytes.
std::string PrintRolloutDocument(const RolloutDocument& document);
// Checks every member; unknown members are ignored, another `format` is refused.
Result<RolloutDocument> ParseRolloutDocument(std::string_view json);

bool IsRolloutId(std::string_view text);

}  // namespace whet::fleet
