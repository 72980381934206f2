#include "quantize/equalize.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "ir/builder.h"
#include "passes/match.h"

namespace whet::quantize {
namespace {

bool IsConvolution(const Node* node) {
  if (node == nullptr || !node->Is("Conv") || node->attributes.Has("activation")) return false;
  const Value* weights = node->input(1);
  const Value* bias = node->input(2);
  return weights->IsConstant() && weights->type.dtype == DType::kF32 && node->inputs().size() <= 3 &&
         (bias == nullptr || (bias->IsConstant() && bias->type.dtype == DType::kF32));
}

// f(s * x) = s * f(x) for positive s.
bool IsHomogeneous(const Node& node) {
  return node.Is("Relu") || node.Is("LeakyRelu") || (node.Is("PRelu") && node.input(1)->IsConstant());
}

struct Pair {
  const Node* first;
  const Node* second;
};

std::vector<Pair> FindPairs(const Graph& graph) {
  std::vector<Pair> pairs;
  for (const auto& node : graph.nodes()) {
    if (!IsConvolution(node.get())) continue;
    const Node* reader = OnlyReader(node->output());
    if (reader != nullptr && IsHomogeneous(*reader) && reader->input(0) == node->output()) {
      reader = OnlyReader(reader->output());
    }
    if (!IsConvolution(reader)) continue;
    // It must be the second one's activation, not its weights.
    const Value* x = reader->input(0);
    const Node* between = x->producer();
    if (x != node->output() && (between == nullptr || between->input(0) != node->output())) continue;
    pairs.push_back({node.get(), reader});
  }
  return pairs;
}

// Weights and bias of one convolution, [outputs][taps][inputs of a group].
struct Layer {
  std::vector<float> weights;
  std::vector<float> bias;
  int64_t outputs = 0, taps = 0, inputs = 0, group = 1;

  // Visits the weights that read channel `c` of the layer's input.
  template <typename Visit>
  void ForInput(int64_t c, Visit visit) {
    const int64_t g = c / inputs;
    const int64_t per_group = outputs / group;
    for (int64_t o = g * per_group; o < (g + 1) * per_group; ++o) {
      for (int64_t t = 0; t < taps; ++t)
        visit(weights[static_cast<size_t>((o * taps + t) * inputs + c % inputs)]);
    }
  }
  template <typename Visit>
  void ForOutput(int64_t o, Visit visit) {
    for (int64_t i = 0; i < taps * inputs; ++i) visit(weights[static_cast<size_t>(o * taps * inputs + i)]);
  }
};

Layer Read(const Node& node) {
  Layer layer;
  const TensorView& view = node.input(1)->constant()->view();
  layer.weights.assign(view.as<float>(), view.as<float>() + view.elements());
  if (node.input(2) != nullptr) {
    const TensorView& bias = node.input(2)->constant()->view();
    layer.bias.assign(bias.as<float>(), bias.as<float>() + bias.elements());
  }
  layer.outputs = view.shape[0];
  layer.inputs = view.shape.back();
  layer.taps = view.elements() / std::max<int64_t>(layer.outputs * layer.inputs, 1);
  layer.group = node.attributes.Int("group", 1);
  return layer;
}

// Returns by how much the scales differ from 1 at most.
double EqualizePair(Layer& first, Layer& second) {
  double change = 0;
  for (int64_t c = 0; c < first.outputs; ++c) {
    float reach_first = 0, reach_second = 0;
    first.ForOutput(c, [&](float w) { reach_first = std::max(reach_first, std::abs(w)); });
    second.ForInput(c, [&](float w) { reach_second = std::max(reach_second, std::abs(w)); });
    // A channel that is 0, or that nobody reads, has nothing to balance.
    if (reach_first < 1e-12F || reach_second < 1e-12F) continue;
    const float scale = std::clamp(std::sqrt(reach_first / reach_second), 1.0F / 1024,
                                   1024.0F);  // keeps dead channels in bounds
    change = std::max(change, std::abs(static_cast<double>(scale) - 1));
    first.ForOutput(c, [&](float& w) { w /= scale; });
    if (!first.bias.empty()) first.bias[static_cast<size_t>(c)] /= scale;
    second.ForInput(c, [&](float& w) { w *= scale; });
  }
  return change;
}

void Write(Graph& graph, Node& node, const Layer& layer) {
  GraphBuilder builder(graph, &node);
  node.SetInput(
      1, builder.Const(Constant::Copy(DType::kF32, node.input(1)->constant()->shape(), layer.weights.data()),
                       node.input(1)->name()));
  if (layer.bias.empty()) return;
  node.SetInput(
      2, builder.Const(Constant::Copy(DType::kF32, node.input(2)->constant()->shape(), layer.bias.data()),
                       node.input(2)->name()));
}

}  // namespace

Result<int> EqualizeLayers(Graph& graph) {
  const std::vector<Pair> pairs = FindPairs(graph);
  std::unordered_map<const Node*, Layer> layers;
  for (const Pair& pair : pairs) {
    layers.try_emplace(pair.first, Read(*pair.first));
    layers.try_emplace(pair.second, Read(*pair.second));
  }
  constexpr int kRounds = 20;
  constexpr double kEnough = 1e-3;
  for (int round = 0; round < kRounds; ++round) {
    double change = 0;
    for (const Pair& pair : pairs)
      change = std::max(change, EqualizePair(layers.at(pair.first), layers.at(pair.second)));
    if (change < kEnough) break;
  }
  for (Node* node : graph.NodeList()) {
    if (const auto it = layers.find(node); it != layers.end()) Write(graph, *node, it->second);
  }
  graph.RemoveUnusedConstants();
  return static_cast<int>(pairs.size());
}

}  // namespace whet::quantize
