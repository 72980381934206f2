#include <algorithm>
#include <array>
#include <cmath>

#include "ops/elements_common.h"
#include "ops/quantize_common.h"
#include "passes/pass_list.h"
#include "passes/quantized_match.h"

namespace whet {
namespace {

template <size_t n>
bool IsOneOf(const Node& node, const std::array<std::string_view, n>& names) {
  return std::find(names.begin(), names.end(), node.op_name()) != names.end();
}

// Operators that only choose and place elements of input 0, whatever these are.
constexpr std::array<std::string_view, 14> kMoves = {
    "Reshape",      "Squeeze", "Unsqueeze", "Flatten", "Transpose",      "Slice",    "Split",
    "DepthToSpace", "Gather",  "Expand",    "Tile",    "GatherElements", "GatherND", "SpaceToDepth"};
// Those of them whose output has as many elements as the input, and Concat.
constexpr std::array<std::string_view, 8> kRearranges = {
    "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "DepthToSpace", "SpaceToDepth", "Concat"};

bool IsMaximum(const Node& node) {
  return (node.Is("MaxPool") || node.Is("GlobalMaxPool")) && node.outputs().size() == 1;
}
bool IsNearest(const Node& node) {
  return node.Is("Resize") && node.attributes.String("mode", "nearest") == "nearest" &&
         node.attributes.String("coordinate_transformation_mode") != "tf_crop_and_resize" &&
         node.attributes.Int("antialias") == 0;
}

// The steps that stand for the value that a Pad puts in; nothing if it is not one of the steps.
std::optional<int32_t> PaddedSteps(const Node& pad, const ops::Quantization& quantization, DType type) {
  double value = 0;
  if (pad.input(2) != nullptr) {
    const auto scalar = ScalarOf(pad.input(2));
    if (!scalar) return std::nullopt;
    value = *scalar;
  }
  const double steps = value / static_cast<double>(quantization.scale);
  const double zero = quantization.zero_point;
  const auto [low, high] = ops::RangeOf(type);
  const double rounded = std::nearbyint(steps) + zero;
  if (!(rounded >= low && rounded <= high)) return std::nullopt;
  // What it is read as again must be the very value.
  const float again = static_cast<float>(rounded - zero) * quantization.scale;
  if (again != static_cast<float>(value)) return std::nullopt;
  return static_cast<int32_t>(rounded);
}

Value* StepsConstant(GraphBuilder& builder, DType type, int32_t steps) {
  auto constant = Constant::Allocate(type, Shape{});
  ops::StoreInt(constant->view(), 0, steps);
  return builder.Const(std::move(constant), "steps");
}

// A copy of a DequantizeLinear or QuantizeLinear node for `x`.
Value* EmitLike(GraphBuilder& builder, const Node& node, Value* x, const Attributes& attributes) {
  std::vector<Value*> inputs(node.inputs().begin(), node.inputs().end());
  inputs[0] = x;
  builder.SetNodeName(node.name());
  return builder.Emit(node.op_name(), inputs, attributes);
}

// Quantization of every channel goes through a transpose, with its axis.
Result<bool> SinkThroughTranspose(Graph& graph, Node& node, const Node& dequantize) {
  const Value* scale = dequantize.input(1);
  const auto perm = node.attributes.Ints("perm");
  if (scale->type.rank() != 1 || perm.empty() || dequantize.attributes.Int("block_size") != 0) return false;
  const int axis = ops::NormalizeAxis(dequantize.attributes.Int("axis", 1), static_cast<int>(perm.size()));
  const auto at = std::find(perm.begin(), perm.end(), axis);
  if (at == perm.end()) return false;
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(node.name());
  Value* moved = builder.Emit("Transpose", {dequantize.input(0)}, node.attributes);
  Attributes attributes = dequantize.attributes;
  attributes.Set("axis", int64_t{at - perm.begin()});
  Value* real = EmitLike(builder, dequantize, moved, attributes);
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), real);
  return true;
}

// node(DequantizeLinear(x)) becomes DequantizeLinear(node(x)).
Result<bool> SinkDequantize(Graph& graph, Node& node) {
  if (node.inputs().empty() || node.input(0) == nullptr) return false;
  const Node* dequantize = ProducerIs(node.input(0), "DequantizeLinear");
  const bool is_read = std::any_of(node.outputs().begin(), node.outputs().end(), [&](const Value* output) {
    return output != nullptr && (!output->uses().empty() || graph.IsLive(output));
  });
  if (dequantize == nullptr || !is_read) return false;
  const auto tensor = Dequantized(node.input(0));
  if (!tensor)
    return node.Is("Transpose") ? SinkThroughTranspose(graph, node, *dequantize) : Result<bool>(false);
  GraphBuilder builder(graph, &node);
  std::vector<Value*> inputs(node.inputs().begin(), node.inputs().end());
  inputs[0] = tensor->integers;
  if (node.Is("Concat")) {
    for (size_t i = 1; i < inputs.size(); ++i) {
      const auto other = Dequantized(inputs[i]);
      if (!other || other->quantization.scale != tensor->quantization.scale ||
          other->quantization.zero_point != tensor->quantization.zero_point ||
          other->integers->type.dtype != tensor->integers->type.dtype) {
        return false;
      }
      inputs[i] = other->integers;
    }
  } else if (node.Is("Pad")) {
    if (node.attributes.String("mode", "constant") == "constant") {
      const auto steps = PaddedSteps(node, tensor->quantization, tensor->integers->type.dtype);
      if (!steps) return false;
      inputs.resize(std::max<size_t>(inputs.size(), 3), nullptr);
      inputs[2] = StepsConstant(builder, tensor->integers->type.dtype, *steps);
    } else if (inputs.size() > 2) {
      inputs[2] = nullptr;  // of another type, and not used
    }
  } else if (!IsOneOf(node, kMoves) && !IsMaximum(node) &&
             !(IsNearest(node) && Is8Bit(tensor->integers->type.dtype))) {
    return false;
  }
  builder.SetNodeName(node.name());
  std::vector<Value*> outputs(node.outputs().begin(), node.outputs().end());
  const auto moved = builder.EmitNode(node.op_name(), inputs, outputs.size(), node.attributes);
  std::vector<Value*> reals;
  for (Value* value : moved) reals.push_back(EmitLike(builder, *dequantize, value, dequantize->attributes));
  if (!builder.ok()) return builder.TakeStatus();
  // The node goes with the last output that is read, and the others with it.
  for (Value*& output : outputs) {
    if (output != nullptr && output->uses().empty() && !graph.IsLive(output)) output = nullptr;
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] != nullptr) Replace(graph, outputs[i], reals[i]);
  }
  return true;
}

// QuantizeLinear(node(x)) becomes node(QuantizeLinear(x)).
Result<bool> RaiseQuantize(Graph& graph, Node& quantize) {
  if (!TensorQuantization(quantize)) return false;
  Node* node = quantize.input(0)->producer();
  if (node == nullptr || node->graph() != &graph || OnlyReader(quantize.input(0)) != &quantize) return false;
  if (!IsOneOf(*node, kRearranges) && !IsMaximum(*node)) return false;
  GraphBuilder builder(graph, node);
  std::vector<Value*> inputs(node->inputs().begin(), node->inputs().end());
  for (size_t i = 0; i < (node->Is("Concat") ? inputs.size() : 1); ++i) {
    inputs[i] = EmitLike(builder, quantize, inputs[i], quantize.attributes);
  }
  builder.SetNodeName(node->name());
  Value* moved = builder.Emit(node->op_name(), inputs, node->attributes);
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, quantize.output(), moved);
  return true;
}

// QuantizeLinear(DequantizeLinear(x)) with the same scale and zero point is x.
bool DropPair(Graph& graph, Node& node) {
  const auto to = TensorQuantization(node);
  if (!node.Is("QuantizeLinear") || !to) return false;
  const auto from = Dequantized(node.input(0));
  if (!from || from->integers->type.dtype != node.output()->type.dtype ||
      from->quantization.scale != to->scale || from->quantization.zero_point != to->zero_point) {
    return false;
  }
  Value* x = from->integers;
  // An output must not become an alias of an input or another output.
  if (graph.IsLive(node.output()) && (x->producer() == nullptr || graph.IsLive(x) || x->graph() != &graph))
    return false;
  Replace(graph, node.output(), x);
  return true;
}

Result<bool> Rewrite(Graph& graph, Node& node) {
  if (!node.subgraphs.empty()) return false;
  if (DropPair(graph, node)) return true;
  if (node.Is("QuantizeLinear")) return RaiseQuantize(graph, node);
  return SinkDequantize(graph, node);
}

}  // namespace

// Moves DequantizeLinear down and QuantizeLinear up through operators that only move elements (or take the
// greatest), until the two meet; where they agree they vanish, and the operator works on integers.
Result<int> PropagateQuantization(Graph& graph) {
  int total = 0;
  while (true) {
    WHET_ASSIGN_OR_RETURN(const int changes, RewriteNodes(graph, Rewrite));
    total += changes;
    if (changes == 0) return total;
  }
}

}  // namespace whet
