// How far a model's outputs are from those of another, such as the float model it was made of. No truth is
// needed.

#include <algorithm>
#include <cmath>
#include <limits>

#include "measure/metrics/kinds.h"

namespace whet {
namespace {

// Sums over the elements of one output.
struct Sums {
  double product = 0;    // of both
  double square = 0;     // of the model's
  double reference = 0;  // squares of the other's
  double error = 0;      // squares of the differences
};

class FidelityMetric : public Metric {
 public:
  FidelityMetric(std::string_view name, MetricOptions options) : name_(name), options_(std::move(options)) {}

  Status Prepare(const ModelDescription& model, const ModelDescription* against, const DatasetInfo&,
                 size_t samples) override {
    for (size_t i = 0; i < model.outputs.size(); ++i) {
      const std::string& name = model.outputs[i].name;
      if (!options_.output.empty() && name != options_.output) continue;
      // By name, or by place where names have changed.
      const auto same =
          std::find_if(against->outputs.begin(), against->outputs.end(),
                       [&](const ModelDescription::Output& output) { return output.name == name; });
      size_t other = static_cast<size_t>(same - against->outputs.begin());
      if (same == against->outputs.end()) {
        if (model.outputs.size() != against->outputs.size()) {
          return Error(Code::kInvalidArgument, "%s: the other model has no output '%s'", name_.c_str(),
                       name.c_str());
        }
        other = i;
      }
      pairs_.push_back({i, other, name});
    }
    if (pairs_.empty()) {
      return Error(Code::kInvalidArgument, "the model has no output '%s'", options_.output.c_str());
    }
    sums_.assign(samples * pairs_.size(), {});
    return {};
  }

  Status Add(size_t i, const Sample& sample, const Prediction& prediction,
             const Prediction* against) override {
    for (size_t p = 0; p < pairs_.size(); ++p) {
      const Pair& pair = pairs_[p];
      const TensorPtr& mine = prediction.outputs[pair.mine];
      const TensorPtr& other = against->outputs[pair.other];
      if (!(mine->shape() == other->shape())) {
        return Error(Code::kInvalidArgument, "output '%s' is %s in one model and %s in the other",
                     pair.name.c_str(), mine->shape().ToString().c_str(), other->shape().ToString().c_str())
            .At(sample.name);
      }
      Result<std::vector<float>> values = FiniteValues(mine, pair.name);
      if (!values.ok()) return values.TakeStatus().At(sample.name);
      Result<std::vector<float>> references = FiniteValues(other, pair.name);
      if (!references.ok()) return references.TakeStatus().At(sample.name);
      Sums& sums = sums_[i * pairs_.size() + p];
      for (size_t e = 0; e < values->size(); ++e) {
        const auto value = static_cast<double>((*values)[e]);
        const auto reference = static_cast<double>((*references)[e]);
        sums.product += value * reference;
        sums.square += value * value;
        sums.reference += reference * reference;
        sums.error += (value - reference) * (value - reference);
      }
    }
    return {};
  }

  // Of several outputs the worst.
  Result<double> Value(std::span<const uint32_t> drawn) const override {
    double worst = std::numeric_limits<double>::infinity();
    for (size_t p = 0; p < pairs_.size(); ++p) worst = std::min(worst, OfOutput(p, drawn));
    return worst;
  }

  bool compares_models() const override { return true; }

 protected:
  virtual double OfOutput(size_t pair, std::span<const uint32_t> drawn) const = 0;
  const Sums& SumsOf(size_t sample, size_t pair) const { return sums_[sample * pairs_.size() + pair]; }

 private:
  struct Pair {
    size_t mine;
    size_t other;
    std::string name;
  };
  const std::string name_;
  MetricOptions options_;
  std::vector<Pair> pairs_;
  std::vector<Sums> sums_;  // of each sample's pairs
};

class Cosine final : public FidelityMetric {
 public:
  explicit Cosine(MetricOptions options) : FidelityMetric("cosine", std::move(options)) {}
  std::string_view unit() const override { return ""; }

 protected:
  // The mean over samples; an output of zeros is like another of zeros and unlike anything else.
  double OfOutput(size_t pair, std::span<const uint32_t> drawn) const override {
    double sum = 0;
    double count = 0;
    for (size_t i = 0; i < drawn.size(); ++i) {
      const Sums& sums = SumsOf(i, pair);
      const double lengths = std::sqrt(sums.square) * std::sqrt(sums.reference);
      const double cosine = lengths > 0 ? sums.product / lengths : sums.square == sums.reference ? 1 : 0;
      sum += drawn[i] * cosine;
      count += drawn[i];
    }
    return sum / count;
  }
};

class SignalToNoise final : public FidelityMetric {
 public:
  explicit SignalToNoise(MetricOptions options) : FidelityMetric("snr", std::move(options)) {}
  std::string_view unit() const override { return "dB"; }

 protected:
  // Of all samples' energies together.
  double OfOutput(size_t pair, std::span<const uint32_t> drawn) const override {
    double signal = 0;
    double noise = 0;
    for (size_t i = 0; i < drawn.size(); ++i) {
      signal += drawn[i] * SumsOf(i, pair).reference;
      noise += drawn[i] * SumsOf(i, pair).error;
    }
    if (noise == 0) return std::numeric_limits<double>::infinity();
    return signal > 0 ? 10 * std::log10(signal / noise) : -std::numeric_limits<double>::infinity();
  }
};

class Agreement final : public Metric {
 public:
  explicit Agreement(MetricOptions options) : options_(std::move(options)) {}

  Status Prepare(const ModelDescription& model, const ModelDescription* against, const DatasetInfo&,
                 size_t samples) override {
    WHET_ASSIGN_OR_RETURN(mine_,
                          ChooseOutput(model, options_.output, LooksLikeScores, "a list of class scores"));
    WHET_ASSIGN_OR_RETURN(other_,
                          ChooseOutput(*against, options_.output, LooksLikeScores, "a list of class scores"));
    name_ = model.outputs[mine_].name;
    choice_.assign(samples, 0);
    same_.assign(samples, 0);
    return {};
  }

  Status Add(size_t i, const Sample& sample, const Prediction& prediction,
             const Prediction* against) override {
    Result<std::vector<float>> mine = FiniteValues(prediction.outputs[mine_], name_);
    if (!mine.ok()) return mine.TakeStatus().At(sample.name);
    Result<std::vector<float>> other = FiniteValues(against->outputs[other_], name_);
    if (!other.ok()) return other.TakeStatus().At(sample.name);
    if (mine->size() != other->size() || mine->empty()) {
      return Error(Code::kInvalidArgument, "one model has %zu scores and the other %zu", mine->size(),
                   other->size())
          .At(sample.name);
    }
    choice_[i] = LikeliestClass(*mine);
    same_[i] = choice_[i] == LikeliestClass(*other) ? 1 : 0;
    return {};
  }

  Result<double> Value(std::span<const uint32_t> drawn) const override {
    double same = 0;
    double count = 0;
    for (size_t i = 0; i < drawn.size(); ++i) {
      same += drawn[i] * same_[i];
      count += drawn[i];
    }
    return same / count;
  }

  bool compares_models() const override { return true; }
  std::optional<bool> Right(size_t i) const override { return same_[i] != 0; }
  std::optional<int> Choice(size_t i) const override { return choice_[i]; }

 private:
  MetricOptions options_;
  size_t mine_ = 0;
  size_t other_ = 0;
  std::string name_;
  std::vector<int> choice_;
  std::vector<char> same_;  // not bool, whose elements share bytes between threads
};

}  // namespace

std::unique_ptr<Metric> MakeCosine(const MetricOptions& options) { return std::make_unique<Cosine>(options); }
std::unique_ptr<Metric> MakeSnr(const MetricOptions& options) {
  return std::make_unique<SignalToNoise>(options);
}
std::unique_ptr<Metric> MakeAgreement(const MetricOptions& options) {
  return std::make_unique<Agreement>(options);
}

}  // namespace whet
