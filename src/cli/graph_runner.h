// Runs Graphs for src/quantize, on the compiled fast path.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "api/executor.h"
#include "quantize/runner.h"

namespace whet::cli {

class GraphRunner final : public quantize::ModelRunner {
 public:
  // `options` as for the model itself; their cache is not used, since these Graphs are of use only once.
  explicit GraphRunner(ExecutorOptions options);

  Result<std::unique_ptr<quantize::RunnableModel>> Prepare(std::unique_ptr<Graph> graph) override;

  // Latency of whole runs, and of each node by its name, in milliseconds.
  struct Times {
    double p50 = 0;
    std::map<std::string, double> nodes;
  };
  // Runs two Graphs in turns, so that whatever else the machine does befalls both alike. Zeros for a Graph
  // that no Plan can be made of.
  Result<std::pair<Times, Times>> MeasureBoth(const Graph& first, const Graph& second,
                                              const quantize::Inputs& inputs, double seconds);

 private:
  ExecutorOptions options_;
};

}  // namespace whet::cli
