#include "passes/match.h"
#include "passes/pass_list.h"
#include "passes/weights.h"

namespace whet {
namespace {

Result<bool> Rewrite(Graph& graph, Node& node) {
  if (!node.Is("Mul") && !node.Is("Div")) return false;
  for (size_t i : {0u, 1u}) {
    if (i == 1 && node.Is("Div")) break;
    Node* weighted = node.input(i)->producer();
    if (weighted == nullptr || !IsPlainWeighted(*weighted) || OnlyReader(node.input(i)) != &node) continue;
    if (node.output()->type != node.input(i)->type) continue;
    auto scale = PerChannel(node.input(1 - i), OutputChannels(*weighted));
    const auto old_bias = BiasOf(*weighted);
    if (!scale || !old_bias) continue;
    if (node.Is("Div")) {
      for (float& value : *scale) value = 1 / value;
    }
    GraphBuilder builder(graph, &node);
    Value* bias = nullptr;
    if (weighted->input(2) != nullptr) {
      std::vector<float> scaled(scale->size());
      for (size_t c = 0; c < scaled.size(); ++c) scaled[c] = (*old_bias)[c] * (*scale)[c];
      bias = builder.Const(Constant::Vector<float>(DType::kF32, scaled), weighted->name() + ".bias");
    }
    Value* weights = builder.Const(ScaledWeights(*weighted, *scale), weighted->input(1)->name());
    Value* y = CopyWeighted(builder, *weighted, weights, bias);
    if (!builder.ok()) return builder.TakeStatus();
    Replace(graph, node.output(), y);
    return true;
  }
  return false;
}

}  // namespace

// conv(x) * scale, with a constant per channel, becomes a convolution with scaled weights and bias.
Result<int> FoldScaleIntoWeights(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
