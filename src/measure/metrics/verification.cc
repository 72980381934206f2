// The equal error rate of embeddings: every pair of samples is one of the same class (a person, a speaker) or
// not, and is taken for the same if the cosine of the embeddings reaches a threshold. The value is the rate
// at the threshold where as large a part of the unlike pairs is accepted as of the like ones rejected,
// interpolated between thresholds.

#include <algorithm>
#include <cmath>
#include <limits>

#include "measure/metrics/kinds.h"

namespace whet {
namespace {

// Pairs grow with the square of the samples.
constexpr size_t kMaxSamples = 3000;

class EqualErrorRate final : public Metric {
 public:
  explicit EqualErrorRate(MetricOptions options) : options_(std::move(options)) {}

  Status Prepare(const ModelDescription& model, const ModelDescription*, const DatasetInfo& set,
                 size_t samples) override {
    WHET_RETURN_IF_ERROR(NeedsTruth(set, TruthKind::kClass, "eer"));
    if (samples > kMaxSamples) {
      return Error(Code::kLimitExceeded,
                   "eer compares every pair, so it takes %zu samples at most, not %zu; give --limit",
                   kMaxSamples, samples);
    }
    WHET_ASSIGN_OR_RETURN(output_, ChooseOutput(model, options_.output, LooksLikeScores, "an embedding"));
    name_ = model.outputs[output_].name;
    embeddings_.resize(samples);
    labels_.assign(samples, -1);
    return {};
  }

  Status Add(size_t i, const Sample& sample, const Prediction& prediction, const Prediction*) override {
    Result<std::vector<float>> values = FiniteValues(prediction.outputs[output_], name_);
    if (!values.ok()) return values.TakeStatus().At(sample.name);
    double square = 0;
    for (float value : *values) square += static_cast<double>(value) * static_cast<double>(value);
    if (values->size() < 2 || square == 0) {
      return Error(Code::kInvalidArgument, "output '%s' of %zu values%s is no embedding", name_.c_str(),
                   values->size(), square == 0 ? ", all zero," : "")
          .At(sample.name);
    }
    for (float& value : *values) value = static_cast<float>(static_cast<double>(value) / std::sqrt(square));
    embeddings_[i] = std::move(*values);
    labels_[i] = sample.label;
    return {};
  }

  Status Finish() override {
    bool like = false;
    bool unlike = false;
    for (uint32_t a = 0; a < labels_.size(); ++a) {
      for (uint32_t b = a + 1; b < labels_.size(); ++b) {
        if (embeddings_[a].size() != embeddings_[b].size()) {
          return Error(Code::kUnsupported, "the embeddings are of different lengths");
        }
        float cosine = 0;
        for (size_t e = 0; e < embeddings_[a].size(); ++e) cosine += embeddings_[a][e] * embeddings_[b][e];
        pairs_.push_back({cosine, a, b});
        (labels_[a] == labels_[b] ? like : unlike) = true;
      }
    }
    if (!like || !unlike) {
      return Error(Code::kInvalidArgument,
                   "eer needs pairs of the same class and of different ones; the samples have only %s",
                   like ? "the former" : "the latter");
    }
    std::sort(pairs_.begin(), pairs_.end(), [](const Pair& x, const Pair& y) { return x.cosine > y.cosine; });
    return {};
  }

  Result<double> Value(std::span<const uint32_t> drawn) const override {
    double like = 0;
    double unlike = 0;
    for (const Pair& pair : pairs_) (IsLike(pair) ? like : unlike) += Weight(pair, drawn);
    if (like == 0 || unlike == 0) return std::numeric_limits<double>::quiet_NaN();
    // From the highest threshold down: nothing is accepted, then more and more.
    double false_accept = 0;
    double false_reject = 1;
    double accepted_like = 0;
    double accepted_unlike = 0;
    for (size_t at = 0; at < pairs_.size();) {
      const float cosine = pairs_[at].cosine;
      for (; at < pairs_.size() && pairs_[at].cosine == cosine; ++at) {
        (IsLike(pairs_[at]) ? accepted_like : accepted_unlike) += Weight(pairs_[at], drawn);
      }
      const double next_accept = accepted_unlike / unlike;
      const double next_reject = 1 - accepted_like / like;
      if (next_accept >= next_reject) {
        // The two curves cross between the last threshold and this one.
        const double before = false_reject - false_accept;
        const double after = next_accept - next_reject;
        const double part = before + after > 0 ? before / (before + after) : 0;
        return false_accept + part * (next_accept - false_accept);
      }
      false_accept = next_accept;
      false_reject = next_reject;
    }
    return false_accept;
  }

  bool lower_is_better() const override { return true; }

 private:
  struct Pair {
    float cosine;
    uint32_t a;
    uint32_t b;
  };
  bool IsLike(const Pair& pair) const { return labels_[pair.a] == labels_[pair.b]; }
  static double Weight(const Pair& pair, std::span<const uint32_t> drawn) {
    return static_cast<double>(drawn[pair.a]) * drawn[pair.b];
  }

  MetricOptions options_;
  size_t output_ = 0;
  std::string name_;
  std::vector<std::vector<float>> embeddings_;
  std::vector<int> labels_;
  std::vector<Pair> pairs_;
};

}  // namespace

std::unique_ptr<Metric> MakeEer(const MetricOptions& options) {
  return std::make_unique<EqualErrorRate>(options);
}

}  // namespace whet
