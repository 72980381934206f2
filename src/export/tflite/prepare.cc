#include "export/tflite/prepare.h"

#include <algorithm>
#include <vector>

#include "ir/builder.h"
#include "ir/op_def.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"

namespace whet {
namespace {

// No operator takes more rewrites than this to become what TFLite has.
constexpr int kMostRounds = 32;

// `to` takes the place of `from`, and its name where it may.
Status Replace(Graph& graph, Value* from, Value* to, GraphBuilder& builder) {
  const bool is_new =
      to->producer() != nullptr && to->graph() == &graph && to->uses().empty() && !graph.IsLive(to);
  if (!is_new && graph.IsLive(from)) {
    to = builder.Emit("Identity", {to});
    WHET_RETURN_IF_ERROR(builder.TakeStatus());
  }
  const std::string name = from->name();
  graph.ReplaceAllUses(from, to);
  if (!is_new && to->producer() == nullptr) return {};
  if (to->graph() != &graph || (!is_new && !to->producer()->Is("Identity"))) return {};
  graph.Rename(from, name + ":expanded");
  graph.Rename(to, name);
  return {};
}

Status ExpandNode(Graph& graph, Node* node, bool* changed) {
  const TfliteForm& form = SpellingsOf(node->op()).to_tflite;
  if (form.expand == nullptr) return {};
  GraphBuilder builder(graph, node);
  builder.SetNodeName(node->name());
  std::vector<Value*> results;
  WHET_RETURN_IF_ERROR(form.expand(*node, builder, results));
  WHET_RETURN_IF_ERROR(builder.TakeStatus());
  if (results.empty()) return {};
  const std::vector<Value*> outputs(node->outputs().begin(), node->outputs().end());
  for (size_t i = 0; i < outputs.size() && i < results.size(); ++i) {
    if (outputs[i] != nullptr && results[i] != nullptr) {
      WHET_RETURN_IF_ERROR(Replace(graph, outputs[i], results[i], builder));
    }
  }
  graph.RemoveNode(node);
  *changed = true;
  return {};
}

// Copies stand only where a name of the interface needs them.
void RemoveCopies(Graph& graph) {
  for (Node* node : graph.NodeList()) {
    if (!node->Is("Identity") || graph.IsLive(node->output())) continue;
    graph.ReplaceAllUses(node->output(), node->input(0));
    graph.RemoveNode(node);
  }
}

// Weights that are transposed after they were dequantized are transposed before: they are constants then.
Status TransposeStoredWeights(Graph& graph) {
  for (Node* node : graph.NodeList()) {
    Node* widening = node->Is("Transpose") ? node->input(0)->producer() : nullptr;
    if (widening == nullptr || (!widening->Is("DequantizeLinear") && !widening->Is("Cast"))) continue;
    if (!widening->input(0)->IsConstant() || widening->attributes.Int("block_size") != 0) continue;
    if (graph.IsLive(node->output())) continue;
    const auto perm = node->attributes.Ints("perm");
    GraphBuilder builder(graph, node);
    builder.SetNodeName(widening->name());
    std::vector<Value*> inputs(widening->inputs().begin(), widening->inputs().end());
    inputs[0] = builder.Transpose(inputs[0], perm);
    Attributes attributes = widening->attributes;
    if (widening->Is("DequantizeLinear") && widening->input(1)->type.rank() == 1) {
      const int64_t axis = ops::NormalizeAxis(attributes.Int("axis", 1), static_cast<int>(perm.size()));
      attributes.Set("axis", static_cast<int64_t>(std::find(perm.begin(), perm.end(), axis) - perm.begin()));
    }
    Value* weights = builder.Emit(widening->op_name(), inputs, std::move(attributes));
    WHET_RETURN_IF_ERROR(builder.TakeStatus());
    graph.ReplaceAllUses(node->output(), weights);
    graph.RemoveNode(node);
  }
  return {};
}

}  // namespace

Status PrepareForTflite(Graph& graph, TfliteRefusals* refusals) {
  RemoveCopies(graph);
  WHET_RETURN_IF_ERROR(TransposeStoredWeights(graph));
  std::vector<const Node*> refused;
  bool changed = true;
  for (int round = 0; changed; ++round) {
    if (round == kMostRounds) return Error(Code::kInternal, "operators are rewritten without end");
    changed = false;
    for (Node* node : graph.NodeList()) {
      if (std::find(refused.begin(), refused.end(), node) != refused.end()) continue;
      Status status = ExpandNode(graph, node, &changed);
      if (status.ok()) continue;
      if (status.code() != Code::kUnsupported) {
        return std::move(status).At("node '" + node->name() + "' (" + std::string(node->op_name()) + ")");
      }
      refused.push_back(node);
      refusals->Add(*node, std::string(status.what()));
    }
  }
  return PrepareQuantization(graph);
}

}  // namespace whet
