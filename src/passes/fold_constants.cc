#include <algorithm>

#include "ir/evaluate.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "passes/match.h"
#include "passes/pass_list.h"
#include "passes/quantized_match.h"
#include "passes/stored_weights.h"

namespace whet {
namespace {

// A folded tensor may not be larger than this unless its inputs are: an Expand of one number would only bloat
// the model.
constexpr uint64_t kMaxGrowth = 16 << 20;

uint64_t TypeBytes(const Type& type) {
  const Shape shape = type.ToShape();
  return BytesOf(type.dtype, static_cast<uint64_t>(shape.elements()));
}

// Shape and Size need only their input's type.
bool AsksForShapeOnly(const Node& node) {
  return (node.Is("Shape") || node.Is("Size")) && node.input(0)->type.IsStatic();
}

enum class Scope : uint8_t {
  kAll,
  kAllButDequantized,  // quantized weights stay what they are
  kAllButWeights,      // and weights of a smaller real type do
};

bool Foldable(const Node& node, Scope scope) {
  if (node.op().reference == nullptr || node.op().nondeterministic || !node.subgraphs.empty()) return false;
  if (node.Is("DequantizeLinear")) {
    if (scope != Scope::kAll) return false;
    if (StaysStored(node) && !WouldTakeScale(node)) return false;
    if (IsOperandOfIntegers(node)) return false;
  }
  if (scope == Scope::kAllButWeights && node.Is("Cast") && IsFloat(node.input(0)->type.dtype)) return false;
  if (AsksForShapeOnly(node)) return true;
  uint64_t input_bytes = 0;
  for (const Value* input : node.inputs()) {
    if (input == nullptr) continue;
    if (!input->IsConstant()) return false;
    input_bytes += input->constant()->bytes();
  }
  for (const Value* output : node.outputs()) {
    // Outputs of unknown size are bounded by the evaluation's own limit.
    if (output != nullptr && output->type.IsStatic() &&
        TypeBytes(output->type) > std::max(input_bytes * 4, kMaxGrowth)) {
      return false;
    }
  }
  return true;
}

Status Fold(Graph& graph, Node& node) {
  std::vector<TensorPtr> inputs;
  for (const Value* input : node.inputs()) {
    if (input == nullptr) {
      inputs.push_back(nullptr);
    } else if (input->IsConstant()) {
      inputs.push_back(input->constant());
    } else {
      inputs.push_back(Constant::Refer(input->type.dtype, input->type.ToShape(), nullptr, nullptr));
    }
  }
  EvaluateOptions options;
  options.max_tensor_bytes = uint64_t{1} << 30;
  WHET_ASSIGN_OR_RETURN(std::vector<TensorPtr> results, EvaluateNode(node, inputs, options));
  for (size_t i = 0; i < results.size(); ++i) {
    Value* output = node.output(i);
    if (output == nullptr) continue;
    const std::string name = output->name();
    Value* constant = graph.AddConstant(name, std::move(results[i]));
    graph.ReplaceAllUses(output, constant);
    // Frees the name, so that the constant can have it.
    graph.Rename(output, name + ":folded");
    graph.Rename(constant, name);
  }
  graph.RemoveNode(&node);
  return {};
}

// The other branch of an If whose condition is known: it need not even fit the shapes at hand.
bool IsNeverTaken(const Node& node, const Graph& subgraph) {
  if (!node.Is("If") || !node.input(0)->IsConstant()) return false;
  const bool condition = *node.input(0)->constant()->view().as<uint8_t>() != 0;
  return &subgraph != node.subgraphs[condition ? 0 : 1].get();
}

Result<int> FoldIn(Graph& graph, Scope scope) {
  int changes = 0;
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node& node = **it;
    ++it;
    for (const auto& subgraph : node.subgraphs) {
      if (IsNeverTaken(node, *subgraph)) continue;
      WHET_ASSIGN_OR_RETURN(const int inner, FoldIn(*subgraph, scope));
      changes += inner;
    }
    // Values that became known may tell more about the shapes here.
    WHET_RETURN_IF_ERROR(InferNode(node));
    if (!Foldable(node, scope)) continue;
    WHET_RETURN_IF_ERROR(Fold(graph, node));
    ++changes;
  }
  graph.RemoveUnusedConstants();
  return changes;
}

}  // namespace

// Evaluates, on the operators' references, every node whose inputs are constants, and Shape and Size of known
// shapes; and propagates shapes again, since they may depend on what became known.
Result<int> FoldConstants(Graph& graph) { return FoldIn(graph, Scope::kAll); }

// The same without DequantizeLinear: quantized weights stay what they are until integer operators have taken
// those that they can.
Result<int> FoldConstantsButDequantized(Graph& graph) { return FoldIn(graph, Scope::kAllButDequantized); }

// The same, except that weights stay in the type in which they are stored.
Result<int> FoldConstantsButWeights(Graph& graph) { return FoldIn(graph, Scope::kAllButWeights); }

}  // namespace whet
