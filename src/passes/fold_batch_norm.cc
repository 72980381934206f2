#include <cmath>

#include "passes/match.h"
#include "passes/pass_list.h"
#include "passes/weights.h"

namespace whet {
namespace {

Result<bool> Rewrite(Graph& graph, Node& node) {
  if (!node.Is("BatchNormalization") || node.outputs().size() != 1) return false;
  if (node.attributes.Int("training_mode") != 0 || node.input(0)->type.dtype != DType::kF32) return false;
  const int64_t channels = node.output()->type.dims.back().lo;
  std::vector<float> parameters[4];  // scale, bias, mean, variance
  for (size_t i = 0; i < 4; ++i) {
    auto values = PerChannel(node.input(i + 1), channels);
    if (!values) return false;
    parameters[i] = std::move(*values);
  }
  // y = x * scale + shift
  const double epsilon = node.attributes.Float("epsilon", 1e-5);
  std::vector<float> scale(static_cast<size_t>(channels));
  std::vector<float> shift(static_cast<size_t>(channels));
  for (size_t c = 0; c < scale.size(); ++c) {
    const double factor =
        static_cast<double>(parameters[0][c]) / std::sqrt(static_cast<double>(parameters[3][c]) + epsilon);
    scale[c] = static_cast<float>(factor);
    shift[c] = static_cast<float>(static_cast<double>(parameters[1][c]) -
                                  static_cast<double>(parameters[2][c]) * factor);
  }
  GraphBuilder builder(graph, &node);
  const auto vector = [&](std::span<const float> values, const char* name) {
    return builder.Const(Constant::Vector(DType::kF32, values), node.name() + name);
  };
  Value* y = nullptr;
  Node* weighted = node.input(0)->producer();
  const auto old_bias =
      weighted != nullptr && IsPlainWeighted(*weighted) && OnlyReader(node.input(0)) == &node
          ? BiasOf(*weighted)
          : std::nullopt;
  if (old_bias) {
    std::vector<float> bias(scale.size());
    for (size_t c = 0; c < scale.size(); ++c) bias[c] = (*old_bias)[c] * scale[c] + shift[c];
    y = CopyWeighted(builder, *weighted,
                     builder.Const(ScaledWeights(*weighted, scale), weighted->input(1)->name()),
                     vector(bias, ".bias"));
  } else {
    builder.SetNodeName(node.name());
    y = builder.Emit(
        "Add", {builder.Emit("Mul", {node.input(0), vector(scale, ".scale")}), vector(shift, ".shift")});
  }
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

}  // namespace

// Batch normalization after a convolution or product becomes part of its weights and bias; elsewhere a scale
// and a shift per channel.
Result<int> FoldBatchNorm(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
