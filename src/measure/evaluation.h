// How well a model does on a data set, how sure that is, and whether another does better on the same samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "measure/datasets/dataset.h"
#include "measure/metrics/metric.h"
#include "measure/metrics/statistics.h"

namespace whet {

// Runs a model on samples, one at a time; used by one thread at a time.
class SampleRunner {
 public:
  virtual ~SampleRunner() = default;
  virtual Result<Prediction> Run(const Sample& sample) = 0;
};

// A model to be evaluated.
struct EvaluatedModel {
  ModelDescription description;
  // Called once per thread, one call at a time.
  std::function<Result<std::unique_ptr<SampleRunner>>()> make_runner;
};

struct EvaluationOptions {
  std::string metric;
  MetricOptions metric_options;
  // Threads that take samples, each with a runner of its own. The result does not depend on their number.
  int threads = 1;
  double confidence = 0.95;
  size_t resamples = 1000;  // of the bootstrap; 0: no interval where there is no closed form
  uint64_t seed = 0;        // of the bootstrap
  // Called after each sample with the number done so far, by one thread at a time; may be null.
  std::function<void(size_t done)> progress;
};

enum class IntervalMethod : uint8_t { kNone, kWilson, kBootstrap };

struct MeasuredValue {
  double value = 0;
  Interval interval;
  IntervalMethod method = IntervalMethod::kNone;
};

// Of a second model on the same samples.
struct ModelComparison {
  MeasuredValue other;
  // The first model's value less the second's; the interval resamples the samples, the same for both.
  double difference = 0;
  Interval difference_interval;
  bool difference_has_interval = false;
  std::optional<double> agreement;  // part of the samples for which both choose the same class
  std::optional<McNemar> mcnemar;   // where answers are right or wrong
};

struct Evaluation {
  MeasuredValue measured;
  std::string unit;  // Metric::unit
  bool lower_is_better = false;
  size_t samples = 0;
  double seconds = 0;  // of reading and running all samples
  std::optional<ModelComparison> comparison;
};

// `against` may be null; metrics that compare models need it, for others it is a second model to compare
// with. The first error stops all threads.
Result<Evaluation> Evaluate(const Dataset& dataset, const EvaluatedModel& model,
                            const EvaluatedModel* against, const EvaluationOptions& options);

}  // namespace whet
