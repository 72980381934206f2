#include "quantize/scale_sites.h"

#include <algorithm>

#include "ir/builder.h"
#include "passes/match.h"
#include "quantize/layer_matrix.h"
#include "quantize/op_rules.h"

namespace whet::quantize {
namespace {

int64_t ChannelsOf(const Value* value) {
  return value->type.ranked && value->type.rank() > 0 && value->type.dims.back().known()
             ? value->type.dims.back().lo
             : 0;
}

bool IsWeighted(const Node& node) { return RuleOf(node, Convention::kOnnx) == Rule::kWeighted; }

// A constant with an entry a channel, the same for everything else.
bool IsVector(const Value* value, int64_t channels) {
  return value != nullptr && value->IsConstant() && value->type.dtype == DType::kF32 &&
         value->constant()->shape().rank() > 0 && value->constant()->shape().back() == channels;
}

// Finds what has to be divided for `value`, which one node only reads, to be divided by channel.
class Divider {
 public:
  explicit Divider(int64_t channels) : channels_(channels) {}
  bool Divide(const Value* value) {
    const size_t before = divided.size();
    if (TryToDivide(value)) return true;
    divided.resize(before);
    return false;
  }
  std::vector<ScaleSite::Divided> divided;
  bool normalized = false;

 private:
  bool TryToDivide(const Value* value) {
    Node* node = value->producer();
    if (node == nullptr || node->output() != value || ChannelsOf(value) != channels_) return false;
    if (node->Is("LayerNormalization") || node->Is("RMSNormalization")) return DivideNormalization(node);
    if (IsWeighted(*node)) return DivideWeights(node);
    if (node->Is("Relu") || node->Is("LeakyRelu")) return DivideInput(node, 0);
    if (node->Is("Mul")) {
      for (size_t i : {0U, 1U}) {
        if (IsVector(node->input(i), channels_)) return Take(node, i, -1, true);
      }
      for (size_t i : {0U, 1U}) {
        if (!node->input(i)->IsConstant() && DivideInput(node, i)) return true;
      }
      return false;
    }
    if (node->Is("Add") || node->Is("Sub")) {
      for (size_t i : {0U, 1U}) {
        if (IsVector(node->input(i), channels_)) return DivideInput(node, 1 - i) && Take(node, i, -1, false);
      }
    }
    return false;
  }
  bool Take(Node* node, size_t input, int axis, bool norm) {
    divided.push_back({node, input, axis});
    normalized = norm;
    return true;
  }
  bool DivideInput(Node* node, size_t input) {
    const Value* value = node->input(input);
    return OnlyReader(value) == node && Divide(value);
  }
  bool DivideNormalization(Node* node) {
    if (!IsVector(node->input(1), channels_)) return false;
    if (node->input(2) != nullptr && !IsVector(node->input(2), channels_)) return false;
    if (node->input(2) != nullptr) Take(node, 2, -1, true);
    return Take(node, 1, -1, true);
  }
  bool DivideWeights(Node* node) {
    const int axis = AxesOf(*node).channel;
    if (axis < 0 || node->input(1)->constant()->shape()[axis] != channels_) return false;
    if (node->input(2) != nullptr) {
      if (!IsVector(node->input(2), channels_)) return false;
      Take(node, 2, -1, false);
    }
    return Take(node, 1, axis, false);
  }

  int64_t channels_;
};

// Element i of a constant belongs to entry i / inner % size of the axis.
template <typename Change>
void Rewrite(Graph& graph, Node& node, size_t input, Change change) {
  const Value* old = node.input(input);
  const TensorView& view = old->constant()->view();
  auto constant = Constant::Allocate(DType::kF32, view.shape);
  auto* to = static_cast<float*>(constant->mutable_data());
  for (int64_t i = 0; i < view.elements(); ++i) to[i] = change(i, view.as<float>()[i]);
  GraphBuilder builder(graph, &node);
  node.SetInput(input, builder.Const(std::move(constant), old->name()));
}

}  // namespace

std::vector<ScaleSite> FindScaleSites(Graph& graph) {
  std::vector<ScaleSite> sites;
  std::vector<const Node*> taken;  // whose weights are divided already
  for (Node* node : graph.NodeList()) {
    Value* value = node->output();
    if (value == nullptr || graph.IsOutput(value) || value->uses().empty()) continue;
    ScaleSite site;
    site.value = value;
    site.channels = ChannelsOf(value);
    if (site.channels == 0) continue;
    const bool all = std::ranges::all_of(value->uses(), [&](const Use& use) {
      if (use.node == nullptr || use.input != 0 || use.node->graph() != &graph || !IsWeighted(*use.node))
        return false;
      auto matrix = LayerMatrix::Of(*use.node);
      if (!matrix.ok() || matrix->groups() != 1 || matrix->columns() % site.channels != 0) return false;
      site.readers.push_back(use.node);
      return true;
    });
    Divider divider(site.channels);
    if (!all || !divider.Divide(value)) continue;
    const bool free = std::ranges::none_of(divider.divided, [&](const ScaleSite::Divided& divided) {
      return std::ranges::find(taken, divided.node) != taken.end();
    });
    if (!free) continue;
    for (const ScaleSite::Divided& divided : divider.divided) taken.push_back(divided.node);
    site.divided = std::move(divider.divided);
    site.normalized = divider.normalized;
    sites.push_back(std::move(site));
  }
  return sites;
}

void ScaleChannels(Graph& graph, const ScaleSite& site, std::span<const float> scales) {
  for (const ScaleSite::Divided& divided : site.divided) {
    const Shape& shape = divided.node->input(divided.input)->constant()->shape();
    const int axis = divided.axis < 0 ? shape.rank() - 1 : divided.axis;
    int64_t inner = 1;
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
    Rewrite(graph, *divided.node, divided.input, [&](int64_t i, float value) {
      return value / scales[static_cast<size_t>(i / inner % site.channels)];
    });
  }
  for (Node* reader : site.readers) {
    const Shape& shape = reader->input(1)->constant()->shape();
    const int axis = AxesOf(*reader).input;
    int64_t inner = 1;
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
    Rewrite(graph, *reader, 1, [&](int64_t i, float value) {
      return value * scales[static_cast<size_t>(i / inner % site.channels)];
    });
  }
  graph.RemoveUnusedConstants();
}

}  // namespace whet::quantize
