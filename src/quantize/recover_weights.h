// Rounds the weights of all layers so that the layers' outputs, not the weights, come out close to the float
// ones.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "quantize/assignment.h"
#include "quantize/gptq.h"
#include "quantize/input_moments.h"
#include "quantize/learned_rounding.h"
#include "quantize/rewrite.h"
#include "quantize/runner.h"

namespace whet::quantize {

struct WeightRecoveryOptions {
  bool gptq = true;
  bool learned_rounding = false;
  // Only layers that compute in floating point.
  bool weight_only = false;
  GptqOptions gptq_options;
  // Biases will be corrected, so that errors of an output's mean do not count.
  bool centered = false;
  // Of learned rounding: in turns over the scales of groups and over the integers; in each turn, over the
  // weights of a row.
  int turns = 3;
  int sweeps = 10;
  // Layers whose columns are more keep the nearest integers: their moments would take too much memory.
  int64_t most_columns = 6144;
  // Layers whose moments and inputs take more are worked on in several passes over the samples.
  uint64_t memory_limit = uint64_t{256} << 20;
  ProgressFn progress;
};

// Keeps what it has found out, so that the next model in a search costs only what it changes.
class WeightRecovery {
 public:
  // All must outlive this.
  WeightRecovery(const Graph& prepared, ModelRunner& runner, SampleSource& samples,
                 WeightRecoveryOptions options)
      : prepared_(prepared), moments_(prepared, runner), samples_(samples), options_(std::move(options)) {}

  // The weights of each layer to which the assignment gives integer ones, by the layer's output. What could
  // not be done is told in `notes`. A NaN in a layer's inputs, or having no samples, is an error.
  Result<std::map<std::string, RecoveredWeights>> Run(const Assignment& assignment,
                                                      const SchemeOptions& scheme,
                                                      std::vector<std::string>* notes);

 private:
  struct Task {
    MomentsOfInputs::Layer layer;
    Scheme scheme = Scheme::kFloat;
    SchemeOptions options;
    float input_scale = 0;
    std::span<const float> bias;
    QuantizedTensor nearest;
  };
  // Where recovery could do something; nothing if it has been done before.
  std::optional<Task> TaskFor(const Node& node, const Assignment& assignment, const SchemeOptions& scheme,
                              std::string* why_not);
  static RoundingProblem ProblemOf(const Task& task, const ElementSteps& steps, int64_t group,
                                   std::span<const float> moments);
  // `inputs` are empty without GPTQ.
  RecoveredWeights Recover(const Task& task, const LayerMoments& moments,
                           const std::vector<GptqInputs>& inputs) const;
  void Learn(const Task& task, const QuantizedTensor& tensor, RoundingProblem* problem,
             std::vector<int32_t>* integers) const;

  const Graph& prepared_;
  MomentsOfInputs moments_;
  SampleSource& samples_;
  WeightRecoveryOptions options_;
  struct Known {
    QuantizedTensor nearest;
    RecoveredWeights recovered;
  };
  std::map<std::string, std::vector<Known>> known_;  // by the layer's output
};

}  // namespace whet::quantize
