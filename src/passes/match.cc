#include "passes/match.h"

#include <algorithm>
#include <cmath>

#include "ir/op_def.h"

namespace whet {

Node* ProducerIs(const Value* value, std::string_view op) {
  Node* producer = value != nullptr ? value->producer() : nullptr;
  return producer != nullptr && producer->Is(op) ? producer : nullptr;
}

Node* OnlyReader(const Value* value) {
  if (value->uses().size() != 1 || value->graph()->IsLive(value)) return nullptr;
  Node* reader = value->uses()[0].node;
  return reader->graph() == value->graph() ? reader : nullptr;
}

std::optional<double> ScalarOf(const Value* value) {
  if (value == nullptr || !value->IsConstant() || value->constant()->view().elements() != 1)
    return std::nullopt;
  const TensorView& view = value->constant()->view();
  switch (view.dtype) {
    case DType::kF32: return static_cast<double>(*view.as<float>());
    case DType::kF64: return *view.as<double>();
    case DType::kF16: return static_cast<double>(F16ToF32(*view.as<uint16_t>()));
    case DType::kBF16: return static_cast<double>(BF16ToF32(*view.as<uint16_t>()));
    default: return std::nullopt;
  }
}

bool IsScalar(const Value* value, double expected) {
  const auto scalar = ScalarOf(value);
  return scalar && std::fabs(*scalar - expected) <= 1e-6 * std::fabs(expected);
}

std::vector<int64_t> IntsOf(const Value* value) {
  std::vector<int64_t> ints;
  if (value == nullptr || !value->IsConstant()) return ints;
  const TensorView& view = value->constant()->view();
  for (int64_t i = 0; i < view.elements(); ++i) {
    if (view.dtype == DType::kI64) ints.push_back(view.as<int64_t>()[i]);
    if (view.dtype == DType::kI32) ints.push_back(view.as<int32_t>()[i]);
  }
  return ints;
}

void RemoveIfDead(Graph& graph, Node* node) {
  // A producer of two dead nodes is met twice.
  std::vector<Node*> work = {node}, removed;
  while (!work.empty()) {
    Node* next = work.back();
    work.pop_back();
    if (std::find(removed.begin(), removed.end(), next) != removed.end() || next->graph() != &graph) continue;
    const auto outputs = next->outputs();
    if (std::any_of(outputs.begin(), outputs.end(), [&](const Value* output) {
          return output != nullptr && (!output->uses().empty() || graph.IsLive(output));
        })) {
      continue;
    }
    for (const Value* input : next->inputs()) {
      if (input != nullptr && input->producer() != nullptr) work.push_back(input->producer());
    }
    graph.RemoveNode(next);
    removed.push_back(next);
  }
}

void Replace(Graph& graph, Value* from, Value* to) {
  const bool is_output = graph.IsOutput(from);
  const std::string name = from->name();
  const bool renames = is_output && !to->IsGraphInput() && !graph.IsOutput(to);
  Node* producer = from->producer();
  graph.ReplaceAllUses(from, to);
  if (producer != nullptr) RemoveIfDead(graph, producer);
  if (renames) graph.Rename(to, name);
}

namespace {

Result<int> RewriteIn(Graph& graph, Result<bool> (*rewrite)(Graph&, Node&)) {
  int changes = 0;
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node* node = it->get();
    ++it;
    for (const auto& subgraph : node->subgraphs) {
      WHET_ASSIGN_OR_RETURN(const int inner, RewriteIn(*subgraph, rewrite));
      changes += inner;
    }
    WHET_ASSIGN_OR_RETURN(const bool changed, rewrite(graph, *node));
    changes += changed ? 1 : 0;
  }
  return changes;
}

}  // namespace

Result<int> RewriteNodes(Graph& graph, Result<bool> (*rewrite)(Graph& graph, Node& node)) {
  return RewriteIn(graph, rewrite);
}

}  // namespace whet
