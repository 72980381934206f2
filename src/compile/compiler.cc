#include "compile/compiler.h"

#include <algorithm>
#include <unordered_set>

#include "compile/lowering.h"
#include "ir/builder.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "passes/pass_list.h"

namespace whet {
namespace {

// Every output gets a producer of its own, so that it can be written to its own buffer.
Status SeparateOutputs(Graph& graph) {
  std::unordered_set<const Value*> seen;
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    Value* output = graph.outputs()[i];
    const bool own = seen.insert(output).second && output->producer() != nullptr;
    if (own) continue;
    GraphBuilder builder(graph);
    builder.SetNodeName(output->name() + ".copy");
    Value* copy = builder.Emit("Identity", {output});
    if (!builder.ok()) return builder.TakeStatus();
    graph.SetOutput(i, copy);
    seen.insert(copy);
  }
  return {};
}

Status FixValues(Graph& graph, const std::map<std::string, TensorPtr>& values) {
  for (const auto& [name, tensor] : values) {
    Value* input = graph.FindValue(name);
    if (input == nullptr || !input->IsGraphInput()) {
      return Error(Code::kInvalidArgument, "the model has no input '%s'", name.c_str());
    }
    Value* constant = graph.AddConstant(name, tensor);
    graph.ReplaceAllUses(input, constant);
    graph.RemoveInput(input);
    graph.Rename(constant, name);
  }
  return {};
}

constexpr int64_t kMaxShapeInput = 64;

bool CanBeFixed(const Value* value) {
  if (!value->type.IsTensor()) return false;
  if (!IsInteger(value->type.dtype) && value->type.dtype != DType::kBool) return false;
  if (!value->type.ranked) return true;
  int64_t elements = 1;
  for (const Dim& dim : value->type.dims) elements = SaturatingMul(elements, dim.known() ? dim.lo : 1);
  return elements <= kMaxShapeInput;
}

// Marks the inputs that `value` is computed from, going back through nodes of integers.
void MarkSources(const Value* value, std::unordered_set<const Value*>* seen,
                 std::vector<const Value*>* inputs) {
  std::vector<const Value*> work = {value};
  while (!work.empty()) {
    const Value* at = work.back();
    work.pop_back();
    if (at == nullptr || at->IsConstant() || !seen->insert(at).second) continue;
    if (at->IsGraphInput() && at->graph()->parent() == nullptr) inputs->push_back(at);
    const Node* producer = at->producer();
    if (producer == nullptr || producer->Is("Shape") || producer->Is("Size")) continue;
    for (const Value* input : producer->inputs()) work.push_back(input);
  }
}

void CollectShapeInputs(const Graph& graph, std::unordered_set<const Value*>* seen,
                        std::vector<const Value*>* inputs) {
  for (const auto& node : graph.nodes()) {
    for (size_t i = 0; i < node->inputs().size(); ++i) {
      if ((node->op().value_inputs >> std::min<size_t>(i, 31) & 1u) != 0)
        MarkSources(node->input(i), seen, inputs);
    }
    for (const auto& subgraph : node->subgraphs) CollectShapeInputs(*subgraph, seen, inputs);
  }
}

}  // namespace

std::vector<std::string> ShapeInputs(const Graph& graph) {
  std::unordered_set<const Value*> seen;
  std::vector<const Value*> inputs;
  CollectShapeInputs(graph, &seen, &inputs);
  std::vector<std::string> names;
  for (const Value* input : graph.inputs()) {
    const bool state = std::any_of(graph.states.begin(), graph.states.end(),
                                   [&](const State& s) { return s.input == input; });
    if (!state && CanBeFixed(input) && std::find(inputs.begin(), inputs.end(), input) != inputs.end()) {
      names.push_back(input->name());
    }
  }
  return names;
}

namespace {

// Passes and plans know tensors of numbers only.
Status CheckPlannable(const Graph& graph) {
  for (const Value* value : graph.values()) {
    if (value->type.IsTensor() && value->type.dtype != DType::kString) continue;
    return Error(Code::kUnsupported, "value '%s' is %s; plans are made of tensors of numbers only",
                 value->name().c_str(), ToString(value->type).c_str());
  }
  for (const auto& node : graph.nodes()) {
    for (const auto& subgraph : node->subgraphs) WHET_RETURN_IF_ERROR(CheckPlannable(*subgraph));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Graph>> Optimize(const Graph& graph, const CompileOptions& options) {
  WHET_RETURN_IF_ERROR(CheckPlannable(graph));
  std::unique_ptr<Graph> copy = graph.Clone();
  WHET_RETURN_IF_ERROR(FixValues(*copy, options.values));
  WHET_RETURN_IF_ERROR(BindShapes(*copy, options.shapes));
  const PassOptions pass_options{options.disabled_passes, true, options.pass_reports};
  WHET_RETURN_IF_ERROR(RunPasses(*copy, OptimizationPasses(), pass_options));
  return copy;
}

Result<std::shared_ptr<const Plan>> Compile(const Graph& graph, const CompileOptions& options) {
  if (!IsaSupported(options.isa)) {
    return Error(Code::kInvalidArgument, "this CPU does not have %s; the best it has is %s",
                 std::string(IsaName(options.isa)).c_str(), std::string(IsaName(BestIsa())).c_str());
  }
  WHET_ASSIGN_OR_RETURN(std::unique_ptr<Graph> optimized, Optimize(graph, options));
  WHET_RETURN_IF_ERROR(SeparateOutputs(*optimized));
  Lowering lowering(options.isa);
  WHET_RETURN_IF_ERROR(lowering.LowerGraph(*optimized));
  return lowering.Finish(options.model_id);
}

}  // namespace whet
