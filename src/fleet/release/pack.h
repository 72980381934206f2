// Makes a release folder: release.json, golden.bin and one Model file per variant.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "fleet/release/release.h"
#include "ir/evaluate.h"
#include "ir/graph.h"

namespace whet::fleet {

using TensorMap = std::map<std::string, TensorPtr>;  // inputs by name, without states

struct PackVariant {
  std::string name;
  std::string power = "any";
  const Graph* graph = nullptr;
  // Runs the variant once from its initial states; outputs in the graph's order.
  std::function<Result<std::vector<TensorPtr>>(const TensorMap& inputs)> run;
};

struct PackOptions {
  std::string family;
  std::string version;
  std::string created;  // RFC 3339, UTC
  std::string notes;
  ReleaseRequirements requirements;
  ReleaseBudgets budgets;
  double rtol = 1e-3;
  // Absent: a thousandth of each output's largest value, or twice what the other variants need, whichever is
  // more. A variant that needs more than half of the largest value is an error then, as is one that needs
  // more than what is given.
  std::optional<double> atol;
};

// How a model's weights are kept, as release.json says it: "f32", "f16", "int8", "int4".
std::string GraphPrecision(const Graph& graph);

// `folder` must not exist or be empty. The expected outputs are the first variant's. `calibration` gives the
// reference for drift: of each input the mean, and the standard deviation, of the samples' means; it may be
// empty.
Result<Release> PackRelease(const std::string& folder, const PackOptions& options,
                            const std::vector<PackVariant>& variants, const std::vector<TensorMap>& golden,
                            const std::vector<TensorMap>& calibration);

// A release folder, every file checked against release.json.
struct ReleaseFolder {
  struct File {
    std::string target;  // "models/FAMILY/VERSION/NAME"
    std::string path;
    uint64_t bytes = 0;
    std::string sha256;
    std::string custom;  // JSON text for the target's `custom`, or empty
  };
  Release release;
  std::vector<File> files;  // release.json first
};
Result<ReleaseFolder> OpenReleaseFolder(const std::string& folder);

}  // namespace whet::fleet
