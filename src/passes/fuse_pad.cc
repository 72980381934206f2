#include "passes/match.h"
#include "passes/pass_list.h"

namespace whet {
namespace {

Result<bool> Rewrite(Graph& graph, Node& node) {
  if (!node.Is("Conv") || node.attributes.Has("auto_pad")) return false;
  Node* pad = ProducerIs(node.input(0), "Pad");
  if (pad == nullptr || pad->attributes.String("mode", "constant") != "constant" || pad->input(3) != nullptr)
    return false;
  if (pad->input(2) != nullptr && ScalarOf(pad->input(2)).value_or(1) != 0) return false;
  const std::vector<int64_t> pads = IntsOf(pad->input(1));
  const int rank = node.input(0)->type.rank();
  if (static_cast<int>(pads.size()) != 2 * rank) return false;
  const int spatial = rank - 2;
  for (int i : {0, rank - 1}) {
    if (pads[static_cast<size_t>(i)] != 0 || pads[static_cast<size_t>(i + rank)] != 0) return false;
  }
  std::vector<int64_t> total(static_cast<size_t>(2 * spatial), 0);
  const auto own = node.attributes.Ints("pads");
  for (int i = 0; i < spatial; ++i) {
    const auto begin = static_cast<size_t>(i);
    const auto end = static_cast<size_t>(i + spatial);
    total[begin] = pads[begin + 1] + (own.empty() ? 0 : own[begin]);
    total[end] = pads[begin + 1 + static_cast<size_t>(rank)] + (own.empty() ? 0 : own[end]);
    if (pads[begin + 1] < 0 || pads[begin + 1 + static_cast<size_t>(rank)] < 0) return false;  // a crop
  }
  GraphBuilder builder(graph, &node);
  std::vector<Value*> inputs(node.inputs().begin(), node.inputs().end());
  inputs[0] = pad->input(0);
  Attributes attributes = node.attributes;
  attributes.Set("pads", std::move(total));
  builder.SetNodeName(node.name());
  Value* y = builder.Emit("Conv", inputs, std::move(attributes));
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

}  // namespace

// Zeros padded around the image before a convolution become the convolution's own padding.
Result<int> FusePad(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
