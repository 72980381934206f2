// What happens to a Graph before it is quantized.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"
#include "ir/graph.h"
#include "ir/pass.h"

namespace whet::quantize {

// The passes of passes/pass_list.h that make the layers what they will be when they run, without those that
// fuse several of them into one node: constants and batch normalization folded into weights, biases found,
// activations recognized, transposes gathered. Nodes keep their names.
std::span<const Pass> PreparationPasses();

// A prepared copy. `shapes` are given to inputs that leave theirs open; the copy then has them for good. An
// error if a value's number of dimensions is not even known, or if the model is quantized already.
Result<std::unique_ptr<Graph>> Prepare(const Graph& graph, const std::map<std::string, Shape>& shapes,
                                       std::span<const std::string> disabled_passes);

}  // namespace whet::quantize
