#include "import/onnx/value_names.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace whet {

std::string WithoutNumber(std::string_view name) {
  const size_t colon = name.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == name.size()) return {};
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!std::all_of(name.begin() + static_cast<ptrdiff_t>(colon) + 1, name.end(), is_digit)) return {};
  return std::string(name.substr(0, colon));
}

namespace {

// Several nodes that came from one of the file are told apart by numbers.
void NumberNodes(Graph& graph, std::set<std::string>& names, std::unordered_map<std::string, int>& uses) {
  for (const auto& node : graph.nodes()) {
    if (!names.insert(node->name()).second) {
      int& number = uses[node->name()];
      std::string name;
      do {
        name = node->name() + ':' + std::to_string(++number);
      } while (!names.insert(name).second);
      node->set_name(std::move(name));
    }
    for (const auto& subgraph : node->subgraphs) NumberNodes(*subgraph, names, uses);
  }
}

std::string NameByUse(const Use& use) { return use.node->name() + '/' + std::to_string(use.input); }

std::string NameByOutput(const Node& node, const Value* value) {
  const auto outputs = node.outputs();
  return node.name() + "/out" +
         std::to_string(std::find(outputs.begin(), outputs.end(), value) - outputs.begin());
}

constexpr uint64_t kMaxMergedBytes = 256;

// A graph's small constants, in the order in which they are first read.
void CollectSmallConstants(const Graph& graph, const Graph& at, std::set<Value*>& seen,
                           std::vector<Value*>* order) {
  for (const auto& node : at.nodes()) {
    for (Value* input : node->inputs()) {
      if (input != nullptr && input->IsConstant() && input->graph() == &graph &&
          input->constant()->bytes() <= kMaxMergedBytes && seen.insert(input).second) {
        order->push_back(input);
      }
    }
    for (const auto& subgraph : node->subgraphs) CollectSmallConstants(graph, *subgraph, seen, order);
  }
}

// Of equal small constants that import functions made, one is enough. Those with a name in the file stay.
void MergeConstants(Graph& graph, const std::unordered_map<Value*, std::string>& claims) {
  std::map<std::string, Value*> kept;
  const auto key = [](const Value* value) {
    const Constant& constant = *value->constant();
    std::string text(DTypeName(constant.dtype()));
    text += constant.shape().ToString() + ':';
    return text.append(static_cast<const char*>(constant.view().data), static_cast<size_t>(constant.bytes()));
  };
  std::set<Value*> seen;
  std::vector<Value*> small;
  CollectSmallConstants(graph, graph, seen, &small);
  for (Value* value : small) {
    if (claims.contains(value)) kept.emplace(key(value), value);
  }
  for (Value* value : small) {
    if (claims.contains(value)) continue;
    const auto [it, is_new] = kept.emplace(key(value), value);
    if (!is_new) graph.ReplaceAllUses(value, it->second);
  }
}

}  // namespace

void SettleNames(Graph& model, const std::unordered_map<Value*, std::string>& claims,
                 const std::unordered_set<std::string>& file_names) {
  std::set<std::string> node_names;
  std::unordered_map<std::string, int> node_uses;
  NumberNodes(model, node_names, node_uses);
  std::vector<Value*> values;
  std::unordered_map<std::string, Value*> holders;
  const auto visit = [&](const auto& self, Graph& graph) -> void {
    MergeConstants(graph, claims);
    graph.RemoveUnusedConstants();
    for (Value* value : graph.values()) {
      values.push_back(value);
      holders[value->name()] = value;
    }
    for (const auto& node : graph.nodes()) {
      for (const auto& subgraph : node->subgraphs) self(self, *subgraph);
    }
  };
  visit(visit, model);
  const auto rename = [&](Value* value, const std::string& name) {
    holders.erase(value->name());
    value->graph()->Rename(value, name);
    holders[value->name()] = value;
  };
  for (Value* value : values) {
    const auto claim = claims.find(value);
    if (claim == claims.end() || claim->second == value->name()) continue;
    const std::string wanted = claim->second;
    if (const auto holder = holders.find(wanted); holder != holders.end()) {
      if (claims.contains(holder->second)) continue;
      rename(holder->second, wanted + ":inner");
    }
    rename(value, wanted);
  }
  // What the importer made gets names that depend on nothing but the nodes', so that a Graph that is written
  // and read again has the same. All are freed before any is given anew.
  std::unordered_map<Value*, std::string> old_names;
  for (Value* value : values) {
    if (claims.contains(value)) continue;
    old_names[value] = value->name();
    rename(value, "\x01");
  }
  for (Value* value : values) {
    const auto old_name = old_names.find(value);
    if (old_name == old_names.end()) continue;
    if (value->IsConstant()) {
      std::string base = WithoutNumber(old_name->second);
      while (!base.empty() && (!file_names.contains(base) || holders.contains(base))) {
        base = WithoutNumber(base);
      }
      rename(value, !base.empty()           ? base
                    : value->uses().empty() ? old_name->second
                                            : NameByUse(value->uses()[0]));
    } else if (const Node* node = value->producer(); node != nullptr) {
      const bool is_first = node->output(0) == value;
      rename(value, is_first && !holders.contains(node->name()) ? node->name() : NameByOutput(*node, value));
    }
  }
}

}  // namespace whet
