// Runs tests in the layout of ONNX's backend tests: folders that hold model.onnx and
// test_data_set_*/{input,output}_*.pb.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "ir/evaluate.h"
#include "ir/graph.h"
#include "measure/compare.h"

namespace whet {

// What the tests are run on.
class ConformanceEngine {
 public:
  virtual ~ConformanceEngine() = default;
  // Inputs and outputs in the graph's order. The graph may be changed; it is used once.
  virtual Result<std::vector<Datum>> Run(Graph& graph, std::span<const Datum> inputs) = 0;
};

// The operators' references, node by node.
class EvaluatorEngine final : public ConformanceEngine {
 public:
  Result<std::vector<Datum>> Run(Graph& graph, std::span<const Datum> inputs) override;
};

enum class ConformanceOutcome : uint8_t { kPassed, kFailed, kUnsupported };

struct ConformanceCase {
  std::string name;  // the folder's
  ConformanceOutcome outcome;
  std::string reason;  // why it did not pass
};

// The test folders at or below `folder` (at most two levels deep), sorted by path.
Result<std::vector<std::string>> FindConformanceTests(const std::string& folder);

// One test: each of its data sets must pass.
ConformanceCase RunConformanceTest(const std::string& folder, ConformanceEngine& engine,
                                   const Tolerance& tolerance = {});

}  // namespace whet
