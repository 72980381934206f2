#include "passes/pass_list.h"

namespace whet {
namespace {

int RemoveIn(Graph& graph) {
  int changes = 0;
  const std::vector<Node*> nodes = graph.NodeList();
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
    Node* node = *it;
    bool live = false;
    for (const Value* output : node->outputs()) {
      live = live || (output != nullptr && (!output->uses().empty() || graph.IsLive(output)));
    }
    if (live) {
      for (const auto& subgraph : node->subgraphs) changes += RemoveIn(*subgraph);
      continue;
    }
    graph.RemoveNode(node);
    ++changes;
  }
  graph.RemoveUnusedConstants();
  return changes;
}

}  // namespace

// Drops nodes that no output depends on, from the last to the first, and constants that nothing reads.
Result<int> RemoveDeadNodes(Graph& graph) { return RemoveIn(graph); }

}  // namespace whet
