// Checks that a Graph keeps every rule that the rest of the house relies on.
#pragma once

#include "base/status.h"
#include "ir/graph.h"

namespace whet {

// The first rule broken, and where: names unique; every operand defined before it is read, in the same graph
// or one around it; uses and producers consistent; inputs, outputs, attributes and subgraphs as the
// operator's definition has them; types agreeing with what the operators infer; constants of their value's
// type; states between an input and a value of this graph.
//
// Run after import and after each pass; a failure is a bug of whoever made the graph.
Status VerifyGraph(const Graph& graph);

}  // namespace whet
