// Everything that one device says in one message: what docs/fleet.md lists under Telemetry, and nothing else.
// Counts are of the time since the report before (OTLP's delta temporality).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "fleet/telemetry/health.h"
#include "fleet/telemetry/histogram.h"

namespace whet::fleet {

// What became of an update: the attribute `whet.outcome`.
enum class InstallOutcome : uint8_t {
  kInstalled,
  kFailedVerify,
  kFailedSelftest,
  kFailedBudget,
  kRolledBack
};
inline constexpr size_t kInstallOutcomes = 5;
// "installed", "failed-verify", …
std::string_view InstallOutcomeName(InstallOutcome outcome);

// One model version on one device. Two entries of a Report differ in at least one of the four names.
struct ModelReport {
  std::string family;
  std::string version;
  std::string variant;
  std::string rollout;  // the rollout by which it came; empty if by none

  Histogram latency_ms;  // of inferences that succeeded
  uint64_t errors = 0;
  uint64_t crashes = 0;
  double energy_mj = 0;
  bool has_energy = false;  // energy is readable on the device
  std::optional<uint64_t> memory_bytes;
  std::optional<double> drift;
  Histogram confidence;  // of values in [0, 1]
  uint64_t labelled_correct = 0;
  uint64_t labelled_total = 0;
  std::array<uint64_t, kInstallOutcomes> installs{};  // by InstallOutcome
  Health health = Health::kUnknown;
  bool active = false;

  uint64_t inferences() const { return latency_ms.count() + errors; }
  uint64_t InstallFailures() const;
};

struct Report {
  static constexpr size_t kMaxModels = 64;

  std::string device;
  std::string boot;       // random per boot; 1 to 64 of [A-Za-z0-9._:-]
  uint64_t sequence = 0;  // from 1, per boot
  std::string channel;
  std::string agent_version;
  std::string arch;
  uint64_t start_unix_ns = 0;
  uint64_t end_unix_ns = 0;
  std::vector<ModelReport> models;
};

// The rules of docs/fleet.md, "Identifiers"; also checked by FromOtlpJson.
bool IsDeviceId(std::string_view text);
bool IsFamily(std::string_view text);   // also of a channel
bool IsVersion(std::string_view text);  // a semantic version (2.0.0 of semver.org), at most 128 characters
bool IsSha256Hex(std::string_view text);

}  // namespace whet::fleet
