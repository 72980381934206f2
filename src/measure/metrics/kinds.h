// The metrics by family, and what they share; the list of them is in metric.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "measure/metrics/metric.h"

namespace whet {

std::unique_ptr<Metric> MakeTop1(const MetricOptions& options);
std::unique_ptr<Metric> MakeTop5(const MetricOptions& options);
std::unique_ptr<Metric> MakePrecision(const MetricOptions& options);
std::unique_ptr<Metric> MakeRecall(const MetricOptions& options);
std::unique_ptr<Metric> MakeF1(const MetricOptions& options);
std::unique_ptr<Metric> MakeAuc(const MetricOptions& options);
std::unique_ptr<Metric> MakeMap50(const MetricOptions& options);
std::unique_ptr<Metric> MakeMap(const MetricOptions& options);
std::unique_ptr<Metric> MakeMiou(const MetricOptions& options);
std::unique_ptr<Metric> MakeEer(const MetricOptions& options);
std::unique_ptr<Metric> MakeWer(const MetricOptions& options);
std::unique_ptr<Metric> MakeCer(const MetricOptions& options);
std::unique_ptr<Metric> MakeCosine(const MetricOptions& options);
std::unique_ptr<Metric> MakeSnr(const MetricOptions& options);
std::unique_ptr<Metric> MakeAgreement(const MetricOptions& options);

// Index of the output that counts: the one named, the only one, or the first that `fits` accepts.
Result<size_t> ChooseOutput(const ModelDescription& model, const std::string& name,
                            bool (*fits)(const ModelDescription::Output&), std::string_view what);

// Is it a vector of scores: has it one dimension at most, beside an open batch, that is not 1?
bool LooksLikeScores(const ModelDescription::Output& output);
// Among equal scores the lower class is the likelier, as argmax has it everywhere. At least one score.
int LikeliestClass(const std::vector<float>& scores);

// All elements of an output. An error if one is not finite.
Result<std::vector<float>> FiniteValues(const TensorPtr& output, std::string_view name);

Status NeedsTruth(const DatasetInfo& set, TruthKind kind, std::string_view metric);

// From the classes of a set to those of a model.
class ClassMap {
 public:
  // By name if the set's names are among the model's labels; a label may begin with the name ("n01440764
  // tench"). By index if there are no names on one side; then the set may not have more classes than the
  // model. `classes`: what the model tells apart; 0 if its shape does not say.
  static Result<ClassMap> Create(const DatasetInfo& set, const std::vector<std::string>& labels,
                                 int64_t classes);

  // An index of the model's; -1 if `label` has none.
  int operator[](int label) const {
    if (by_index_) return label;
    return label >= 0 && static_cast<size_t>(label) < to_.size() ? to_[static_cast<size_t>(label)] : -1;
  }

 private:
  bool by_index_ = true;
  std::vector<int> to_;
};

}  // namespace whet
