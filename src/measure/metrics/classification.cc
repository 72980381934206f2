// Metrics of models that give every class a score.
//
// Precision, recall and F1 follow scikit-learn's conventions: of two classes they are those of class 1, of
// more the unweighted mean over the classes that occur in the truth or in the answers, and a division by zero
// is 0. The area under the ROC curve is Mann and Whitney's statistic, where equal scores count half.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "measure/metrics/kinds.h"

namespace whet {
namespace {

int64_t ClassesOf(const ModelDescription::Output& output) {
  if (!output.type.ranked || output.type.dims.empty()) return 0;
  int64_t classes = 1;
  const size_t batch = output.type.dims.size() > 1 && !output.type.dims[0].known() ? 1 : 0;
  for (size_t d = batch; d < output.type.dims.size(); ++d) {
    if (!output.type.dims[d].known()) return 0;
    classes *= output.type.dims[d].lo;
  }
  // A single score tells two classes apart.
  return classes == 1 ? 2 : classes;
}

class ClassificationMetric : public Metric {
 public:
  ClassificationMetric(std::string_view name, MetricOptions options)
      : name_(name), options_(std::move(options)) {}

  Status Prepare(const ModelDescription& model, const ModelDescription*, const DatasetInfo& set,
                 size_t samples) override {
    WHET_RETURN_IF_ERROR(NeedsTruth(set, TruthKind::kClass, name_));
    WHET_ASSIGN_OR_RETURN(output_,
                          ChooseOutput(model, options_.output, LooksLikeScores, "a list of class scores"));
    output_name_ = model.outputs[output_].name;
    WHET_ASSIGN_OR_RETURN(classes_, ClassMap::Create(set, model.labels, ClassesOf(model.outputs[output_])));
    truth_.assign(samples, -1);
    return Resize(samples);
  }

  Status Add(size_t i, const Sample& sample, const Prediction& prediction, const Prediction*) override {
    Result<std::vector<float>> scores = FiniteValues(prediction.outputs[output_], output_name_);
    if (!scores.ok()) return scores.TakeStatus().At(sample.name);
    // The probability of class 1.
    if (scores->size() == 1) scores->insert(scores->begin(), 1 - (*scores)[0]);
    const int truth = classes_[sample.label];
    if (truth < 0 || static_cast<size_t>(truth) >= scores->size()) {
      return Error(Code::kInvalidArgument, "its class is %d, but output '%s' has %zu scores", sample.label,
                   output_name_.c_str(), scores->size())
          .At(sample.name);
    }
    truth_[i] = truth;
    Status status = Keep(i, *scores);
    return std::move(status).At(sample.name);
  }

 protected:
  virtual Status Resize(size_t samples) = 0;
  virtual Status Keep(size_t i, const std::vector<float>& scores) = 0;

  const std::string name_;
  std::vector<int> truth_;

 private:
  MetricOptions options_;
  size_t output_ = 0;
  std::string output_name_;
  ClassMap classes_;
};

class TopK final : public ClassificationMetric {
 public:
  TopK(int k, MetricOptions options)
      : ClassificationMetric(k == 1 ? "top1" : Format("top%d", k), std::move(options)), k_(k) {}

  Result<double> Value(std::span<const uint32_t> drawn) const override {
    uint64_t right = 0;
    uint64_t all = 0;
    for (size_t i = 0; i < drawn.size(); ++i) {
      all += drawn[i];
      right += rank_[i] < k_ ? drawn[i] : 0;
    }
    return static_cast<double>(right) / static_cast<double>(all);
  }
  std::optional<bool> Right(size_t i) const override { return rank_[i] < k_; }
  std::optional<int> Choice(size_t i) const override { return choice_[i]; }

 protected:
  Status Resize(size_t samples) override {
    rank_.assign(samples, 0);
    choice_.assign(samples, 0);
    return {};
  }
  Status Keep(size_t i, const std::vector<float>& scores) override {
    if (static_cast<int64_t>(scores.size()) <= k_) {
      return Error(Code::kInvalidArgument, "%s says nothing about a model of %zu classes", name_.c_str(),
                   scores.size());
    }
    const auto truth = static_cast<size_t>(truth_[i]);
    int rank = 0;
    for (size_t c = 0; c < scores.size(); ++c) {
      rank += scores[c] > scores[truth] || (scores[c] == scores[truth] && c < truth) ? 1 : 0;
    }
    rank_[i] = rank;
    choice_[i] = LikeliestClass(scores);
    return {};
  }

 private:
  const int k_;
  std::vector<int> rank_;  // classes that are likelier than the true one
  std::vector<int> choice_;
};

enum class ConfusionKind { kPrecision, kRecall, kF1 };

class ConfusionMetric final : public ClassificationMetric {
 public:
  ConfusionMetric(std::string_view name, ConfusionKind kind, MetricOptions options)
      : ClassificationMetric(name, std::move(options)), kind_(kind) {}

  Status Finish() override {
    for (size_t i = 0; i < truth_.size(); ++i) {
      classes_ = std::max<size_t>(classes_, static_cast<size_t>(std::max(truth_[i], choice_[i])) + 1);
    }
    return {};
  }

  Result<double> Value(std::span<const uint32_t> drawn) const override {
    std::vector<double> hits(classes_);
    std::vector<double> truths(classes_);
    std::vector<double> choices(classes_);
    for (size_t i = 0; i < drawn.size(); ++i) {
      const auto truth = static_cast<size_t>(truth_[i]);
      const auto choice = static_cast<size_t>(choice_[i]);
      truths[truth] += drawn[i];
      choices[choice] += drawn[i];
      if (truth == choice) hits[truth] += drawn[i];
    }
    const auto of_class = [&](size_t c) {
      const double whole = kind_ == ConfusionKind::kPrecision ? choices[c]
                           : kind_ == ConfusionKind::kRecall  ? truths[c]
                                                              : (truths[c] + choices[c]) / 2;
      return whole > 0 ? hits[c] / whole : 0;
    };
    if (binary_) return classes_ > 1 ? of_class(1) : 0;
    double sum = 0;
    size_t occurring = 0;
    for (size_t c = 0; c < classes_; ++c) {
      if (truths[c] + choices[c] == 0) continue;
      sum += of_class(c);
      ++occurring;
    }
    return sum / static_cast<double>(occurring);
  }
  std::optional<int> Choice(size_t i) const override { return choice_[i]; }

 protected:
  Status Resize(size_t samples) override {
    choice_.assign(samples, 0);
    return {};
  }
  Status Keep(size_t i, const std::vector<float>& scores) override {
    choice_[i] = LikeliestClass(scores);
    // The same for every sample, since it is the model's shape.
    if (i == 0) binary_ = scores.size() == 2;
    return {};
  }

 private:
  const ConfusionKind kind_;
  bool binary_ = false;
  size_t classes_ = 0;
  std::vector<int> choice_;
};

class Auc final : public ClassificationMetric {
 public:
  explicit Auc(MetricOptions options) : ClassificationMetric("auc", std::move(options)) {}

  Status Finish() override {
    const size_t classes = scores_[0].size();
    for (const std::vector<float>& scores : scores_) {
      if (scores.size() != classes)
        return Error(Code::kUnsupported, "the number of scores differs between samples");
    }
    for (size_t c = classes == 2 ? 1 : 0; c < classes; ++c) {
      const bool mixed =
          std::any_of(truth_.begin(), truth_.end(), [&](int t) { return static_cast<size_t>(t) == c; }) &&
          std::any_of(truth_.begin(), truth_.end(), [&](int t) { return static_cast<size_t>(t) != c; });
      if (!mixed) continue;
      Ranking& ranking = rankings_.emplace_back();
      ranking.label = static_cast<int>(c);
      ranking.order.resize(scores_.size());
      std::iota(ranking.order.begin(), ranking.order.end(), 0U);
      std::sort(ranking.order.begin(), ranking.order.end(),
                [&](uint32_t a, uint32_t b) { return scores_[a][c] < scores_[b][c]; });
    }
    if (rankings_.empty()) {
      return Error(Code::kInvalidArgument,
                   "auc needs samples of more than one class, and all are of class %d", truth_[0]);
    }
    return {};
  }

  Result<double> Value(std::span<const uint32_t> drawn) const override {
    double sum = 0;
    size_t counted = 0;
    for (const Ranking& ranking : rankings_) {
      const double area = AreaOf(ranking, drawn);
      if (std::isnan(area)) continue;
      sum += area;
      ++counted;
    }
    return counted > 0 ? sum / static_cast<double>(counted) : std::numeric_limits<double>::quiet_NaN();
  }

 protected:
  Status Resize(size_t samples) override {
    scores_.resize(samples);
    return {};
  }
  Status Keep(size_t i, const std::vector<float>& scores) override {
    scores_[i] = scores;
    return {};
  }

 private:
  struct Ranking {
    int label = 0;
    std::vector<uint32_t> order;  // samples by ascending score of this class
  };

  // Pairs of one sample of the class and one of the rest that are in order, over all such pairs.
  double AreaOf(const Ranking& ranking, std::span<const uint32_t> drawn) const {
    const auto label = static_cast<size_t>(ranking.label);
    double ordered = 0;
    double others_below = 0;
    double members = 0;
    for (size_t at = 0; at < ranking.order.size();) {
      const float score = scores_[ranking.order[at]][label];
      double members_here = 0;
      double others_here = 0;
      for (; at < ranking.order.size() && scores_[ranking.order[at]][label] == score; ++at) {
        const uint32_t i = ranking.order[at];
        (truth_[i] == ranking.label ? members_here : others_here) += drawn[i];
      }
      ordered += members_here * (others_below + others_here / 2);
      members += members_here;
      others_below += others_here;
    }
    const double pairs = members * others_below;
    return pairs > 0 ? ordered / pairs : std::numeric_limits<double>::quiet_NaN();
  }

  std::vector<std::vector<float>> scores_;
  std::vector<Ranking> rankings_;
};

}  // namespace

std::unique_ptr<Metric> MakeTop1(const MetricOptions& options) { return std::make_unique<TopK>(1, options); }
std::unique_ptr<Metric> MakeTop5(const MetricOptions& options) { return std::make_unique<TopK>(5, options); }
std::unique_ptr<Metric> MakePrecision(const MetricOptions& options) {
  return std::make_unique<ConfusionMetric>("precision", ConfusionKind::kPrecision, options);
}
std::unique_ptr<Metric> MakeRecall(const MetricOptions& options) {
  return std::make_unique<ConfusionMetric>("recall", ConfusionKind::kRecall, options);
}
std::unique_ptr<Metric> MakeF1(const MetricOptions& options) {
  return std::make_unique<ConfusionMetric>("f1", ConfusionKind::kF1, options);
}
std::unique_ptr<Metric> MakeAuc(const MetricOptions& options) { return std::make_unique<Auc>(options); }

}  // namespace whet
