// What a device reads of a release.json (docs/fleet.md): what it requires, what it promises, its variants and
// its golden samples.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/update/offer.h"
#include "base/status.h"

namespace whet::agent {

inline constexpr size_t kMaxReleaseBytes = size_t{8} << 20;

struct GoldenTensor {
  std::string name;
  std::string dtype;  // "f32", …
  std::vector<int64_t> dims;
  uint64_t offset = 0;  // in golden.bin
  uint64_t bytes = 0;
  double rtol = 0;  // of outputs: |got - wanted| <= atol + rtol * |wanted|
  double atol = 0;
};

struct GoldenSample {
  std::vector<GoldenTensor> inputs;
  std::vector<GoldenTensor> outputs;
};

struct ReleaseVariant {
  std::string name;
  std::string power;  // "any", "mains", "battery"
  TargetRef target;
};

struct DeviceRelease {
  std::string family;
  std::string version;
  std::vector<std::string> architectures;  // empty: any
  std::string isa;                         // empty: any
  uint64_t memory_bytes = 0;
  uint64_t storage_bytes = 0;
  double budget_latency_ms_mean = 0;  // budgets: 0 is none
  double budget_latency_ms_p95 = 0;
  uint64_t budget_arena_bytes = 0;
  double budget_energy_mj = 0;
  std::vector<ReleaseVariant> variants;
  TargetRef golden;
  std::vector<GoldenSample> samples;
  std::vector<double> reference_mean;
  std::vector<double> reference_std;

  // Where the named family and version may have their files; every target is checked to lie there.
  static std::string Folder(std::string_view family, std::string_view version);
};

// Checks types, sizes, names and paths. Tensors lie within golden.bin.
Result<DeviceRelease> ParseDeviceRelease(std::string_view json);

// What the device is.
struct Machine {
  std::string architecture;  // "x86_64", "aarch64"
  std::string isa;           // the best that whet_best_isa names
  uint64_t memory_bytes = 0;
  std::string power;  // "mains", "battery"
};

// Why the release does not run on the machine; empty if it does.
std::string WhyNotHere(const DeviceRelease& release, const Machine& machine);
// The first variant for the machine's power; null if there is none.
const ReleaseVariant* ChooseVariant(const DeviceRelease& release, const Machine& machine);

}  // namespace whet::agent
