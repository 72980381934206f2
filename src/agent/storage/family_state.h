// What a device remembers of one model family across restarts: which of its two slots holds what, which is
// active, and what must not be tried again. The one authority for "active".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace whet::agent {

inline constexpr int kNoSlot = -1;
inline constexpr int kSlotCount = 2;

// A release's model, whole and verified, as it lies in a slot. Empty version: the slot holds nothing to rely
// on.
struct Installed {
  std::string version;
  std::string release_sha256;  // of release.json
  std::string model_sha256;
  uint64_t model_bytes = 0;
  std::string variant;
  std::string rollout;     // that brought it here
  bool confirmed = false;  // it came through its trial

  bool empty() const { return version.empty(); }
  bool operator==(const Installed&) const = default;
};

// A release that failed on this device; it is not tried again until another rollout offers it.
struct Quarantined {
  std::string version;
  std::string release_sha256;
  std::string rollout;
  std::string reason;

  bool operator==(const Quarantined&) const = default;
};

enum class Stage : uint8_t {
  kSteady,  // the active model is the one to use
  kShadow,  // the other slot's model runs beside the active one, answers unused
  kTrial,   // the active model has still to prove itself; the other slot's is the way back
};

std::string_view StageName(Stage stage);

struct FamilyState {
  uint64_t sequence = 0;  // of the record it was read from; StateStore counts it
  int active = kNoSlot;
  Installed slots[kSlotCount];
  Stage stage = Stage::kSteady;
  double stage_s = 0;              // how long the shadow run or trial is to take
  double shadow_then_trial_s = 0;  // of the trial that follows a shadow run
  double elapsed_s = 0;            // of it, as of the last record
  int starts = 0;  // of the agent during the trial: a model that takes the device down ends it too
  std::vector<Quarantined> quarantine;  // the oldest first, at most kMaxQuarantined

  static constexpr size_t kMaxQuarantined = 16;

  int inactive() const { return active == 0 ? 1 : 0; }
  const Installed* active_model() const { return active == kNoSlot ? nullptr : &slots[active]; }
  bool IsQuarantined(std::string_view release_sha256, std::string_view rollout) const;
  void AddToQuarantine(Quarantined item);

  bool operator==(const FamilyState&) const = default;
};

// A record: magic, sequence, length, JSON, CRC-32 of all before it. Decode checks every byte: what was torn
// or rotted is kBadFile.
std::string EncodeRecord(const FamilyState& state);
Result<FamilyState> DecodeRecord(std::string_view bytes);

// Magic, sequence, length and checksum around a record's JSON.
std::string SealRecord(uint64_t sequence, std::string_view text);

// More than any record has.
inline constexpr size_t kMaxRecordBytes = size_t{64} << 10;

}  // namespace whet::agent
