#include "quantize/search.h"

#include <algorithm>
#include <limits>
#include <set>

#include "quantize/compare.h"

namespace whet::quantize {
namespace {

// Of two layers of equal speed, measurements name either as slower.
constexpr double kNoticeablySlower = 1.1;
constexpr double kLeastMilliseconds = 0.002;

struct Candidate {
  const QuantizedLayer* layer;
  double noise = 0;  // at the model's outputs, each relative to its power, if only this layer is quantized
  double float_cost = 0;  // milliseconds that leaving it float costs
};

class Searcher {
 public:
  Searcher(Quantizer& quantizer, ModelRunner& runner, SampleSource& samples, const SearchOptions& options)
      : quantizer_(quantizer), runner_(runner), samples_(samples), options_(options) {}

  Result<SearchResult> Run() {
    WHET_ASSIGN_OR_RETURN(result_.float_metric, options_.metric(quantizer_.prepared()));
    WHET_ASSIGN_OR_RETURN(all_, quantizer_.Build());
    WHET_ASSIGN_OR_RETURN(latency_, options_.latency(quantizer_.prepared(), *all_.graph));
    FindSlower();
    WHET_ASSIGN_OR_RETURN(const bool enough, Try({}));
    if (enough) return std::move(result_);
    WHET_RETURN_IF_ERROR(OrderBySensitivity());
    WHET_RETURN_IF_ERROR(Shorten());
    return std::move(result_);
  }

 private:
  double Cost(const QuantizedLayer& layer) const {
    return LayerMilliseconds(latency_.float_nodes, layer) -
           LayerMilliseconds(latency_.quantized_nodes, layer);
  }

  void FindSlower() {
    for (const QuantizedLayer& layer : all_.layers) {
      if (!layer.weighted || layer.scheme == Scheme::kFloat) continue;
      const double in_float = LayerMilliseconds(latency_.float_nodes, layer);
      const double quantized = LayerMilliseconds(latency_.quantized_nodes, layer);
      // Where the node runs as part of another's step, nothing is known of it.
      if (in_float <= 0 || quantized < in_float * kNoticeablySlower + kLeastMilliseconds) continue;
      result_.slower.push_back(layer.node);
      slower_.push_back({layer.output, Scheme::kFloat});
    }
  }

  // Builds with `kept` in float beside those that are slower, and takes the result if it is the best so far.
  Result<bool> Try(const std::vector<const QuantizedLayer*>& kept) {
    std::vector<LayerScheme> layers = slower_;
    SearchTrial trial;
    for (const QuantizedLayer* layer : kept) {
      layers.push_back({layer->output, Scheme::kFloat});
      trial.kept_float.push_back(layer->node);
    }
    WHET_ASSIGN_OR_RETURN(QuantizedGraph built, quantizer_.Build(layers));
    WHET_ASSIGN_OR_RETURN(trial.metric, options_.metric(*built.graph));
    WHET_ASSIGN_OR_RETURN(const SearchOptions::Latency latency,
                          options_.latency(quantizer_.prepared(), *built.graph));
    trial.milliseconds = latency.quantized_ms;
    const bool holds = trial.metric >= result_.float_metric - options_.max_drop;
    const bool better = result_.quantized.graph == nullptr || (holds && !result_.holds) ||
                        (holds && kept.size() < result_.sensitive.size()) ||
                        (!holds && !result_.holds && trial.metric > result_.metric);
    if (better) {
      result_.quantized = std::move(built);
      result_.holds = holds;
      result_.metric = trial.metric;
      result_.sensitive = trial.kept_float;
    }
    result_.trials.push_back(std::move(trial));
    return holds;
  }

  Status OrderBySensitivity() {
    const auto is_slower = [&](const QuantizedLayer& layer) {
      return std::ranges::find(result_.slower, layer.node) != result_.slower.end();
    };
    for (const QuantizedLayer& layer : all_.layers) {
      if (layer.weighted && layer.scheme != Scheme::kFloat && !is_slower(layer))
        candidates_.push_back({&layer});
    }
    for (size_t i = 0; i < candidates_.size(); ++i) {
      Candidate& candidate = candidates_[i];
      candidate.float_cost = Cost(*candidate.layer);
      const LayerScheme alone[] = {{"*", Scheme::kFloat}, {candidate.layer->output, candidate.layer->scheme}};
      WHET_ASSIGN_OR_RETURN(const QuantizedGraph built, quantizer_.Build(alone, false));
      WHET_ASSIGN_OR_RETURN(const std::vector<OutputError> errors,
                            CompareOutputs(quantizer_.prepared(), *built.graph, runner_, samples_,
                                           options_.sensitivity_samples));
      for (const OutputError& output : errors) {
        if (output.error.ff > 0) candidate.noise += output.error.noise / output.error.ff;
      }
      if (options_.progress) options_.progress("sensitivity", i + 1, candidates_.size());
    }
    const auto value = [](const Candidate& candidate) {
      return candidate.noise / std::max(candidate.float_cost, kLeastMilliseconds);
    };
    std::ranges::stable_sort(candidates_,
                             [&](const Candidate& a, const Candidate& b) { return value(a) > value(b); });
    return {};
  }

  Status Shorten() {
    const auto first = [&](size_t count) {
      std::vector<const QuantizedLayer*> kept;
      for (size_t i = 0; i < count; ++i) kept.push_back(candidates_[i].layer);
      return kept;
    };
    WHET_ASSIGN_OR_RETURN(const bool possible, Try(first(candidates_.size())));
    if (!possible) return {};
    size_t fails = 0;
    size_t holds = candidates_.size();
    while (holds - fails > 1) {
      const size_t middle = (fails + holds) / 2;
      WHET_ASSIGN_OR_RETURN(const bool enough, Try(first(middle)));
      (enough ? holds : fails) = middle;
    }
    // What was taken in passing may not be needed.
    std::vector<Candidate> kept(candidates_.begin(),
                                candidates_.begin() + static_cast<std::ptrdiff_t>(holds));
    std::vector<Candidate> by_gain(kept);
    std::ranges::stable_sort(
        by_gain, [](const Candidate& a, const Candidate& b) { return a.float_cost > b.float_cost; });
    constexpr size_t kAttempts = 6;
    for (size_t i = 0; i < std::min(kAttempts, by_gain.size()) && kept.size() > 1; ++i) {
      std::vector<const QuantizedLayer*> without;
      for (const Candidate& candidate : kept) {
        if (candidate.layer != by_gain[i].layer) without.push_back(candidate.layer);
      }
      WHET_ASSIGN_OR_RETURN(const bool enough, Try(without));
      if (enough)
        std::erase_if(kept, [&](const Candidate& candidate) { return candidate.layer == by_gain[i].layer; });
    }
    return {};
  }

  Quantizer& quantizer_;
  ModelRunner& runner_;
  SampleSource& samples_;
  const SearchOptions& options_;
  SearchResult result_;
  QuantizedGraph all_;
  SearchOptions::Latency latency_;
  std::vector<LayerScheme> slower_;
  std::vector<Candidate> candidates_;
};

}  // namespace

double LayerMilliseconds(const std::map<std::string, double>& nodes, const QuantizedLayer& layer) {
  std::set<std::string> names = {layer.node};
  for (const char* suffix : {":quantize", ":dequantize", ":weights", ":bias"}) {
    names.insert(layer.node + suffix);
    names.insert(layer.output + suffix);
  }
  double sum = 0;
  for (const std::string& name : names) {
    if (const auto it = nodes.find(name); it != nodes.end()) sum += it->second;
  }
  return sum;
}

Result<SearchResult> SearchMixedPrecision(Quantizer& quantizer, ModelRunner& runner, SampleSource& samples,
                                          const SearchOptions& options) {
  return Searcher(quantizer, runner, samples, options).Run();
}

}  // namespace whet::quantize
