// Runs Graphs for src/quantize, on the compiled fast path.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/executor.h"
#include "quantize/runner.h"

namespace whet::cli {

class GraphRunner final : public quantize::ModelRunner {
 public:
  // `options` as for the model itself; their cache is not used, since these Graphs are of use only once.
  explicit GraphRunner(ExecutorOptions options);

  Result<std::unique_ptr<quantize::RunnableModel>> Prepare(std::unique_ptr<Graph> graph) override;

  // Of a Graph, in milliseconds; empty where no Plan can be made of it.
  struct Times {
    double p50 = 0;
    std::vector<double> runs;             // one after the other
    std::map<std::string, double> nodes;  // the median time of each node, by its name

    // In so many of the runs that were made in turns that it is no accident (three standard deviations of the
    // sign test), this Graph was the faster one.
    bool ClearlyFasterThan(const Times& other) const;
  };
  // Runs the Graphs in turns, so that whatever else the machine does befalls all alike.
  Result<std::vector<Times>> Measure(std::span<const Graph* const> graphs, const quantize::Inputs& inputs,
                                     double seconds);

 private:
  ExecutorOptions options_;
};

}  // namespace whet::cli
