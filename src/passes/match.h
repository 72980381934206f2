// Small questions that the rewrites ask of a Graph.
#pragma once

#include <optional>

#include "ir/builder.h"
#include "ir/graph.h"

namespace whet {

// The node that computes `value` if it is of that operator, else null.
Node* ProducerIs(const Value* value, std::string_view op);

// The only reader of `value`, if there is exactly one, in the value's own graph, and the value is not an
// output.
Node* OnlyReader(const Value* value);

// The value of a floating constant with one element.
std::optional<double> ScalarOf(const Value* value);
// A floating constant that is `expected`, but for rounding to its type.
bool IsScalar(const Value* value, double expected);

// The elements of an integer constant; empty if it is none.
std::vector<int64_t> IntsOf(const Value* value);

// The other input of a binary node.
inline Value* OtherInput(const Node& node, const Value* one) {
  return node.input(0) == one ? node.input(1) : node.input(0);
}

// `from`'s readers read `to` from now on, which also takes its name if `from` is a graph output, whose names
// are part of the model's interface. Then removes what only fed `from`.
void Replace(Graph& graph, Value* from, Value* to);

// Removes the node if nothing reads its outputs, then its inputs' producers likewise.
void RemoveIfDead(Graph& graph, Node* node);

// Runs `rewrite` on every node of the graph and of its subgraphs; it returns whether it changed something. It
// may remove the node that it is given and nodes before it, and insert nodes before it; so a pattern is
// matched from its last node.
Result<int> RewriteNodes(Graph& graph, Result<bool> (*rewrite)(Graph& graph, Node& node));

}  // namespace whet
