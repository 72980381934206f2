#include "ir/verify.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "ir/infer.h"
#include "ir/op_def.h"

namespace whet {
namespace {

// Something could be of both types.
bool Compatible(const Type& a, const Type& b) {
  if (a.dtype != b.dtype && a.dtype != DType::kUndefined && b.dtype != DType::kUndefined) return false;
  if (a.form != b.form && a.dtype != DType::kUndefined && b.dtype != DType::kUndefined) return false;
  if (!a.ranked || !b.ranked) return true;
  if (a.rank() != b.rank()) return false;
  for (size_t i = 0; i < a.dims.size(); ++i) {
    if (std::max(a.dims[i].lo, b.dims[i].lo) > std::min(a.dims[i].hi, b.dims[i].hi)) return false;
  }
  return true;
}

class Verifier {
 public:
  Status Check(const Graph& graph) {
    WHET_RETURN_IF_ERROR(CheckValues(graph));
    for (const Value* value : graph.values()) {
      if (value->producer() == nullptr) visible_.insert(value);
    }
    for (const auto& node : graph.nodes()) {
      Status status = CheckNode(graph, *node);
      if (!status.ok()) {
        return std::move(status).At("node '" + node->name() + "' (" + std::string(node->op_name()) + ")");
      }
      for (const Value* output : node->outputs()) visible_.insert(output);
    }
    for (const Value* output : graph.outputs()) {
      if (output == nullptr || !visible_.contains(output)) {
        return Error(Code::kInternal, "graph '%s' gives out a value that it does not see",
                     graph.name().c_str());
      }
    }
    WHET_RETURN_IF_ERROR(CheckStates(graph));
    // What stands in a graph is not seen outside of it.
    for (const Value* value : graph.values()) visible_.erase(value);
    return {};
  }

  // After all graphs: each value lists exactly the uses that nodes make of it.
  Status CheckUses() const {
    static const std::set<std::pair<const Node*, int>> kNone;
    for (const Value* value : values_) {
      const auto it = uses_.find(value);
      const auto& made = it != uses_.end() ? it->second : kNone;
      std::set<std::pair<const Node*, int>> listed;
      for (const Use& use : value->uses()) listed.insert({use.node, use.input});
      if (listed != made || value->uses().size() != made.size()) {
        return Error(Code::kInternal,
                     "value '%s' lists %zu uses, which are not the %zu that nodes make of it",
                     value->name().c_str(), value->uses().size(), made.size());
      }
    }
    return {};
  }

 private:
  Status CheckValues(const Graph& graph) {
    const std::unordered_set<const Value*> inputs(graph.inputs().begin(), graph.inputs().end());
    for (const Value* value : graph.values()) {
      const std::string& name = value->name();
      const auto broken = [&](const char* what) {
        return Error(Code::kInternal, "value '%s' %s", name.c_str(), what);
      };
      if (name.empty()) return broken("has no name");
      if (!names_.insert(name).second) return broken("has the name of another value");
      if (value->graph() != &graph || graph.FindValue(name) != value)
        return broken("is not found by its name");
      const bool is_input = inputs.contains(value);
      if (is_input != value->IsGraphInput()) return broken("is an input without being listed as one");
      if (int{is_input} + int{value->IsConstant()} + int{value->producer() != nullptr} != 1) {
        return broken("must be exactly one of an input, a constant and a node's output");
      }
      if (value->type.ranked ? value->type.rank() > kMaxRank : !value->type.dims.empty()) {
        return broken("has more dimensions than there may be");
      }
      for (const Dim& dim : value->type.dims) {
        if (dim.lo < 0 || dim.lo > dim.hi) return broken("has a dimension without a possible size");
      }
      if (value->IsConstant()) {
        const TensorView& view = value->constant()->view();
        if (value->type.dtype != view.dtype || !value->type.IsStatic() ||
            value->type.ToShape() != view.shape) {
          return broken("is a constant of another type");
        }
        if (view.data == nullptr && view.bytes() > 0) return broken("is a constant without bytes");
      }
      values_.push_back(value);
    }
    return {};
  }

  Status CheckNode(const Graph& graph, const Node& node) {
    const OpDef& op = node.op();
    if (op.infer == nullptr) return Error(Code::kInternal, "the operator is not one of the Graph's");
    if (node.graph() != &graph) return Error(Code::kInternal, "stands in another graph than it says");
    WHET_RETURN_IF_ERROR(CheckOperands(node));
    WHET_RETURN_IF_ERROR(CheckAttributes(node));
    if (node.subgraphs.size() != static_cast<size_t>(op.subgraphs)) {
      return Error(Code::kInternal, "has %zu subgraphs but the operator has %d", node.subgraphs.size(),
                   op.subgraphs);
    }
    for (const auto& subgraph : node.subgraphs) {
      if (subgraph == nullptr || subgraph->parent() != &graph) {
        return Error(Code::kInternal, "a subgraph does not belong to the graph around it");
      }
      WHET_RETURN_IF_ERROR(Check(*subgraph));
    }
    return CheckTypes(node);
  }

  Status CheckOperands(const Node& node) {
    const OpDef& op = node.op();
    const size_t inputs = node.inputs().size();
    const size_t outputs = node.outputs().size();
    if (inputs < static_cast<size_t>(op.min_inputs) ||
        (op.max_inputs >= 0 && inputs > static_cast<size_t>(op.max_inputs))) {
      return Error(Code::kInternal, "has %zu inputs but the operator takes %d to %d", inputs, op.min_inputs,
                   op.max_inputs);
    }
    if (outputs < static_cast<size_t>(op.min_outputs) ||
        (op.max_outputs >= 0 && outputs > static_cast<size_t>(op.max_outputs))) {
      return Error(Code::kInternal, "has %zu outputs but the operator gives %d to %d", outputs,
                   op.min_outputs, op.max_outputs);
    }
    for (size_t i = 0; i < inputs; ++i) {
      const Value* value = node.input(i);
      if (value == nullptr) {
        if (i < static_cast<size_t>(op.min_inputs)) return Error(Code::kInternal, "input %zu is missing", i);
        continue;
      }
      if (!visible_.contains(value)) {
        return Error(Code::kInternal, "input %zu is read before it is computed, or from where it is not seen",
                     i);
      }
      uses_[value].insert({&node, static_cast<int>(i)});
    }
    for (const Value* value : node.outputs()) {
      if (value == nullptr || value->producer() != &node) {
        return Error(Code::kInternal, "an output does not know its producer");
      }
    }
    return {};
  }

  static Status CheckAttributes(const Node& node) {
    const auto defs = node.op().attributes;
    for (const auto& entry : node.attributes) {
      const auto def =
          std::find_if(defs.begin(), defs.end(), [&](const AttributeDef& d) { return d.name == entry.name; });
      if (def == defs.end()) {
        return Error(Code::kInternal, "the operator has no attribute '%s'", entry.name.c_str());
      }
      if (entry.value.index() != static_cast<size_t>(def->kind)) {
        return Error(Code::kInternal, "attribute '%s' must be of kind %s", entry.name.c_str(),
                     std::string(AttributeKindName(def->kind)).c_str());
      }
    }
    for (const AttributeDef& def : defs) {
      if (def.required && !node.attributes.Has(def.name)) {
        return Error(Code::kInternal, "attribute '%s' is missing", std::string(def.name).c_str());
      }
    }
    return {};
  }

  static Status CheckTypes(const Node& node) {
    // Inference of these goes into the subgraphs and writes their types; the nodes within are checked
    // instead.
    if (!node.subgraphs.empty()) return {};
    std::vector<const Type*> types;
    std::vector<const TensorView*> values;
    for (const Value* input : node.inputs()) {
      types.push_back(input ? &input->type : nullptr);
      values.push_back(input && input->IsConstant() ? &input->constant()->view() : nullptr);
    }
    WHET_ASSIGN_OR_RETURN(const std::vector<Type> inferred, InferTypes(node, types, values));
    for (size_t i = 0; i < inferred.size(); ++i) {
      const Value& output = *node.output(i);
      if (!Compatible(inferred[i], output.type)) {
        return Error(Code::kInternal, "output '%s' is %s but the operator gives %s", output.name().c_str(),
                     ToString(output.type).c_str(), ToString(inferred[i]).c_str());
      }
    }
    return {};
  }

  Status CheckStates(const Graph& graph) const {
    if (graph.parent() != nullptr && !graph.states.empty()) {
      return Error(Code::kInternal, "subgraph '%s' has states; only the model has", graph.name().c_str());
    }
    std::set<std::string_view> names;
    for (const State& state : graph.states) {
      const auto broken = [&](const char* what) {
        return Error(Code::kInternal, "state '%s' %s", state.name.c_str(), what);
      };
      if (!names.insert(state.name).second) return broken("has the name of another state");
      if (state.input == nullptr || !state.input->IsGraphInput() || state.input->graph() != &graph) {
        return broken("does not start at an input of the graph");
      }
      if (state.output == nullptr || !visible_.contains(state.output)) {
        return broken("does not end at a value of the graph");
      }
      if (!state.input->type.IsTensor() || state.input->type.dtype == DType::kString) {
        return broken("is not a tensor of numbers");
      }
      if (!Compatible(state.input->type, state.output->type)) return broken("begins and ends with two types");
      if (state.initial != nullptr &&
          !Compatible(Type::Of(state.initial->dtype(), state.initial->shape().dims()), state.input->type)) {
        return broken("has an initial value of another type");
      }
    }
    return {};
  }

  std::unordered_set<const Value*> visible_;
  std::unordered_set<std::string_view> names_;
  std::unordered_map<const Value*, std::set<std::pair<const Node*, int>>> uses_;
  std::vector<const Value*> values_;
};

}  // namespace

Status VerifyGraph(const Graph& graph) {
  Verifier verifier;
  WHET_RETURN_IF_ERROR(verifier.Check(graph));
  return verifier.CheckUses();
}

}  // namespace whet
