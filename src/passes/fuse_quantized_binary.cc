#include "passes/pass_list.h"
#include "passes/quantized_match.h"

namespace whet {
namespace {

Result<bool> Rewrite(Graph& graph, Node& node) {
  const auto result = MatchQuantize(node);
  if (!result) return false;
  const Node& operation = *result->producer;
  if (!operation.Is("Add") && !operation.Is("Sub") && !operation.Is("Mul")) return false;
  const auto a = Dequantized(operation.input(0)), b = Dequantized(operation.input(1));
  if (!a || !b || !AreComputedWith(*a, result->output) || !AreComputedWith(*b, result->output)) return false;
  Attributes attributes = {{"function", std::string(operation.op_name())}};
  ops::SetQuantization(attributes, "a", a->quantization);
  ops::SetQuantization(attributes, "b", b->quantization);
  ops::SetQuantizedOutput(attributes, result->output);
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(operation.name());
  Value* y = builder.Emit("QuantizedBinary", {a->integers, b->integers}, std::move(attributes));
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

}  // namespace

// Sums, differences and products of two dequantized tensors that are quantized again.
Result<int> FuseQuantizedBinary(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
