// A release: what release.json says of a version of a model (docs/fleet.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"

namespace whet::fleet {

struct ReleaseTensor {
  std::string name;
  DType dtype = DType::kUndefined;
  std::vector<int64_t> dims;  // -1 where open (inputs and outputs of a signature only)
  uint64_t bytes = 0;         // weights and golden tensors
  std::string sha256;         // weights
  uint64_t offset = 0;        // golden tensors: in golden.bin, a multiple of 64
  double rtol = 0;            // golden outputs: |got - expected| <= atol + rtol * |expected|
  double atol = 0;
};

struct ReleaseVariant {
  std::string name;       // like a family
  std::string precision;  // "f32", "f16", "int8", …
  std::string target;     // "models/FAMILY/VERSION/NAME.whet"
  uint64_t bytes = 0;
  std::string sha256;
  std::string model_id;
  std::string power = "any";  // "any", "mains", "battery"
  std::vector<ReleaseTensor> tensors;
};

struct GoldenSample {
  std::vector<ReleaseTensor> inputs;
  std::vector<ReleaseTensor> outputs;
};

// 0 is no requirement, and no budget.
struct ReleaseRequirements {
  std::vector<std::string> architectures;
  std::string isa;
  uint64_t memory_bytes = 0;
  uint64_t storage_bytes = 0;
};
struct ReleaseBudgets {
  double latency_ms_mean = 0;
  double latency_ms_p95 = 0;
  uint64_t arena_bytes = 0;
  double energy_mj = 0;
};

// Of the golden inputs, per element of the last dimension of the first input, for drift on the device.
struct ReleaseReference {
  std::vector<double> input_mean;
  std::vector<double> input_std;
};

struct Release {
  std::string family;
  std::string version;
  std::string created;  // RFC 3339, UTC
  std::string notes;
  std::vector<ReleaseTensor> inputs;
  std::vector<ReleaseTensor> outputs;
  std::vector<std::string> operators;
  ReleaseRequirements requirements;
  ReleaseBudgets budgets;
  std::vector<ReleaseVariant> variants;
  std::string golden_target;
  uint64_t golden_bytes = 0;
  std::string golden_sha256;
  std::vector<GoldenSample> samples;
  std::optional<ReleaseReference> reference;
};

// release.json is at most this long.
inline constexpr size_t kMaxReleaseBytes = size_t{8} << 20;

// release.json. The same release always gives the same text.
std::string PrintRelease(const Release& release);
// Checks types, names, versions and sizes, and that golden tensors lie within golden.bin.
Result<Release> ParseRelease(std::string_view text);

// "models/FAMILY/VERSION/FILE".
std::string ReleaseTarget(std::string_view family, std::string_view version, std::string_view file);

}  // namespace whet::fleet
