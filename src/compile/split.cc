#include "compile/split.h"

#include <algorithm>
#include <ranges>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace whet {
namespace {

class Splitter {
 public:
  explicit Splitter(const Graph& graph) : graph_(graph) {}

  Result<SplitGraph> Split() {
    for (const Value* input : graph_.inputs()) {
      if (input->type.IsStatic()) fixed_.insert(input);
    }
    for (const auto& node : graph_.nodes()) {
      if (!IsFixed(*node)) continue;
      front_nodes_.push_back(node.get());
      front_.insert(node.get());
      for (const Value* output : node->outputs()) fixed_.insert(output);
    }
    FindBorder();
    WHET_RETURN_IF_ERROR(CheckStates());
    SplitGraph split;
    if (!border_.empty() || !graph_.states.empty()) {
      split.front = MakeFront();
      split.front_nodes = front_nodes_.size();
    } else {
      // What nothing reads need not be planned; the rest computes all.
      front_nodes_.clear();
      front_.clear();
    }
    split.rest = MakeRest();
    split.rest_nodes = split.rest->nodes().size();
    return split;
  }

 private:
  bool IsFixed(const Value* value) const { return value->IsConstant() || fixed_.contains(value); }
  // Subgraphs read values of the graphs around them, and run a number of times that data may decide.
  bool IsFixed(const Node& node) const {
    if (!node.subgraphs.empty()) return false;
    const auto fixed = [this](const Value* value) { return value == nullptr || IsFixed(value); };
    const auto is_static = [](const Value* value) { return value == nullptr || value->type.IsStatic(); };
    return std::ranges::all_of(node.inputs(), fixed) && std::ranges::all_of(node.outputs(), is_static);
  }

  // By the rest or by the model's user.
  bool IsReadBehind(const Value* value) const {
    return graph_.IsOutput(value) ||
           std::ranges::any_of(value->uses(), [this](const Use& use) { return !front_.contains(use.node); });
  }

  // Fixed values that the rest or the model's user reads, in the order in which they are computed.
  void FindBorder() {
    for (const Node* node : front_nodes_) {
      for (const Value* output : node->outputs()) {
        if (output != nullptr && IsReadBehind(output)) border_.push_back(output);
      }
    }
  }

  Status CheckStates() const {
    for (const State& state : graph_.states) {
      if (!IsFixed(state.output) || IsReadBehind(state.input)) {
        return Error(Code::kUnsupported, "state '%s' has to do with shapes that depend on data",
                     state.name.c_str());
      }
    }
    return {};
  }

  std::unique_ptr<Graph> MakeFront() const {
    auto front = std::make_unique<Graph>(graph_.name());
    std::unordered_map<const Value*, Value*> copies = {{nullptr, nullptr}};
    const auto is_state = [this](const Value* input) {
      return std::ranges::any_of(graph_.states, [&](const State& state) { return state.input == input; });
    };
    for (const Value* input : graph_.inputs()) {
      const bool read =
          std::ranges::any_of(input->uses(), [&](const Use& use) { return front_.contains(use.node); });
      if (read || is_state(input)) copies[input] = front->AddInput(input->name(), input->type);
    }
    const auto copy_of = [&](const Value* value) {
      const auto [entry, is_new] = copies.try_emplace(value, nullptr);
      if (is_new) entry->second = front->AddConstant(value->name(), value->constant());
      return entry->second;
    };
    for (const Node* node : front_nodes_) {
      std::vector<Value*> inputs;
      for (const Value* input : node->inputs()) inputs.push_back(copy_of(input));
      std::vector<std::string> names;
      for (const Value* output : node->outputs()) names.push_back(output == nullptr ? "" : output->name());
      const Node* copy = front->AddNode(node->op(), node->name(), inputs, names, node->attributes);
      for (size_t i = 0; i < names.size(); ++i) {
        if (node->output(i) == nullptr) continue;
        copy->output(i)->type = node->output(i)->type;
        copies[node->output(i)] = copy->output(i);
      }
    }
    for (const Value* value : border_) front->AddOutput(copies.at(value));
    for (const State& state : graph_.states) {
      front->states.push_back({state.name, copies.at(state.input), copy_of(state.output), state.initial});
    }
    return front;
  }

  std::unique_ptr<Graph> MakeRest() const {
    std::unique_ptr<Graph> rest = graph_.Clone();
    rest->states.clear();
    std::vector<Node*> done;
    // A clone has the same nodes in the same order.
    for (auto from = graph_.nodes().begin(), to = rest->nodes().begin(); from != graph_.nodes().end();
         ++from, ++to) {
      if (front_.contains(from->get())) done.push_back(to->get());
    }
    std::vector<std::pair<Value*, std::string>> inputs;
    for (const Value* value : border_) {
      Value* computed = rest->FindValue(value->name());
      Value* given = rest->AddInput(rest->UniqueName(value->name()), value->type);
      rest->ReplaceAllUses(computed, given);
      inputs.emplace_back(given, value->name());
    }
    for (Node* node : std::views::reverse(done)) rest->RemoveNode(node);
    for (const auto& [input, name] : inputs) rest->Rename(input, name);
    const std::vector<Value*> all(rest->inputs().begin(), rest->inputs().end());
    for (Value* input : all) {
      if (input->uses().empty() && !rest->IsOutput(input)) rest->RemoveInput(input);
    }
    rest->RemoveUnusedConstants();
    return rest;
  }

  const Graph& graph_;
  std::unordered_set<const Value*> fixed_;
  std::vector<const Node*> front_nodes_;  // in execution order
  std::unordered_set<const Node*> front_;
  std::vector<const Value*> border_;
};

}  // namespace

Result<SplitGraph> SplitWhereDataDecidesShapes(const Graph& graph) { return Splitter(graph).Split(); }

}  // namespace whet
