#include "quantize/comparisons.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "quantize/op_rules.h"

namespace whet::quantize {
namespace {

bool IsOneOf(const Node& node, std::initializer_list<std::string_view> ops) {
  return std::ranges::find(ops, node.op_name()) != ops.end();
}
bool IsMax(const Node& node) { return IsOneOf(node, {"MaxPool", "GlobalMaxPool", "ReduceMax"}); }
bool Moves(const Node& node) {
  return IsOneOf(node,
                 {"Reshape", "Transpose", "Identity", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Pad"});
}

struct Origin {
  const Value* value = nullptr;
  bool largest = false;            // of its values
  std::vector<const Node*> moves;  // on the way from there
};
Origin OriginOf(const Value* value) {
  Origin origin;
  origin.value = value;
  while (const Node* node = origin.value->producer()) {
    if (!Moves(*node) && !IsMax(*node)) break;
    origin.largest = origin.largest || IsMax(*node);
    origin.moves.push_back(node);
    origin.value = node->input(0);
  }
  return origin;
}

}  // namespace

std::unordered_map<const Node*, std::string> NodesBeforeComparisons(const Graph& graph) {
  std::unordered_map<const Node*, std::string> found;
  for (const auto& node : graph.nodes()) {
    if (!IsOneOf(*node, {"Equal", "GreaterOrEqual", "LessOrEqual"})) continue;
    const Origin a = OriginOf(node->input(0)), b = OriginOf(node->input(1));
    if (a.value != b.value || a.largest == b.largest) continue;
    for (const Node* move : a.moves) found.emplace(move, node->name());
    for (const Node* move : b.moves) found.emplace(move, node->name());
    // Functions of one value keep ties, and make some where they are flat.
    for (const Node* before = a.value->producer(); before != nullptr;) {
      found.emplace(before, node->name());
      const Rule rule = RuleOf(*before, Convention::kOnnx);
      const size_t activations = static_cast<size_t>(std::ranges::count_if(
          before->inputs(), [](const Value* x) { return x != nullptr && !x->IsConstant(); }));
      if (rule == Rule::kWeighted || activations != 1) break;
      before = before->input(0)->producer();
    }
  }
  return found;
}

}  // namespace whet::quantize
