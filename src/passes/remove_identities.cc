#include <algorithm>

#include "passes/match.h"
#include "passes/pass_list.h"

namespace whet {
namespace {

bool AllAre(std::span<const int64_t> values, int64_t expected) {
  return std::all_of(values.begin(), values.end(), [&](int64_t value) { return value == expected; });
}

bool ChangesNothing(const Node& node) {
  const Value* x = node.input(0);
  if (x == nullptr || node.output() == nullptr) return false;
  if (node.Is("Identity")) return true;
  if (node.Is("Dropout")) return node.output(1) == nullptr;
  // What follows changes nothing if it does not even change the type.
  if (!x->type.IsStatic() || x->type != node.output()->type) return false;
  if (node.Is("Cast") || node.Is("Reshape") || node.Is("Squeeze") || node.Is("Unsqueeze") ||
      node.Is("Flatten") || node.Is("Expand") || node.Is("Tile")) {
    return true;
  }
  if (node.Is("Concat") || node.Is("Split") || node.Is("Sum") || node.Is("Max") || node.Is("Min")) {
    return node.inputs().size() == 1 && node.outputs().size() == 1;
  }
  if (node.Is("Transpose")) {
    const auto perm = node.attributes.Ints("perm");
    return !perm.empty() && std::is_sorted(perm.begin(), perm.end());
  }
  if (node.Is("Slice")) {
    const std::vector<int64_t> steps = IntsOf(node.input(4));
    return node.input(4) == nullptr || (!steps.empty() && AllAre(steps, 1));
  }
  if (node.Is("Pad")) {
    const std::vector<int64_t> pads = IntsOf(node.input(1));
    return !pads.empty() && AllAre(pads, 0);
  }
  if (node.Is("Add") || node.Is("Sub")) return IsScalar(node.input(1), 0);
  if (node.Is("Mul") || node.Is("Div")) return IsScalar(node.input(1), 1);
  return false;
}

Result<bool> Rewrite(Graph& graph, Node& node) {
  if (!ChangesNothing(node)) return false;
  Value* x = node.input(0);
  // An output that is an input or constant keeps its Identity: the caller gets a buffer of its own.
  if (graph.IsLive(node.output()) && (x->producer() == nullptr || graph.IsOutput(x) || x->graph() != &graph))
    return false;
  Replace(graph, node.output(), x);
  return true;
}

}  // namespace

// Drops operators that give their input back unchanged: Identity, Cast to the same type, Reshape to the same
// shape, adding 0 …
Result<int> RemoveIdentities(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
