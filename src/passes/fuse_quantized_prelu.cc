#include <cstring>

#include "passes/pass_list.h"
#include "passes/quantized_match.h"

namespace whet {
namespace {

// The slopes as a vector, if they are constant and one a channel, channels last; else null.
Value* SlopeByChannel(GraphBuilder& builder, const Value* slope, const Type& x) {
  if (slope == nullptr || !slope->IsConstant() || slope->type.dtype != DType::kF32 || x.rank() < 1)
    return nullptr;
  const Shape shape = slope->type.ToShape();
  const Dim& channels = x.dims.back();
  if (shape.rank() < 1 || !channels.known() || shape.elements() != channels.lo ||
      shape.back() != channels.lo) {
    return nullptr;
  }
  auto vector = Constant::Allocate(DType::kF32, Shape{shape.elements()});
  std::memcpy(vector->mutable_data(), slope->constant()->view().data, slope->constant()->bytes());
  return builder.Const(std::move(vector), slope->name() + ":slopes");
}

// The slopes of what is a parametric ReLU with all slopes alike: a leaky one, or (slopes 1) nothing but
// another quantization. Of 8 bits these are tables.
Value* EqualSlopes(GraphBuilder& builder, const Node& node, const QuantizedTensor& x) {
  const Type& type = node.output()->type;
  const bool leaky = node.Is("LeakyRelu");
  if (!Is16Bit(x.integers->type.dtype) || type.rank() < 1 || !type.dims.back().known() ||
      (!leaky && !node.Is("DequantizeLinear"))) {
    return nullptr;
  }
  const auto slope = leaky ? static_cast<float>(node.attributes.Float("alpha", 0.01)) : 1.0F;
  const std::vector<float> slopes(static_cast<size_t>(type.dims.back().lo), slope);
  return builder.Const(Constant::Vector<float>(DType::kF32, slopes), "slopes");
}

Result<bool> Rewrite(Graph& graph, Node& node) {
  const auto result = MatchQuantize(node);
  if (!result || result->producer->inputs().empty()) return false;
  const Node& prelu = *result->producer;
  const auto x = Dequantized(prelu.Is("DequantizeLinear") ? prelu.output() : prelu.input(0));
  if (!x || !AreComputedWith(*x, result->output)) return false;
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(prelu.name());
  Value* slope = prelu.Is("PRelu") ? SlopeByChannel(builder, prelu.input(1), prelu.input(0)->type)
                                   : EqualSlopes(builder, prelu, *x);
  if (slope == nullptr) return false;
  Attributes attributes;
  ops::SetQuantization(attributes, "x", x->quantization);
  ops::SetQuantizedOutput(attributes, result->output);
  Value* y = builder.Emit("QuantizedPRelu", {x->integers, slope}, std::move(attributes));
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

}  // namespace

// Parametric ReLUs with a slope a channel between DequantizeLinear and QuantizeLinear, and, of 16-bit
// integers, leaky ones and changes of the quantization.
Result<int> FuseQuantizedPRelu(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
