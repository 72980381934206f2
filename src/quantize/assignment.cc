#include "quantize/assignment.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_set>

#include "passes/match.h"
#include "quantize/comparisons.h"

namespace whet::quantize {
namespace {

bool IsActivation(const NodeAssignment& node, size_t input) {
  return input < 32 && (node.activations >> input & 1u) != 0;
}

bool MatchesNode(std::string_view pattern, const Node& node) {
  return Matches(pattern, node.name()) || std::ranges::any_of(node.outputs(), [&](const Value* output) {
           return output != nullptr && Matches(pattern, output->name());
         });
}

// Of recurrent layers only the weights are quantized, by rows: 4 bits would be too few for what is fed back
// again and again.
Scheme RecurrentScheme(Scheme scheme) {
  switch (scheme) {
    case Scheme::kInt8:
    case Scheme::kInt16:
    case Scheme::kDynamic:
    case Scheme::kWeight8:
    case Scheme::kWeight4: return Scheme::kWeight8;
    default: return Scheme::kFloat;
  }
}

class Assigner {
 public:
  Assigner(const Graph& graph, const SchemeOptions& options, const Calibration* calibration)
      : graph_(graph), options_(options), calibration_(calibration) {}

  Result<Assignment> Run() {
    WHET_RETURN_IF_ERROR(ChooseSchemes());
    FindWanted();
    for (const auto& node : graph_.nodes()) SettleNode(*node);
    for (const auto& node : graph_.nodes()) FindClamp(*node);
    CollectValues();
    MergeScales();
    WHET_RETURN_IF_ERROR(ChooseParameters());
    return std::move(result_);
  }

 private:
  NodeAssignment& At(const Node& node) { return result_.nodes[&node]; }

  Status ChooseSchemes() {
    std::vector<bool> used(options_.layers.size(), false);
    for (const auto& node : graph_.nodes()) {
      NodeAssignment& assigned = At(*node);
      assigned.rule = RuleOf(*node, options_.convention);
      assigned.activations = ActivationInputs(*node, assigned.rule, options_.convention);
      assigned.scheme = options_.scheme;
      for (size_t i = 0; i < options_.layers.size(); ++i) {
        const LayerScheme& layer = options_.layers[i];
        if (!MatchesNode(layer.pattern, *node)) continue;
        used[i] = true;
        assigned.scheme = layer.scheme;
        if (layer.scheme == Scheme::kFloat && assigned.rule != Rule::kNone) assigned.why_float = "asked for";
      }
      const Value* output = node->output();
      const auto chosen = output != nullptr ? options_.outputs.find(output->name()) : options_.outputs.end();
      if (chosen != options_.outputs.end()) {
        assigned.scheme = chosen->second.scheme;
        assigned.why_float = chosen->second.why;
      }
      if (assigned.rule == Rule::kNone) {
        assigned.scheme = Scheme::kFloat;
        assigned.why_float = "it has no quantized form";
      }
      if (assigned.rule == Rule::kRecurrent) {
        assigned.scheme = RecurrentScheme(assigned.scheme);
        continue;
      }
      // The other schemes are about weights.
      if (!IsStatic(assigned.scheme) && assigned.rule != Rule::kWeighted) assigned.scheme = Scheme::kFloat;
    }
    for (const auto& [node, comparison] : NodesBeforeComparisons(graph_)) {
      NodeAssignment& assigned = At(*node);
      // Whoever names the layer will know.
      if (!IsStatic(assigned.scheme) || SchemeGiven(*node, options_)) continue;
      assigned.scheme = Scheme::kFloat;
      assigned.why_float = "'" + comparison + "' looks for where it is largest, and rounding makes ties";
    }
    for (size_t i = 0; i < used.size(); ++i) {
      if (used[i]) continue;
      return Error(Code::kNotFound, "no layer is called '%s'; whet inspect --text shows their names",
                   options_.layers[i].pattern.c_str());
    }
    return {};
  }

  // Backwards: which values does something read that computes with integers?
  void FindWanted() {
    for (auto it = graph_.nodes().rbegin(); it != graph_.nodes().rend(); ++it) {
      const Node& node = **it;
      const NodeAssignment& assigned = At(node);
      if (!IsStatic(assigned.scheme)) continue;
      const bool passes_on =
          assigned.rule != Rule::kSameScale || std::ranges::any_of(node.outputs(), [&](const Value* output) {
            return output != nullptr && wanted_.contains(output);
          });
      if (!passes_on) continue;
      for (size_t i = 0; i < node.inputs().size(); ++i) {
        if (IsActivation(assigned, i)) wanted_.insert(node.input(i));
      }
    }
  }

  // In execution order: takes back the schemes of nodes that would gain nothing or cannot have them.
  void SettleNode(const Node& node) {
    NodeAssignment& assigned = At(node);
    if (!IsStatic(assigned.scheme)) return;
    const auto stay_float = [&](std::string why) {
      assigned.scheme = Scheme::kFloat;
      assigned.why_float = std::move(why);
    };
    bool any_activation = false;
    bool any_quantized = false;
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      const Value* input = node.input(i);
      if (!IsActivation(assigned, i) || input == nullptr) continue;
      if (input->type.dtype != DType::kF32) return stay_float("an operand is not f32");
      if (input->graph() != &graph_) return stay_float("an operand is of another graph");
      if (input->IsConstant()) continue;
      any_activation = true;
      const Node* producer = input->producer();
      any_quantized = any_quantized || (producer != nullptr && IsStatic(At(*producer).scheme));
      if (producer == nullptr) {
        any_quantized = any_quantized || std::ranges::any_of(node.outputs(), [&](const Value* output) {
                          return output != nullptr && wanted_.contains(output);
                        });
      }
      if (!CheckValue(input, &assigned)) return;
    }
    if (!any_activation) return stay_float("its operands are constants");
    // Moving integers is cheaper than moving floats, but not worth making them for.
    if (assigned.rule == Rule::kSameScale && !any_quantized) return stay_float("its operands are floats");
    for (const Value* output : node.outputs()) {
      if (output != nullptr && !CheckValue(output, &assigned)) return;
    }
    // Probabilities are what people look at; computed last and from few numbers, they cost nothing in float.
    if (options_.convention == Convention::kOnnx && node.Is("Softmax") && graph_.IsOutput(node.output())) {
      stay_float("the model's last softmax is computed in float");
    }
  }

  bool CheckValue(const Value* value, NodeAssignment* assigned) {
    if (calibration_ == nullptr) return true;
    const auto it = calibration_->values.find(value->name());
    if (it == calibration_->values.end()) return true;  // reported when its parameters are needed
    const Observation& seen = it->second;
    const bool infinite = seen.infinities > 0;
    if (!infinite && std::abs(seen.low) < kLargestRange && std::abs(seen.high) < kLargestRange) return true;
    assigned->scheme = Scheme::kFloat;
    assigned->why_float =
        infinite ? Format("'%s' is infinite on sample %s", value->name().c_str(), seen.bad_sample.c_str())
                 : Format("'%s' reaches from %g to %g", value->name().c_str(), static_cast<double>(seen.low),
                          static_cast<double>(seen.high));
    if (warned_.insert(value->name()).second) {
      result_.warnings.push_back("value " + assigned->why_float +
                                 ": what computes or reads it is left float");
    }
    return false;
  }

  // What only a Relu or Clip reads keeps its precision until then.
  void FindClamp(const Node& node) {
    NodeAssignment& assigned = At(node);
    const bool arithmetic = node.Is("Add") || node.Is("Sub") || node.Is("Mul");
    if (!IsStatic(assigned.scheme) || (assigned.rule != Rule::kWeighted && !arithmetic)) return;
    const Node* reader = OnlyReader(node.output());
    if (reader == nullptr || reader->input(0) != node.output()) return;
    const NodeAssignment& next = At(*reader);
    if (next.rule == Rule::kClamps && next.scheme == assigned.scheme) assigned.clamped_by = reader;
  }

  bool ReadsUnquantized(const Value* value) {
    const Node* producer = value->producer();
    return producer != nullptr && At(*producer).clamped_by != nullptr;
  }

  // Every value that is quantized and its type; inputs that need another one.
  void CollectValues() {
    for (const auto& node : graph_.nodes()) {
      const NodeAssignment& assigned = At(*node);
      if (!IsStatic(assigned.scheme)) continue;
      const DType dtype = options_.ActivationType(assigned.scheme);
      for (size_t i = 0; i < node->inputs().size(); ++i) {
        const Value* input = node->input(i);
        if (!IsActivation(assigned, i) || input == nullptr || ReadsUnquantized(input)) continue;
        if (input->IsConstant()) {
          result_.inputs[{node.get(), i}].dtype = dtype;
          continue;
        }
        const auto [it, is_new] = result_.values.try_emplace(input, Parameters{dtype, 1, 0});
        if (is_new) order_.push_back(input);
        if (it->second.dtype != dtype) result_.inputs[{node.get(), i}].dtype = dtype;
      }
      if (assigned.clamped_by != nullptr) continue;
      for (const Value* output : node->outputs()) {
        if (output == nullptr) continue;
        result_.values[output].dtype = dtype;
        order_.push_back(output);
      }
    }
  }

  // --- values that share their parameters: a forest of values, each pointing towards its group's root

  const Value* Root(const Value* value) {
    auto it = parent_.find(value);
    while (it != parent_.end()) {
      value = it->second;
      it = parent_.find(value);
    }
    return value;
  }
  void Unite(const Value* a, const Value* b) {
    a = Root(a);
    b = Root(b);
    if (a != b) parent_[b] = a;
  }
  std::optional<Parameters> FixedOf(const Value* value) {
    const auto it = fixed_.find(Root(value));
    return it != fixed_.end() ? std::optional(it->second) : std::nullopt;
  }

  void MergeScales() {
    for (const auto& node : graph_.nodes()) {
      const NodeAssignment& assigned = At(*node);
      if (!IsStatic(assigned.scheme)) continue;
      if (assigned.rule != Rule::kSameScale) {
        const DType dtype = options_.ActivationType(assigned.scheme);
        if (options_.convention != Convention::kTflite || assigned.clamped_by != nullptr) continue;
        if (const auto fixed = FixedOutput(*node, dtype)) fixed_.emplace(node->output(), *fixed);
        continue;
      }
      MergeNode(*node);
    }
  }

  void MergeNode(const Node& node) {
    const NodeAssignment& assigned = At(node);
    const Value* output = node.output();
    for (const Value* other : node.outputs()) {
      if (other == nullptr) continue;
      Unite(output, other);
      moved_.insert(other);
    }
    // A fixed scale passes through if all operands have the same; else those that have one are quantized
    // anew.
    bool all_fixed_alike = true;
    std::optional<Parameters> fixed;
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      const Value* input = node.input(i);
      if (!IsActivation(assigned, i) || input == nullptr) continue;
      const auto own = input->IsConstant() ? std::nullopt : FixedOf(input);
      all_fixed_alike = all_fixed_alike && own && (!fixed || *fixed == *own);
      if (own) fixed = own;
    }
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      const Value* input = node.input(i);
      if (!IsActivation(assigned, i) || input == nullptr) continue;
      const auto anew = result_.inputs.find({&node, i});
      if (anew != result_.inputs.end() || (!all_fixed_alike && FixedOf(input))) {
        result_.inputs[{&node, i}].dtype = result_.values.at(output).dtype;
        as_output_.push_back({&node, i});
        continue;
      }
      Unite(input, output);
    }
    if (all_fixed_alike && fixed) fixed_[Root(output)] = *fixed;
  }

  // --- parameters

  Result<Range> RangeOf(const Value* value, DType dtype) const {
    const bool symmetric = dtype == DType::kI16;
    const auto it = calibration_->values.find(value->name());
    if (it == calibration_->values.end()) {
      return Error(Code::kInvalidArgument,
                   "the calibration knows nothing of value '%s'; it is of another model",
                   value->name().c_str());
    }
    return ChooseRange(it->second, dtype, symmetric, options_.range);
  }

  static Range RangeOfConstant(const Value* value) {
    const TensorView& view = value->constant()->view();
    Range range;
    for (int64_t i = 0; i < view.elements(); ++i) {
      range.low = std::min(range.low, static_cast<double>(view.as<float>()[i]));
      range.high = std::max(range.high, static_cast<double>(view.as<float>()[i]));
    }
    return range;
  }

  Status ChooseParameters() {
    if (order_.empty()) return {};
    if (calibration_ == nullptr) return Error(Code::kInternal, "a static scheme without calibration");
    std::unordered_map<const Value*, Range> ranges;  // by root
    const auto include = [&](const Value* value, Range range) {
      Range& all = ranges[Root(value)];
      all.low = std::min(all.low, range.low);
      all.high = std::max(all.high, range.high);
    };
    for (const Value* value : order_) {
      // What is only moved has no values of its own.
      if (moved_.contains(value)) continue;
      WHET_ASSIGN_OR_RETURN(const Range range, RangeOf(value, result_.values.at(value).dtype));
      include(value, range);
    }
    for (const auto& [node, i] : as_output_) {
      const Value* input = node->input(i);
      const DType dtype = result_.inputs.at({node, i}).dtype;
      if (input->IsConstant()) {
        include(node->output(), RangeOfConstant(input));
      } else {
        WHET_ASSIGN_OR_RETURN(const Range range, RangeOf(input, dtype));
        include(node->output(), range);
      }
    }
    std::set<std::string> zeros;
    for (const Value* value : order_) {
      Parameters& parameters = result_.values.at(value);
      const Range range = ranges[Root(value)];
      const auto fixed = FixedOf(value);
      parameters = fixed ? *fixed : ParametersFor(range, parameters.dtype, parameters.dtype == DType::kI16);
      const auto seen = calibration_->values.find(value->name());
      if (seen != calibration_->values.end() && seen->second.low == 0 && seen->second.high == 0) {
        zeros.insert(value->name());
      }
    }
    for (const std::string& name : zeros) {
      result_.warnings.push_back("value '" + name + "' is 0 on all samples: nothing is known of its range");
    }
    for (auto& [place, parameters] : result_.inputs) {
      const auto& [node, i] = place;
      if (std::ranges::find(as_output_, place) != as_output_.end()) {
        parameters = result_.values.at(node->output());
        continue;
      }
      const Value* input = node->input(i);
      Range range;
      if (input->IsConstant()) {
        range = RangeOfConstant(input);
      } else {
        WHET_ASSIGN_OR_RETURN(range, RangeOf(input, parameters.dtype));
      }
      parameters = ParametersFor(range, parameters.dtype, parameters.dtype == DType::kI16);
    }
    return {};
  }

  const Graph& graph_;
  const SchemeOptions& options_;
  const Calibration* calibration_;
  Assignment result_;
  std::unordered_set<const Value*> wanted_;
  std::set<std::string> warned_;
  std::vector<const Value*> order_;  // the keys of result_.values, in execution order, some twice
  std::unordered_map<const Value*, const Value*> parent_;
  std::unordered_map<const Value*, Parameters> fixed_;     // by root
  std::unordered_set<const Value*> moved_;                 // outputs of nodes that only move their inputs
  std::vector<std::pair<const Node*, size_t>> as_output_;  // inputs quantized anew as their node's output is
};

}  // namespace

bool SchemeGiven(const Node& node, const SchemeOptions& options) {
  return std::ranges::any_of(options.layers,
                             [&](const LayerScheme& layer) { return MatchesNode(layer.pattern, node); });
}

bool Matches(std::string_view pattern, std::string_view name) {
  // The last star seen, and the character that it has eaten up to.
  size_t p = 0, n = 0, star = std::string_view::npos, eaten = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      eaten = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++eaten;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

DType SchemeOptions::ActivationType(Scheme for_scheme) const {
  if (for_scheme == Scheme::kInt16) return DType::kI16;
  return convention == Convention::kTflite ? DType::kI8 : activation;
}

const Parameters& Assignment::InputParameters(const Node* node, size_t input) const {
  const auto it = inputs.find({node, input});
  return it != inputs.end() ? it->second : values.at(node->input(input));
}

bool Assignment::QuantizedAtSource(const Value* value) const {
  const Node* producer = value->producer();
  if (producer == nullptr || !values.contains(value)) return false;
  const auto it = nodes.find(producer);
  return it != nodes.end() && IsStatic(it->second.scheme);
}

Result<Assignment> Assign(const Graph& graph, const SchemeOptions& options, const Calibration* calibration) {
  return Assigner(graph, options, calibration).Run();
}

std::vector<std::string> WatchedValues(const Graph& graph) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  const auto watch = [&](const Value* value) {
    if (value == nullptr || value->IsConstant() || value->graph() != &graph) return;
    if (value->type.dtype == DType::kF32 && seen.insert(value->name()).second) names.push_back(value->name());
  };
  for (const auto& node : graph.nodes()) {
    const Rule rule = RuleOf(*node, Convention::kOnnx);
    if (rule == Rule::kNone || rule == Rule::kRecurrent) continue;
    const uint32_t activations = ActivationInputs(*node, rule, Convention::kOnnx);
    for (size_t i = 0; i < node->inputs().size(); ++i) {
      if (i < 32 && (activations >> i & 1u) != 0) watch(node->input(i));
    }
    for (const Value* output : node->outputs()) watch(output);
  }
  return names;
}

}  // namespace whet::quantize
