#include <unordered_map>

#include "passes/match.h"
#include "passes/pass_list.h"

namespace whet {
namespace {

using ValueMap = std::unordered_map<const Value*, Value*>;

Value* Lookup(const ValueMap& map, Value* value) {
  const auto it = map.find(value);
  return it != map.end() ? it->second : value;  // a value of the graphs around is itself
}

// Copies the nodes of `from` into `to` before `before`; values get new unique names and are renamed once the
// originals are gone.
void CopyNodes(const Graph& from, Graph& to, Node* before, ValueMap* map,
               std::vector<std::pair<Value*, std::string>>* names) {
  for (Value* value : from.values()) {
    if (!value->IsConstant()) continue;
    (*map)[value] = to.AddConstant(value->name(), value->constant());
    names->emplace_back((*map)[value], value->name());
  }
  for (const auto& node : from.nodes()) {
    std::vector<Value*> inputs;
    for (Value* input : node->inputs()) inputs.push_back(input == nullptr ? nullptr : Lookup(*map, input));
    std::vector<std::string> output_names;
    for (const Value* output : node->outputs()) output_names.push_back(output->name());
    Node* copy = to.AddNode(node->op(), node->name(), inputs, output_names, node->attributes, before);
    for (size_t i = 0; i < node->outputs().size(); ++i) {
      copy->output(i)->type = node->output(i)->type;
      (*map)[node->output(i)] = copy->output(i);
      names->emplace_back(copy->output(i), node->output(i)->name());
    }
    for (const auto& subgraph : node->subgraphs) {
      copy->subgraphs.push_back(std::make_unique<Graph>(subgraph->name(), &to));
      Graph& inner = *copy->subgraphs.back();
      for (Value* input : subgraph->inputs()) {
        (*map)[input] = inner.AddInput(input->name(), input->type);
        names->emplace_back((*map)[input], input->name());
      }
      CopyNodes(*subgraph, inner, nullptr, map, names);
      for (Value* output : subgraph->outputs()) inner.AddOutput(Lookup(*map, output));
    }
  }
}

Result<bool> InlineIf(Graph& graph, Node& node) {
  if (!node.Is("If") || !node.input(0)->IsConstant()) return false;
  const bool condition = *node.input(0)->constant()->view().as<uint8_t>() != 0;
  const Graph& chosen = *node.subgraphs[condition ? 0 : 1];
  ValueMap map;
  std::vector<std::pair<Value*, std::string>> names;
  CopyNodes(chosen, graph, &node, &map, &names);
  std::vector<std::pair<Value*, Value*>> results;
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    if (node.output(i) != nullptr) results.emplace_back(node.output(i), Lookup(map, chosen.outputs()[i]));
  }
  for (const auto& [from, to] : results) {
    const bool is_output = graph.IsOutput(from);
    const std::string name = from->name();
    graph.ReplaceAllUses(from, to);
    if (is_output && to->producer() != nullptr) names.emplace_back(to, name);
  }
  graph.RemoveNode(&node);
  for (const auto& [value, name] : names) graph.Rename(value, name);
  return true;
}

}  // namespace

// Puts the nodes of the chosen branch in the place of an If whose condition is a constant. Inlined branches
// are folded at once, since an If within may have become decidable by it.
Result<int> InlineConstantIf(Graph& graph) {
  int total = 0;
  for (;;) {
    WHET_ASSIGN_OR_RETURN(const int changes, RewriteNodes(graph, InlineIf));
    if (changes == 0) return total;
    total += changes;
    WHET_ASSIGN_OR_RETURN([[maybe_unused]] const int folded, FoldConstantsButDequantized(graph));
  }
}

}  // namespace whet
