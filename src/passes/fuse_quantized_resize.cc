#include "kernels/quantized/resize_8bit.h"
#include "passes/pass_list.h"
#include "passes/quantized_match.h"
#include "passes/resize_axes.h"

namespace whet {
namespace {

namespace kernel = kernels::resize_8bit;

Value* TapsOf(GraphBuilder& builder, const std::vector<kernel::Tap>& taps, std::string_view name) {
  static_assert(sizeof(kernel::Tap) == 2 * sizeof(int32_t));
  return builder.Const(Constant::Copy(DType::kI32, Shape{static_cast<int64_t>(taps.size()), 2}, taps.data()),
                       name);
}

Result<bool> Rewrite(Graph& graph, Node& node) {
  const auto result = MatchQuantize(node);
  if (!result || !result->producer->Is("Resize")) return false;
  const Node& resize = *result->producer;
  const auto x = Dequantized(resize.input(0));
  const auto axes = ReadResizeAxes(resize);
  if (!x || !Is8Bit(x->integers->type.dtype) || !Is8Bit(result->output.type)) return false;
  if (!axes || (*axes)[0].interpolation != kernels::resize::Interpolation::kLinear) return false;
  const std::vector<kernel::Tap> rows = kernel::AxisTable((*axes)[0]),
                                 columns = kernel::AxisTable((*axes)[1]);
  if (rows.empty() || columns.empty()) return false;
  Attributes attributes = resize.attributes;
  attributes.Remove("keep_aspect_ratio_policy");
  ops::SetQuantization(attributes, "x", x->quantization);
  ops::SetQuantizedOutput(attributes, result->output);
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(resize.name());
  Value* y = builder.Emit("QuantizedResize",
                          {x->integers, TapsOf(builder, rows, "rows"), TapsOf(builder, columns, "columns"),
                           resize.input(2), resize.input(3)},
                          std::move(attributes));
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

}  // namespace

// Linear resampling of a dequantized image that is quantized again, by weights in 1/2048.
Result<int> FuseQuantizedResize(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
