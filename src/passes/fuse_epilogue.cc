// What follows a convolution or product and can be done where it stores its result: bias, residual,
// activation.
#include "passes/match.h"
#include "passes/pass_list.h"
#include "passes/weights.h"

namespace whet {
namespace {

bool IsWeighted(const Node* node) {
  return node != nullptr && (node->Is("Conv") || node->Is("ConvTranspose") || node->Is("MatMul")) &&
         node->input(0)->type.dtype == DType::kF32 && node->output()->type.rank() >= 2;
}

Result<bool> RewriteBias(Graph& graph, Node& node) {
  if (!node.Is("Add") && !node.Is("Sub")) return false;
  for (size_t i : {0u, 1u}) {
    if (i == 1 && node.Is("Sub")) break;
    Node* weighted = node.input(i)->producer();
    if (!IsWeighted(weighted) || OnlyReader(node.input(i)) != &node ||
        node.output()->type != node.input(i)->type)
      continue;
    if (weighted->inputs().size() > 3 || weighted->attributes.Has("activation")) continue;
    auto added = PerChannel(node.input(1 - i), OutputChannels(*weighted));
    const auto old_bias = BiasOf(*weighted);
    if (!added || !old_bias) continue;
    for (size_t c = 0; c < added->size(); ++c) {
      (*added)[c] = (*old_bias)[c] + (node.Is("Sub") ? -(*added)[c] : (*added)[c]);
    }
    GraphBuilder builder(graph, &node);
    Value* bias = builder.Const(Constant::Vector<float>(DType::kF32, *added), weighted->name() + ".bias");
    Value* y = CopyWeighted(builder, *weighted, nullptr, bias);
    if (!builder.ok()) return builder.TakeStatus();
    Replace(graph, node.output(), y);
    return true;
  }
  return false;
}

struct FusedActivation {
  std::string name;
  double alpha = 0;
  double beta = 0;
  Value* slope = nullptr;
};

// The activation that the node is, in the words of the attribute "activation".
bool DescribeActivation(const Node& node, FusedActivation* activation) {
  const Attributes& attributes = node.attributes;
  if (node.Is("Relu")) {
    activation->name = "relu";
  } else if (node.Is("Clip")) {
    const auto low = node.input(1) != nullptr ? ScalarOf(node.input(1)) : -3.4028234663852886e38;
    const auto high = node.input(2) != nullptr ? ScalarOf(node.input(2)) : 3.4028234663852886e38;
    if (!low || !high) return false;
    *activation = {"clip", *low, *high, nullptr};
  } else if (node.Is("LeakyRelu")) {
    *activation = {"leaky_relu", attributes.Float("alpha", 0.01), 0, nullptr};
  } else if (node.Is("PRelu")) {
    *activation = {"prelu", 0, 0, node.input(1)};
  } else if (node.Is("HardSwish")) {
    activation->name = "hard_swish";
  } else if (node.Is("HardSigmoid")) {
    *activation = {"hard_sigmoid", attributes.Float("alpha", 0.2), attributes.Float("beta", 0.5), nullptr};
  } else if (node.Is("Sigmoid")) {
    activation->name = "sigmoid";
  } else if (node.Is("Tanh")) {
    activation->name = "tanh";
  } else if (node.Is("Silu") && attributes.Float("alpha", 1) == 1) {
    activation->name = "silu";
  } else if (node.Is("Gelu")) {
    activation->name = attributes.String("approximate") == "tanh" ? "gelu_tanh" : "gelu";
  } else {
    return false;
  }
  return true;
}

Result<bool> RewriteActivation(Graph& graph, Node& node) {
  FusedActivation activation;
  if (node.inputs().empty() || !DescribeActivation(node, &activation)) return false;
  Node* weighted = node.input(0)->producer();
  if (!IsWeighted(weighted) || OnlyReader(node.input(0)) != &node || weighted->attributes.Has("activation"))
    return false;
  GraphBuilder builder(graph, &node);
  std::vector<Value*> inputs(weighted->inputs().begin(), weighted->inputs().end());
  if (activation.slope != nullptr) {
    auto slope = PerChannel(activation.slope, OutputChannels(*weighted));
    if (!slope) return false;
    inputs.resize(5, nullptr);
    inputs[4] = builder.Const(Constant::Vector<float>(DType::kF32, *slope), activation.slope->name());
  }
  Attributes attributes = weighted->attributes;
  attributes.Set("activation", activation.name);
  if (activation.alpha != 0 || activation.beta != 0) {
    attributes.Set("alpha", activation.alpha);
    attributes.Set("beta", activation.beta);
  }
  builder.SetNodeName(weighted->name());
  Value* y = builder.Emit(weighted->op_name(), inputs, std::move(attributes));
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

Result<bool> RewriteResidual(Graph& graph, Node& node) {
  if (!node.Is("Add") || node.input(0) == node.input(1)) return false;
  if (node.input(0)->type != node.input(1)->type) return false;
  // Of two convolutions, the later one takes the other's result, which is there by then.
  for (size_t i : {1u, 0u}) {
    Node* weighted = node.input(i)->producer();
    Value* residual = node.input(1 - i);
    if (!IsWeighted(weighted) || OnlyReader(node.input(i)) != &node || residual->IsConstant()) continue;
    if (weighted->inputs().size() > 3 || weighted->attributes.Has("activation")) continue;
    GraphBuilder builder(graph, &node);
    std::vector<Value*> inputs(weighted->inputs().begin(), weighted->inputs().end());
    inputs.resize(4, nullptr);
    inputs[3] = residual;
    builder.SetNodeName(weighted->name());
    Value* y = builder.Emit(weighted->op_name(), inputs, weighted->attributes);
    if (!builder.ok()) return builder.TakeStatus();
    Replace(graph, node.output(), y);
    return true;
  }
  return false;
}

}  // namespace

// conv(x) + constant per channel: a bias.
Result<int> FuseBias(Graph& graph) { return RewriteNodes(graph, RewriteBias); }

// activation(conv(x)): an attribute of the convolution.
Result<int> FuseActivation(Graph& graph) { return RewriteNodes(graph, RewriteActivation); }

// conv(x) + other: the convolution's residual, added before its activation; then the activation that follows.
Result<int> FuseResidual(Graph& graph) {
  WHET_ASSIGN_OR_RETURN(const int residuals, RewriteNodes(graph, RewriteResidual));
  WHET_ASSIGN_OR_RETURN(const int activations, RewriteNodes(graph, RewriteActivation));
  return residuals + activations;
}

}  // namespace whet
