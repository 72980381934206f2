// Passes: rewrites of a Graph, run as a flat list; each is named, timed, can be left out, and is verified
// after.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"

namespace whet {

struct Pass {
  std::string_view name;
  std::string_view summary;
  // Returns how many changes it made.
  Result<int> (*run)(Graph& graph);
};

struct PassReport {
  std::string name;
  int changes;
  double milliseconds;
};

struct PassOptions {
  std::span<const std::string> disabled;
  // Verifies the Graph after each pass that changed something; an error then names the pass.
  bool verify = true;
  std::vector<PassReport>* reports = nullptr;
};

// Runs the list in order; the same pass may stand in it several times. The names in `disabled` must exist.
Status RunPasses(Graph& graph, std::span<const Pass> passes, const PassOptions& options);

}  // namespace whet
