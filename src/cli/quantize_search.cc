#include "cli/quantize_search.h"

#include <algorithm>
#include <cmath>

#include "cli/console.h"
#include "cli/model_runner.h"
#include "measure/datasets/dataset.h"
#include "measure/metrics/metric.h"

namespace whet::cli {
namespace {

using quantize::Choice;
using quantize::LayerGroup;
using quantize::NameOf;
using quantize::QuantizedGraph;
using quantize::Scheme;
using quantize::SchemeOptions;

// More exact schemes to try, beside float. Those that compute in floating point cost no latency over float,
// so size decides between them.
std::vector<Scheme> MoreExactThan(Scheme scheme) {
  if (scheme == Scheme::kInt8) return {Scheme::kInt16};
  if (scheme == Scheme::kWeight4) return {Scheme::kWeight8};
  return {};
}

bool ComputesInIntegers(Scheme scheme) { return IsStatic(scheme) || scheme == Scheme::kDynamic; }

std::string Names(const std::vector<LayerGroup>& groups, const std::vector<size_t>& which) {
  std::string names;
  for (size_t g : which) names += (names.empty() ? "'" : ", '") + groups[g].name + "'";
  return names;
}

double Sum(const std::vector<double>& of_layers, const LayerGroup& group) {
  double sum = 0;
  for (size_t i : group.layers) sum += of_layers[i];
  return sum;
}

// The times of the layers, without and with quantization.
std::pair<std::vector<double>, std::vector<double>> LayerTimes(const QuantizedGraph& built,
                                                               const GraphRunner::Times& float_times,
                                                               const GraphRunner::Times& quantized_times) {
  QuantizeReport report;
  report.AddLayers(built.layers, {}, float_times, quantized_times);
  std::pair<std::vector<double>, std::vector<double>> times;
  for (const QuantizeReport::Layer& layer : report.layers) {
    times.first.push_back(layer.float_ms);
    times.second.push_back(layer.quantized_ms);
  }
  return times;
}

bool AnyQuantized(const QuantizedGraph& built, const LayerGroup& group) {
  return std::ranges::any_of(group.layers,
                             [&](size_t i) { return built.layers[i].scheme != Scheme::kFloat; });
}

}  // namespace

SchemeOptions PrecisionSearch::Everywhere(Scheme scheme) const {
  SchemeOptions options = scheme_;
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (IsOpen(g)) ChooseScheme(quantizer_.prepared(), groups_[g], {scheme, {}}, &options);
  }
  return options;
}

Result<std::vector<std::vector<size_t>>> PrecisionSearch::SlowClusters(double seconds) {
  WHET_ASSIGN_OR_RETURN(const QuantizedGraph built, quantizer_.Build(scheme_, false));
  WHET_ASSIGN_OR_RETURN(const auto runs, samples_.Load(0));
  if (runs.empty()) return std::vector<std::vector<size_t>>();
  const Graph* graphs[] = {&quantizer_.prepared(), built.graph.get()};
  WHET_ASSIGN_OR_RETURN(const auto times, runner_.Measure(graphs, runs[0], seconds));
  const auto [before, after] = LayerTimes(built, times[0], times[1]);
  // A clock is read around every step; less than this is not told apart.
  constexpr double kLeastMs = 0.001;
  std::vector<int> slow(groups_.size(), 0);
  float_ms_.assign(groups_.size(), 0);
  integer_ms_.assign(groups_.size(), 0);
  for (size_t g = 0; g < groups_.size(); ++g) {
    float_ms_[g] = Sum(before, groups_[g]);
    integer_ms_[g] = Sum(after, groups_[g]);
    slow[g] = IsOpen(g) && AnyQuantized(built, groups_[g]) && float_ms_[g] > 0 &&
              integer_ms_[g] > float_ms_[g] * 1.05 + kLeastMs;
  }
  // Neighbours that are slow alike share the conversions around them: flood fill.
  const std::vector<Node*> nodes = quantizer_.prepared().NodeList();
  std::unordered_map<const Node*, size_t> group_of;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (size_t i : groups_[g].layers) group_of[nodes[i]] = g;
  }
  std::vector<std::set<size_t>> neighbours(groups_.size());
  for (const auto& [node, g] : group_of) {
    for (const Value* input : node->inputs()) {
      const auto from = input != nullptr ? group_of.find(input->producer()) : group_of.end();
      if (from == group_of.end() || from->second == g) continue;
      neighbours[g].insert(from->second);
      neighbours[from->second].insert(g);
    }
  }
  std::vector<std::vector<size_t>> clusters;
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (slow[g] == 0) continue;
    std::vector<size_t>& cluster = clusters.emplace_back();
    std::vector<size_t> open = {g};
    slow[g] = 0;
    while (!open.empty()) {
      const size_t at = open.back();
      open.pop_back();
      cluster.push_back(at);
      for (size_t next : neighbours[at]) {
        if (slow[next] == 0) continue;
        slow[next] = 0;
        open.push_back(next);
      }
    }
    std::ranges::sort(cluster);
  }
  const auto excess = [&](const std::vector<size_t>& cluster) {
    double sum = 0;
    for (size_t g : cluster) sum += integer_ms_[g] - float_ms_[g];
    return sum;
  };
  std::ranges::stable_sort(clusters, [&](const auto& a, const auto& b) { return excess(a) > excess(b); });
  return clusters;
}

Status PrecisionSearch::LeaveSlowFloat(double seconds, QuantizeReport* report) {
  if (!ComputesInIntegers(scheme_.scheme)) return {};
  WHET_ASSIGN_OR_RETURN(const auto clusters, SlowClusters(seconds));
  WHET_ASSIGN_OR_RETURN(const auto runs, samples_.Load(0));
  constexpr size_t kMostTrials = 12;
  std::vector<size_t> stay;
  for (size_t i = 0; i < clusters.size(); ++i) {
    const std::vector<size_t>& cluster = clusters[i];
    bool pays = false;
    SchemeOptions without = scheme_;
    for (size_t g : cluster) {
      ChooseScheme(
          quantizer_.prepared(), groups_[g],
          {Scheme::kFloat, Format("%s is slower here, %.3f ms against %.3f",
                                  std::string(NameOf(scheme_.scheme)).c_str(), integer_ms_[g], float_ms_[g])},
          &without);
    }
    if (i < kMostTrials) {
      WHET_ASSIGN_OR_RETURN(const QuantizedGraph now, quantizer_.Build(scheme_, false));
      WHET_ASSIGN_OR_RETURN(const QuantizedGraph then, quantizer_.Build(without, false));
      const Graph* graphs[] = {now.graph.get(), then.graph.get()};
      WHET_ASSIGN_OR_RETURN(const auto times, runner_.Measure(graphs, runs[0], seconds / 2));
      pays = times[1].ClearlyFasterThan(times[0]);
    }
    if (progress_) progress_("slow layers", i + 1, clusters.size());
    if (!pays) {
      stay.insert(stay.end(), cluster.begin(), cluster.end());
      continue;
    }
    scheme_ = std::move(without);
    decided_.insert(cluster.begin(), cluster.end());
  }
  if (!stay.empty()) {
    std::ranges::sort(stay);
    report->notes.push_back(
        Format("slower as integers by themselves, but the model is not faster with them in "
               "float, whose conversions cost more: %s",
               Names(groups_, stay).c_str()));
  }
  return {};
}

Result<std::vector<std::vector<Choice>>> PrecisionSearch::Choices(const std::vector<size_t>& open,
                                                                  double seconds) {
  std::vector<Scheme> schemes = {scheme_.scheme};
  for (Scheme scheme : MoreExactThan(scheme_.scheme)) schemes.push_back(scheme);
  schemes.push_back(Scheme::kFloat);
  std::vector<QuantizedGraph> built;
  for (Scheme scheme : schemes) {
    WHET_ASSIGN_OR_RETURN(QuantizedGraph one, quantizer_.Build(Everywhere(scheme), false));
    built.push_back(std::move(one));
  }
  // Of each scheme, what each layer costs.
  std::vector<std::vector<double>> costs;
  if (seconds > 0 && ComputesInIntegers(scheme_.scheme)) {
    WHET_ASSIGN_OR_RETURN(const auto runs, samples_.Load(0));
    std::vector<const Graph*> graphs;
    for (const QuantizedGraph& one : built) graphs.push_back(one.graph.get());
    WHET_ASSIGN_OR_RETURN(const auto times, runner_.Measure(graphs, runs.at(0), seconds));
    for (size_t s = 0; s < schemes.size(); ++s) {
      costs.push_back(LayerTimes(built[s], times.back(), times[s]).second);
    }
  } else {
    for (const QuantizedGraph& one : built) {
      std::vector<double>& bytes = costs.emplace_back();
      for (const quantize::QuantizedLayer& layer : one.layers)
        bytes.push_back(static_cast<double>(layer.bytes));
    }
  }
  constexpr size_t kNoiseSamples = 8;
  std::vector<std::vector<Choice>> choices;
  for (size_t k = 0; k < open.size(); ++k) {
    const LayerGroup& group = groups_[open[k]];
    std::vector<Choice>& own = choices.emplace_back();
    const double float_cost = Sum(costs.back(), group);
    for (size_t s = 0; s < schemes.size(); ++s) {
      Choice choice{schemes[s], Sum(costs[s], group), 0};
      // What is neither cheaper nor more exact than float is no choice.
      if (s > 0 && choice.scheme != Scheme::kFloat && choice.cost >= float_cost) continue;
      if (choice.scheme != Scheme::kFloat) {
        WHET_ASSIGN_OR_RETURN(choice.noise, NoiseOf(quantizer_, groups_, open[k], schemes[s], runner_,
                                                    samples_, kNoiseSamples));
      }
      own.push_back(choice);
    }
    if (progress_) progress_("sensitivity", k + 1, open.size());
  }
  return choices;
}

Result<double> PrecisionSearch::Evaluate(const Graph& graph) {
  WHET_ASSIGN_OR_RETURN(const EvaluatedModel model,
                        MakeEvaluatedModel(std::shared_ptr<const Graph>(graph.Clone()), inputs_, engine_));
  WHET_ASSIGN_OR_RETURN(
      const Evaluation evaluation,
      whet::Evaluate(*dataset_, model, against_float_ ? &*float_model_ : nullptr, evaluation_));
  return evaluation.measured.value;
}

Status PrecisionSearch::Hold(const QualityBound& bound, double seconds, QuantizeReport* report) {
  MetricOptions metric_options;
  metric_options.output = bound.output;
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<Metric> metric, MakeMetric(bound.metric, metric_options));
  DatasetOptions dataset_options;
  dataset_options.split = bound.split;
  SelectionOptions selection;
  selection.limit = bound.limit;
  auto opened = OpenDataset(bound.data, dataset_options);
  if (!opened.ok()) return opened.TakeStatus().At("--eval");
  WHET_ASSIGN_OR_RETURN(dataset_, Select(std::move(*opened), selection));
  WHET_ASSIGN_OR_RETURN(float_model_, MakeEvaluatedModel(model_, inputs_, engine_));
  against_float_ = metric->compares_models();
  evaluation_.metric = bound.metric;
  evaluation_.metric_options = metric_options;
  evaluation_.threads = engine_.threads.threads;
  evaluation_.resamples = 0;
  WHET_ASSIGN_OR_RETURN(const double reference, Evaluate(*model_));
  if (!std::isfinite(reference)) {
    return Error(Code::kInvalidArgument, "%s of the float model is %g, from which nothing can be subtracted",
                 bound.metric.c_str(), reference)
        .At("--metric");
  }
  const double unit = metric->unit() == "%" ? 100 : 1;

  WHET_ASSIGN_OR_RETURN(const QuantizedGraph base, quantizer_.Build(scheme_, false));
  std::vector<size_t> open;
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (IsOpen(g) && AnyQuantized(base, groups_[g])) open.push_back(g);
  }
  quantize::SearchOptions search;
  const std::string why = Format("%s would lose more than %g points", bound.metric.c_str(), bound.max_drop);
  const auto chosen_scheme = [&](const quantize::Chosen& chosen) {
    SchemeOptions options = scheme_;
    for (size_t k = 0; k < open.size(); ++k) {
      if (chosen[k] == 0) continue;
      ChooseScheme(quantizer_.prepared(), groups_[open[k]], {search.choices[k][chosen[k]].scheme, why},
                   &options);
    }
    return options;
  };
  const auto drop_of = [&](const SchemeOptions& options) -> Result<double> {
    WHET_ASSIGN_OR_RETURN(const QuantizedGraph built, quantizer_.Build(options, true));
    WHET_ASSIGN_OR_RETURN(const double value, Evaluate(*built.graph));
    if (std::isnan(value)) return std::numeric_limits<double>::infinity();
    return (metric->lower_is_better() ? value - reference : reference - value) * unit;
  };
  WHET_ASSIGN_OR_RETURN(const double first_drop, drop_of(scheme_));
  quantize::SearchResult result{quantize::Chosen(open.size(), 0), first_drop, first_drop <= bound.max_drop,
                                1};
  if (!result.holds) {
    WHET_ASSIGN_OR_RETURN(search.choices, Choices(open, seconds));
    search.max_drop = bound.max_drop;
    search.drop = [&](const quantize::Chosen& chosen) -> Result<double> {
      if (std::ranges::all_of(chosen, [](size_t choice) { return choice == 0; })) return first_drop;
      return drop_of(chosen_scheme(chosen));
    };
    WHET_ASSIGN_OR_RETURN(result, SearchPrecision(search));
  }
  SchemeOptions best = chosen_scheme(result.chosen);
  WHET_ASSIGN_OR_RETURN(QuantizedGraph built, quantizer_.Build(best, false));
  // What must be computed in float need not be stored in 32 bits.
  if (result.holds) {
    SchemeOptions halved = best;
    bool any = false;
    for (auto& [output, choice] : halved.outputs) {
      const auto layer = std::ranges::find(built.layers, output, &quantize::QuantizedLayer::output);
      if (layer == built.layers.end() || !layer->weighted || choice.scheme != Scheme::kFloat ||
          choice.why != why)
        continue;
      choice.scheme = Scheme::kF16;
      any = true;
    }
    if (any) {
      WHET_ASSIGN_OR_RETURN(const double drop, drop_of(halved));
      ++result.tried;
      if (drop <= bound.max_drop) {
        best = std::move(halved);
        result.drop = drop;
        WHET_ASSIGN_OR_RETURN(built, quantizer_.Build(best, false));
      }
    }
  }
  const bool nothing = std::ranges::none_of(
      built.layers, [](const quantize::QuantizedLayer& layer) { return layer.scheme != Scheme::kFloat; });
  const double value = reference + (metric->lower_is_better() ? 1 : -1) * result.drop / unit;
  if (!result.holds || nothing) {
    return Error(
        Code::kLimitExceeded,
        "the bound of %g points cannot be held: %s is %g for the float model%s. Nothing was "
        "written. Allow more with --max-drop, give --layer less, or try another --method or --scheme",
        bound.max_drop, bound.metric.c_str(), reference * unit,
        nothing ? ", and with any layer quantized it falls further"
                : Format(" and %g for the most exact choice of schemes", value * unit).c_str());
  }
  scheme_ = std::move(best);
  report->bound = {bound.metric,     std::string(metric->unit()),
                   reference * unit, value * unit,
                   result.drop,      bound.max_drop,
                   dataset_->size(), result.tried};
  return {};
}

}  // namespace whet::cli
