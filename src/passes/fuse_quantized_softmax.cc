#include <array>
#include <cmath>

#include "ir/evaluate.h"
#include "kernels/quantized/softmax_8bit.h"
#include "passes/pass_list.h"
#include "passes/quantized_match.h"

namespace whet {
namespace {

// exp(-k * scale) in fixed point.
TensorPtr ExponentialsOf(float scale) {
  std::array<int32_t, 256> table;
  for (size_t k = 0; k < table.size(); ++k) {
    const double e = std::exp(-static_cast<double>(k) * static_cast<double>(scale));
    table[k] = static_cast<int32_t>(std::lround(std::ldexp(e, kernels::softmax_8bit::kTableBits)));
  }
  return Constant::Copy(DType::kI32, Shape{256}, table.data());
}

Result<bool> Rewrite(Graph& graph, Node& node) {
  const auto result = MatchQuantize(node);
  if (!result || !result->producer->Is("Softmax")) return false;
  const Node& softmax = *result->producer;
  const auto x = Dequantized(softmax.input(0));
  if (!x || !Is8Bit(x->integers->type.dtype) || !Is8Bit(result->output.type)) return false;
  Attributes attributes = softmax.attributes;
  ops::SetQuantization(attributes, "x", x->quantization);
  ops::SetQuantizedOutput(attributes, result->output);
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(softmax.name());
  Value* table = builder.Const(ExponentialsOf(x->quantization.scale), "exponentials");
  Value* y = builder.Emit("QuantizedSoftmax", {x->integers, table}, std::move(attributes));
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

}  // namespace

// Softmax of a dequantized tensor that is quantized again, by a table of exponentials.
Result<int> FuseQuantizedSoftmax(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
