#include "quantize/search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "passes/match.h"
#include "quantize/compare.h"

namespace whet::quantize {
namespace {

// From the choice that the group has then to a more exact one.
struct Move {
  size_t group = 0;
  size_t to = 0;
  double gain = 0;  // noise saved per cost
};

// Along the lower hull from the first choice: each step is the one that saves most noise per cost of those
// that are left, so the gains fall.
void AddMoves(const std::vector<Choice>& choices, size_t group, std::vector<Move>* moves) {
  size_t at = 0;
  while (true) {
    std::optional<Move> best;
    for (size_t i = 0; i < choices.size(); ++i) {
      const double saved = choices[at].noise - choices[i].noise;
      if (saved <= 0) continue;
      const double cost = choices[i].cost - choices[at].cost;
      const double gain = cost > 0 ? saved / cost : std::numeric_limits<double>::infinity();
      // Of those that cost nothing, the one that saves most.
      const bool better =
          !best || gain > best->gain || (gain == best->gain && choices[i].noise < choices[best->to].noise);
      if (better) best = Move{group, i, gain};
    }
    if (!best) return;
    moves->push_back(*best);
    at = best->to;
  }
}

class Searcher {
 public:
  explicit Searcher(const SearchOptions& options) : options_(options) {}

  Result<SearchResult> Run() {
    const auto& choices = options_.choices;
    for (size_t g = 0; g < choices.size(); ++g) AddMoves(choices[g], g, &moves_);
    // Steps that cost nothing are sorted by what they save; there is at most one of them in a group. A
    // group's own steps keep their order, as their gains fall.
    std::vector<double> saved(moves_.size());
    std::vector<size_t> order(moves_.size());
    Chosen at(choices.size(), 0);
    for (size_t m = 0; m < moves_.size(); ++m) {
      const Move& move = moves_[m];
      saved[m] = choices[move.group][at[move.group]].noise - choices[move.group][move.to].noise;
      at[move.group] = move.to;
      order[m] = m;
    }
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      if (moves_[a].gain != moves_[b].gain) return moves_[a].gain > moves_[b].gain;
      return std::isinf(moves_[a].gain) && saved[a] > saved[b];
    });
    std::vector<Move> sorted;
    for (size_t m : order) sorted.push_back(moves_[m]);
    moves_ = std::move(sorted);

    WHET_ASSIGN_OR_RETURN(bool holds, Try(After(0)));
    if (holds) return result_;
    WHET_ASSIGN_OR_RETURN(holds, Try(After(moves_.size())));
    if (!holds) return result_;
    size_t fails = 0, enough = moves_.size();
    while (enough - fails > 1) {
      const size_t middle = fails + (enough - fails) / 2;
      WHET_ASSIGN_OR_RETURN(holds, Try(After(middle)));
      (holds ? enough : fails) = middle;
    }
    WHET_RETURN_IF_ERROR(TakeBack(After(enough), enough));
    return result_;
  }

 private:
  Chosen After(size_t count) const {
    Chosen chosen(options_.choices.size(), 0);
    for (size_t m = 0; m < count; ++m) chosen[moves_[m].group] = moves_[m].to;
    return chosen;
  }

  // Of the groups that were made more exact, those that cost most first: is it needed?
  Status TakeBack(Chosen chosen, size_t moves) {
    std::vector<size_t> raised;
    // Without the last step the bound did not hold.
    for (size_t g = 0; g < chosen.size(); ++g) {
      if (chosen[g] != 0 && g != moves_[moves - 1].group) raised.push_back(g);
    }
    const auto cost = [&](size_t g) {
      return options_.choices[g][chosen[g]].cost - options_.choices[g][0].cost;
    };
    std::stable_sort(raised.begin(), raised.end(), [&](size_t a, size_t b) { return cost(a) > cost(b); });
    if (raised.size() > options_.refinements) raised.resize(options_.refinements);
    for (size_t g : raised) {
      Chosen without = chosen;
      without[g] = 0;
      WHET_ASSIGN_OR_RETURN(const bool holds, Try(without));
      if (holds) chosen = std::move(without);
    }
    return {};
  }

  // Keeps what holds, the last being the cheapest, and else what loses least.
  Result<bool> Try(const Chosen& chosen) {
    ++result_.tried;
    WHET_ASSIGN_OR_RETURN(const double drop, options_.drop(chosen));
    const bool holds = drop <= options_.max_drop;
    if (holds || !result_.holds) {
      result_.chosen = chosen;
      result_.drop = drop;
      result_.holds = holds;
    }
    return holds;
  }

  const SearchOptions& options_;
  std::vector<Move> moves_;
  SearchResult result_;
};

}  // namespace

std::vector<LayerGroup> GroupLayers(const Graph& prepared, const SchemeOptions& options) {
  std::vector<LayerGroup> groups;
  std::unordered_map<const Node*, size_t> group_of;
  const std::vector<Node*> nodes = prepared.NodeList();
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = *nodes[i];
    const Rule rule = RuleOf(node, options.convention);
    if (rule == Rule::kNone) continue;
    std::optional<size_t> group;
    for (const Value* input : node.inputs()) {
      if (rule == Rule::kWeighted || input == nullptr || OnlyReader(input) != &node) continue;
      const auto it = group_of.find(input->producer());
      if (it != group_of.end()) group = std::max(group.value_or(0), it->second);
    }
    if (!group) {
      group = groups.size();
      groups.push_back({node.name(), {}, false});
    }
    groups[*group].layers.push_back(i);
    groups[*group].given = groups[*group].given || SchemeGiven(node, options);
    group_of[&node] = *group;
  }
  return groups;
}

void ChooseScheme(const Graph& prepared, const LayerGroup& group, const LayerChoice& choice,
                  SchemeOptions* options) {
  const std::vector<Node*> nodes = prepared.NodeList();
  for (size_t i : group.layers) {
    if (nodes[i]->output() != nullptr) options->outputs[nodes[i]->output()->name()] = choice;
  }
}

Result<double> NoiseOf(Quantizer& quantizer, const std::vector<LayerGroup>& groups, size_t group,
                       Scheme scheme, ModelRunner& runner, SampleSource& samples, size_t count) {
  SchemeOptions options = quantizer.scheme();
  for (size_t g = 0; g < groups.size(); ++g) {
    ChooseScheme(quantizer.prepared(), groups[g], {g == group ? scheme : Scheme::kFloat, {}}, &options);
  }
  WHET_ASSIGN_OR_RETURN(const QuantizedGraph quantized, quantizer.Build(options, false));
  WHET_ASSIGN_OR_RETURN(const std::vector<OutputError> errors,
                        CompareOutputs(quantizer.prepared(), *quantized.graph, runner, samples, count));
  double noise = 0;
  for (const OutputError& output : errors) {
    if (output.error.noise > 0) noise += output.error.noise / std::max(output.error.ff, 1e-30);
  }
  return noise;
}

Result<SearchResult> SearchPrecision(const SearchOptions& options) { return Searcher(options).Run(); }

}  // namespace whet::quantize
