// Shape propagation: gives every value the type that its producer computes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/op_def.h"

namespace whet {

// Infers the types of one node's outputs from its inputs and sets them. An inferred dimension never forgets
// what the value's present type knows more precisely (a file may declare more than can be inferred), unless
// they contradict, which is an error.
Status InferNode(Node& node);

// Every node in order, subgraphs included.
Status InferGraph(Graph& graph);

// Infers without touching a graph: outputs of `op` for these input types. `values[i]` may be null.
Result<std::vector<Type>> InferTypes(const Node& node, std::span<const Type* const> inputs,
                                     std::span<const TensorView* const> values);

// Gives inputs concrete shapes by name (every dimension of an input that is named), then infers. The error
// names inputs that do not exist and dimensions that contradict the model.
Status BindShapes(Graph& graph, const std::map<std::string, Shape>& shapes);

}  // namespace whet
