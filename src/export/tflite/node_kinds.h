// Nodes that are not written as operators of their own.
#pragma once

#include <memory>

#include "ir/graph.h"

namespace whet {

// What a node computes of constants; null if it has other inputs.
std::shared_ptr<const Constant> Folded(const Node& node);

bool IsCopy(const Node& node);

// Half precision weights, which are written where they are read: TFLite may want them in another order.
bool IsHalfWeights(const Node& node);

}  // namespace whet
