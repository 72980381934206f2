// Metrics: how good a model's answers to the samples of a set are.
//
// A metric keeps what it needs to know of each sample and makes one number of any multiset of them. So the
// result does not depend on the order or the threads that samples came by, and resampling costs no inference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/postprocess.h"
#include "data/preprocess.h"
#include "ir/evaluate.h"
#include "ir/graph.h"
#include "measure/datasets/dataset.h"

namespace whet {

// What metrics need to know of a model beside its answers.
struct ModelDescription {
  struct Output {
    std::string name;
    Type type;
  };
  std::vector<Output> outputs;
  std::vector<std::string> labels;  // names of its classes, or the characters of its alphabet
  std::optional<data::DetectorPostprocess> detector;

  // From the Graph and its metadata.
  static Result<ModelDescription> Of(const Graph& graph);
};

// A model's answer to one sample.
struct Prediction {
  std::vector<TensorPtr> outputs;  // in the model's order
  data::ImagePlacement placement;  // of the sample's picture in the model's input
};

struct MetricOptions {
  std::string output;  // name of the output that counts; empty: told by its shape
};

class Metric {
 public:
  virtual ~Metric() = default;

  // Once, before anything else: takes room for `samples` samples. An error if the metric does not fit the set
  // or the model. `against` describes the other model of compares_models().
  virtual Status Prepare(const ModelDescription& model, const ModelDescription* against,
                         const DatasetInfo& set, size_t samples) = 0;
  // Each i < samples once; several threads may add different samples at once. `against` is only given to
  // metrics of compares_models(), whose `prediction` is held against it.
  virtual Status Add(size_t i, const Sample& sample, const Prediction& prediction,
                     const Prediction* against) = 0;
  // After the last Add.
  virtual Status Finish() { return {}; }
  // Of the multiset that has sample i drawn[i] times; NaN if it lacks what the metric needs. Thread-safe.
  virtual Result<double> Value(std::span<const uint32_t> drawn) const = 0;

  // Measures how far the answers are from another model's, so that no truth is needed.
  virtual bool compares_models() const { return false; }
  // Is a smaller value a better one?
  virtual bool lower_is_better() const { return false; }
  // How people read the value: "%" (it is a fraction of 1 all the same), "dB", or "".
  virtual std::string_view unit() const { return "%"; }
  // Was the answer to sample i right? Where there is such a thing, the value is the part that is.
  virtual std::optional<bool> Right(size_t) const { return std::nullopt; }
  // The class that was chosen for sample i.
  virtual std::optional<int> Choice(size_t) const { return std::nullopt; }
};

struct MetricKind {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<Metric> (*make)(const MetricOptions& options);
};
// All of them, in the order of the documentation.
std::span<const MetricKind> MetricKinds();
// kInvalidArgument with the list of names if there is none of this name.
Result<std::unique_ptr<Metric>> MakeMetric(std::string_view name, const MetricOptions& options = {});

}  // namespace whet
