#include <algorithm>
#include <array>
#include <unordered_map>

#include "ir/evaluate.h"
#include "ops/elementwise_program_common.h"
#include "passes/pass_list.h"
#include "passes/quantized_match.h"

namespace whet {
namespace {

bool IsOneElement(const Value* value) {
  return value->IsConstant() && value->constant()->view().elements() == 1;
}

// Whether element i of the output depends on element i of the inputs only.
bool IsPointwise(const Node& node) {
  if (!node.subgraphs.empty() || node.outputs().size() != 1 || node.op().reference == nullptr) return false;
  if (node.Is("QuantizeLinear") || node.Is("DequantizeLinear")) {
    const Value* integers = node.Is("QuantizeLinear") ? node.output() : node.input(0);
    return Is8Bit(integers->type.dtype) && TensorQuantization(node).has_value();
  }
  constexpr std::array<std::string_view, 4> kOthers = {"QuantizedTable", "Clip", "Cast", "Swish"};
  return std::find(kOthers.begin(), kOthers.end(), node.op_name()) != kOthers.end() ||
         ops::FindElementFunction(node.op_name()) != nullptr;
}

// Inputs that are parameters of the operator: a table, scales.
bool IsParameter(const Node& node, size_t input) {
  return input > 0 && (node.Is("QuantizedTable") || node.Is("QuantizeLinear") || node.Is("DequantizeLinear"));
}

// The one tensor of 8-bit integers, as far up as there is one, that `value` is a pointwise function of.
class Sources {
 public:
  // Null if there is none.
  Value* Of(Value* value, int depth = 0) {
    const auto [it, is_new] = known_.emplace(value, nullptr);
    if (!is_new) return it->second;
    Value* source = depth < kMaxDepth ? OfInputs(*value, depth + 1) : nullptr;
    if (source == nullptr && Is8Bit(value->type.dtype) && !value->IsConstant()) source = value;
    return known_[value] = source;
  }

 private:
  // Bounds the recursion; no real model has so many in a row.
  static constexpr int kMaxDepth = 64;

  Value* OfInputs(const Value& value, int depth) {
    const Node* node = value.producer();
    if (node == nullptr || !IsPointwise(*node)) return nullptr;
    Value* common = nullptr;
    for (size_t i = 0; i < node->inputs().size(); ++i) {
      Value* input = node->input(i);
      if (input == nullptr || IsParameter(*node, i) || IsOneElement(input)) continue;
      Value* source = Of(input, depth);
      if (source == nullptr || (common != nullptr && source != common)) return nullptr;
      common = source;
    }
    return common;
  }

  std::unordered_map<const Value*, Value*> known_;
};

// Builds `value` again as a function of 256 integers.
class Copier {
 public:
  Copier(GraphBuilder& builder, const Value* source, Value* bytes) : builder_(builder) {
    copies_[source] = bytes;
  }

  Value* Copy(const Value* value) {
    if (value == nullptr) return nullptr;
    if (const auto it = copies_.find(value); it != copies_.end()) return it->second;
    Value* copy = nullptr;
    if (value->IsConstant()) {
      const TensorView& view = value->constant()->view();
      const Shape shape = view.elements() == 1 ? Shape{} : view.shape;
      copy = builder_.Const(Constant::Refer(view.dtype, shape, view.data, value->constant()));
    } else {
      const Node& node = *value->producer();
      std::vector<Value*> inputs;
      for (const Value* input : node.inputs()) inputs.push_back(Copy(input));
      copy = builder_.Emit(node.op_name(), inputs, node.attributes);
    }
    return copies_[value] = copy;
  }

 private:
  GraphBuilder& builder_;
  std::unordered_map<const Value*, Value*> copies_;
};

// What `value` is for each of the 256 bytes that `source` can be.
Result<TensorPtr> TableOf(const Value* value, const Value* source) {
  std::array<uint8_t, 256> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  Graph graph("table");
  GraphBuilder builder(graph);
  builder.SetNodeName("table");
  Value* x = graph.AddInput("x", Type::Of(source->type.dtype, Shape{256}.dims()));
  graph.AddOutput(Copier(builder, source, x).Copy(value));
  if (!builder.ok()) return builder.TakeStatus();
  const TensorPtr input = Constant::Copy(source->type.dtype, Shape{256}, bytes.data());
  WHET_ASSIGN_OR_RETURN(const auto outputs, GraphEvaluator().Run(graph, std::span(&input, 1)));
  return outputs[0];
}

Result<bool> Rewrite(Graph& graph, Node& node) {
  if (!node.Is("QuantizeLinear") || !Is8Bit(node.output()->type.dtype) || !TensorQuantization(node))
    return false;
  Value* source = Sources().Of(node.output());
  if (source == nullptr || source == node.output() || source->type.dims != node.output()->type.dims)
    return false;
  WHET_ASSIGN_OR_RETURN(TensorPtr table, TableOf(node.output(), source));
  if (table->shape() != Shape{256}) return false;
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(node.input(0)->producer()->name());
  Value* y = builder.Emit("QuantizedTable", {source, builder.Const(std::move(table), "table")});
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

}  // namespace

// Between one tensor of 8-bit integers and another, any chain of elementwise operators on nothing else is a
// function of 256 values: its table is computed here, by the operators' references.
Result<int> FuseQuantizedTables(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
