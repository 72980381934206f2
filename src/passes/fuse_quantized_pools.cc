#include <algorithm>

#include "ops/elements_common.h"
#include "passes/pass_list.h"
#include "passes/quantized_match.h"

namespace whet {
namespace {

// Of so many integers of 16 bits the sum is one of 32 bits.
constexpr int64_t kLargestArea = 1 << 15;

// The dimensions that a ReduceMean averages over, sorted; empty if they are not known.
std::vector<int64_t> ReducedAxes(const Node& node, int rank) {
  std::vector<int64_t> axes = IntsOf(node.input(1));
  for (int64_t& axis : axes) axis = ops::NormalizeAxis(axis, rank);
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  return axes;
}

// Whether the axes are those between the first and the last.
bool AreSpatial(std::span<const int64_t> axes, int rank) {
  if (static_cast<int>(axes.size()) != rank - 2 || axes.empty()) return false;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != static_cast<int64_t>(i) + 1) return false;
  }
  return true;
}

// The pool's input and attributes for a mean over whole images, channels last; a transpose before it is taken
// into account. False if the node is something else.
bool DescribeMean(const Node& node, Value** integers, Attributes* attributes) {
  const int rank = (*integers)->type.rank();
  if (node.Is("ReduceMean")) {
    std::vector<int64_t> axes = ReducedAxes(node, rank);
    const Node* transpose = ProducerIs(*integers, "Transpose");
    if (!AreSpatial(axes, rank) && transpose != nullptr) {
      const auto perm = transpose->attributes.Ints("perm");
      if (perm.empty()) return false;
      for (int64_t& axis : axes) axis = perm[static_cast<size_t>(axis)];
      std::sort(axes.begin(), axes.end());
      // What is left, batch and channels, must keep its order.
      const auto at = [&](int64_t dim) { return std::find(perm.begin(), perm.end(), dim); };
      if (at(0) > at(rank - 1)) return false;
      *integers = transpose->input(0);
    }
    if (!AreSpatial(axes, rank)) return false;
  } else if (!node.Is("GlobalAveragePool")) {
    return false;
  }
  const Shape shape = (*integers)->type.ToShape();
  std::vector<int64_t> kernel;
  for (int d = 1; d + 1 < rank; ++d) kernel.push_back(shape[d]);
  attributes->Set("kernel_shape", std::move(kernel));
  return true;
}

Result<bool> Rewrite(Graph& graph, Node& node) {
  const auto result = MatchQuantize(node);
  if (!result || result->producer->inputs().empty()) return false;
  const Node& pool = *result->producer;
  const auto x = Dequantized(pool.input(0));
  if (!x || !x->integers->type.IsStatic() || !node.output()->type.IsStatic()) return false;
  const int rank = x->integers->type.rank();
  if (!AreComputedWith(*x, result->output)) return false;
  if (rank < 3 || rank > 4 || x->integers->type.ToShape().elements() == 0) return false;
  Value* integers = x->integers;
  Attributes attributes;
  if (pool.Is("AveragePool")) {
    attributes = pool.attributes;
  } else if (!DescribeMean(pool, &integers, &attributes)) {
    return false;
  }
  int64_t area = 1;
  for (int64_t size : attributes.Ints("kernel_shape")) area *= std::min(size, kLargestArea + 1);
  if (Is16Bit(x->integers->type.dtype) && area > kLargestArea) return false;
  ops::SetQuantization(attributes, "x", x->quantization);
  ops::SetQuantizedOutput(attributes, result->output);
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(pool.name());
  Value* y = builder.Emit("QuantizedAveragePool", {integers}, std::move(attributes));
  if (builder.ok() && y->type.dims != node.output()->type.dims) {
    const Shape shape = node.output()->type.ToShape();
    y = builder.Emit("Reshape", {y, builder.Ints(shape.dims(), "shape")});
  }
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

}  // namespace

// Averages under windows, and over whole images, of a dequantized tensor that are quantized again.
Result<int> FuseQuantizedPools(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
