// What `whet quantize` decides by measuring: layers that integers do not make faster stay float, and
// --max-drop makes more exact what a bound on the model's quality asks for.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/engine.h"
#include "cli/graph_runner.h"
#include "cli/model_inputs.h"
#include "cli/quantize_report.h"
#include "measure/evaluation.h"
#include "quantize/quantizer.h"
#include "quantize/search.h"

namespace whet::cli {

struct QualityBound {
  double max_drop = 0;  // in points: hundredths of a metric that is a fraction, else the metric's own unit
  std::string data;
  std::string metric;
  std::string split;
  std::string output;
  size_t limit = 0;  // samples; 0: all
};

class PrecisionSearch {
 public:
  // All must outlive the search. `model` is the float model as it was loaded; `samples` are for latency and
  // for the order in which layers are tried.
  PrecisionSearch(std::shared_ptr<const Graph> model, quantize::Quantizer& quantizer, GraphRunner& runner,
                  quantize::SampleSource& samples, const InputArguments& inputs, ExecutorOptions engine,
                  quantize::ProgressFn progress)
      : model_(std::move(model)),
        quantizer_(quantizer),
        runner_(runner),
        samples_(samples),
        inputs_(inputs),
        engine_(WithoutCache(std::move(engine))),
        progress_(std::move(progress)),
        scheme_(quantizer.scheme()),
        groups_(quantize::GroupLayers(quantizer.prepared(), scheme_)) {}

  // Leaves float the neighbouring layers that are slower as integers, if the whole model is clearly faster
  // so. Measures for some multiple of `seconds`.
  Status LeaveSlowFloat(double seconds, QuantizeReport* report);
  // kLimitExceeded if no choice of schemes that quantizes something keeps the bound. With `seconds` of 0 cost
  // is the size of the weights instead of latency.
  Status Hold(const QualityBound& bound, double seconds, QuantizeReport* report);

  // With the choices made.
  const quantize::SchemeOptions& scheme() const { return scheme_; }

 private:
  // Plans of these Graphs are of use only once, and none of them is the model's own.
  static ExecutorOptions WithoutCache(ExecutorOptions options) {
    options.cache_folder.clear();
    options.model_id.clear();
    return options;
  }
  // All groups that nobody has decided on yet, as `scheme`.
  quantize::SchemeOptions Everywhere(quantize::Scheme scheme) const;
  bool IsOpen(size_t group) const { return !groups_[group].given && !decided_.contains(group); }
  Result<std::vector<std::vector<size_t>>> SlowClusters(double seconds);
  // Sets what each choice of each open group costs and adds.
  Result<std::vector<std::vector<quantize::Choice>>> Choices(const std::vector<size_t>& open, double seconds);
  Result<double> Evaluate(const Graph& graph);

  std::shared_ptr<const Graph> model_;
  quantize::Quantizer& quantizer_;
  GraphRunner& runner_;
  quantize::SampleSource& samples_;
  const InputArguments& inputs_;
  ExecutorOptions engine_;
  quantize::ProgressFn progress_;
  quantize::SchemeOptions scheme_;
  std::vector<quantize::LayerGroup> groups_;
  std::set<size_t> decided_;
  // Of each group, while LeaveSlowFloat works.
  std::vector<double> float_ms_, integer_ms_;
  // While Hold works.
  std::unique_ptr<Dataset> dataset_;
  std::optional<EvaluatedModel> float_model_;
  EvaluationOptions evaluation_;
  bool against_float_ = false;
};

}  // namespace whet::cli
