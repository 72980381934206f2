#include "ir/infer.h"

#include <algorithm>
#include <cstring>

namespace whet {

bool InferContext::IntValues(size_t i, std::vector<int64_t>* values) const {
  const TensorView* view = InputValue(i);
  if (view == nullptr) return false;
  const int64_t count = view->elements();
  values->clear();
  values->reserve(static_cast<size_t>(count));
  const auto append = [&]<typename T>(const T* data) {
    for (int64_t k = 0; k < count; ++k) values->push_back(static_cast<int64_t>(data[k]));
    return true;
  };
  switch (view->dtype) {
    case DType::kI64: return append(view->as<int64_t>());
    case DType::kU64: return append(view->as<uint64_t>());
    case DType::kI32: return append(view->as<int32_t>());
    case DType::kU32: return append(view->as<uint32_t>());
    case DType::kI16: return append(view->as<int16_t>());
    case DType::kU16: return append(view->as<uint16_t>());
    case DType::kI8: return append(view->as<int8_t>());
    case DType::kU8:
    case DType::kBool: return append(view->as<uint8_t>());
    default: return false;
  }
}

namespace {

// Intersects what is known. An error if the two can't both be true.
Status Refine(const Type& declared, Type* inferred) {
  if (declared.form != inferred->form && declared.dtype != DType::kUndefined) {
    return Error(Code::kBadFile, "the output is declared %s but the operator gives %s",
                 ToString(declared).c_str(), ToString(*inferred).c_str());
  }
  if (declared.dtype != DType::kUndefined && inferred->dtype != declared.dtype) {
    return Error(Code::kBadFile, "the element type is declared %s but the operator gives %s",
                 std::string(DTypeName(declared.dtype)).c_str(),
                 std::string(DTypeName(inferred->dtype)).c_str());
  }
  if (!declared.ranked) return {};
  if (!inferred->ranked) {
    *inferred = declared;
    return {};
  }
  if (declared.rank() != inferred->rank()) {
    return Error(Code::kBadFile, "the output is declared %s but the operator gives %s",
                 ToString(declared).c_str(), ToString(*inferred).c_str());
  }
  for (size_t i = 0; i < declared.dims.size(); ++i) {
    const Dim& old = declared.dims[i];
    Dim& dim = inferred->dims[i];
    if (dim.known() && !old.known() && dim.lo >= old.lo && dim.lo <= old.hi) continue;
    const int64_t lo = std::max(dim.lo, old.lo);
    const int64_t hi = std::min(dim.hi, old.hi);
    if (lo > hi) {
      return Error(Code::kBadFile, "the output is declared %s but the operator gives %s",
                   ToString(declared).c_str(), ToString(*inferred).c_str());
    }
    dim.lo = lo;
    dim.hi = hi;
    if (dim.symbol.empty()) dim.symbol = old.symbol;
    if (dim.known()) dim.symbol.clear();
  }
  return {};
}

Status InferSubgraphTypes(Graph& graph, std::span<const Type> inputs) {
  if (inputs.size() != graph.inputs().size()) {
    return Error(Code::kBadFile, "subgraph '%s' takes %zu inputs but is given %zu", graph.name().c_str(),
                 graph.inputs().size(), inputs.size());
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    Type& type = graph.inputs()[i]->type;
    // What a body takes as optional stays so: another iteration may give it nothing.
    const bool optional = (type.form == Form::kOptionalTensor && inputs[i].form == Form::kTensor) ||
                          (type.form == Form::kOptionalSequence && inputs[i].form == Form::kSequence);
    type = inputs[i].As(optional ? type.form : inputs[i].form);
  }
  return InferGraph(graph);
}

class NodeInferContext final : public InferContext {
 public:
  NodeInferContext(const Node& node, std::span<const Type* const> inputs,
                   std::span<const TensorView* const> values, std::span<Type> outputs)
      : InferContext(node.attributes, inputs, outputs), node_(node), values_(values) {}

  const TensorView* InputValue(size_t i) const override { return i < values_.size() ? values_[i] : nullptr; }

  Result<std::vector<Type>> InferSubgraph(size_t subgraph, std::span<const Type> inputs) override {
    if (subgraph >= node_.subgraphs.size()) return Error(Code::kBadFile, "subgraph %zu is missing", subgraph);
    Graph& graph = *node_.subgraphs[subgraph];
    WHET_RETURN_IF_ERROR(InferSubgraphTypes(graph, inputs));
    std::vector<Type> types;
    for (const Value* output : graph.outputs()) types.push_back(output->type);
    return types;
  }

 private:
  const Node& node_;
  std::span<const TensorView* const> values_;
};

std::string NodePlace(const Node& node) {
  return "node '" + node.name() + "' (" + std::string(node.op_name()) + ")";
}

// So that operators need not ask for what only some of them can do.
Status CheckKinds(const OpDef& op, std::span<const Type* const> inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr) continue;
    if (!inputs[i]->IsTensor() && !op.takes_sequences) {
      return Error(Code::kBadFile, "input %zu is %s; the operator takes tensors", i,
                   ToString(*inputs[i]).c_str());
    }
    if (inputs[i]->dtype == DType::kString && !op.takes_strings) {
      return Error(Code::kUnsupported, "input %zu is %s; the operator takes numbers only", i,
                   ToString(*inputs[i]).c_str());
    }
  }
  return {};
}

// So that `infer` and the reference may use them unasked. Operators with subgraphs see to theirs themselves.
Status CheckInputs(const OpDef& op, std::span<const Type* const> inputs) {
  if (op.subgraphs > 0) return {};
  const auto least = static_cast<size_t>(op.min_inputs);
  const size_t needed = op.max_inputs < 0 ? std::max(inputs.size(), least) : least;
  for (size_t i = 0; i < needed; ++i) {
    if (i >= inputs.size() || inputs[i] == nullptr) {
      return Error(Code::kBadFile, "input %zu is missing; the operator cannot do without", i);
    }
  }
  return {};
}

Status CheckOutputs(const OpDef& op, std::span<Type> types) {
  for (Type& type : types) {
    if (type.dtype == DType::kString && !op.takes_strings) {
      return Error(Code::kUnsupported, "an output would be %s; the operator gives numbers only",
                   ToString(type).c_str());
    }
    if (type.ranked && type.rank() > kMaxRank) {
      return Error(Code::kUnsupported, "an output has %d dimensions; at most %d are supported", type.rank(),
                   kMaxRank);
    }
    for (Dim& dim : type.dims) {
      // Constants of a file can say anything.
      if (dim.lo < 0 || dim.lo >= Dim::kUnbounded || dim.lo > dim.hi) {
        return Error(Code::kBadFile, "an output has a dimension of impossible size");
      }
      dim.hi = std::min(dim.hi, Dim::kUnbounded);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<Type>> InferTypes(const Node& node, std::span<const Type* const> inputs,
                                     std::span<const TensorView* const> values) {
  std::vector<Type> outputs(node.outputs().size());
  NodeInferContext context(node, inputs, values, outputs);
  if (node.op().infer == nullptr) {
    return Error(Code::kInternal, "operator %s has no shape inference", std::string(node.op_name()).c_str());
  }
  Status status = CheckKinds(node.op(), inputs);
  if (status.ok()) status = CheckInputs(node.op(), inputs);
  if (status.ok()) status = node.op().infer(context);
  if (status.ok()) status = CheckOutputs(node.op(), outputs);
  if (!status.ok()) return std::move(status).At(NodePlace(node));
  return outputs;
}

Status InferNode(Node& node) {
  std::vector<const Type*> types;
  std::vector<const TensorView*> values;
  for (const Value* input : node.inputs()) {
    types.push_back(input ? &input->type : nullptr);
    values.push_back(input && input->IsConstant() ? &input->constant()->view() : nullptr);
  }
  WHET_ASSIGN_OR_RETURN(std::vector<Type> outputs, InferTypes(node, types, values));
  for (size_t i = 0; i < outputs.size(); ++i) {
    Value* value = node.output(i);
    Status status = Refine(value->type, &outputs[i]);
    if (!status.ok()) return std::move(status).At(NodePlace(node) + ": output '" + value->name() + "'");
    value->type = std::move(outputs[i]);
  }
  return {};
}

Status InferGraph(Graph& graph) {
  for (const auto& node : graph.nodes()) WHET_RETURN_IF_ERROR(InferNode(*node));
  return {};
}

Status BindShapes(Graph& graph, const std::map<std::string, Shape>& shapes) {
  std::map<std::string, int64_t> symbols;
  for (const auto& [name, shape] : shapes) {
    Value* input = graph.FindValue(name);
    if (input == nullptr || !input->IsGraphInput()) {
      std::string known;
      for (const Value* value : graph.inputs()) known += (known.empty() ? "'" : ", '") + value->name() + "'";
      return Error(Code::kInvalidArgument, "the model has no input '%s'; its inputs are %s", name.c_str(),
                   known.c_str());
    }
    if (!input->type.IsTensor()) {
      return Error(Code::kInvalidArgument, "input '%s' is %s; only tensors can be given a shape",
                   name.c_str(), ToString(input->type).c_str());
    }
    const auto contradiction = [&] {
      return Error(Code::kInvalidArgument, "input '%s' is %s in the model, which %s does not fit",
                   name.c_str(), ToString(input->type).c_str(), shape.ToString().c_str());
    };
    if (input->type.ranked && input->type.rank() != shape.rank()) return contradiction();
    for (int i = 0; i < shape.rank() && input->type.ranked; ++i) {
      const Dim& dim = input->type.dims[static_cast<size_t>(i)];
      if (shape[i] < dim.lo || shape[i] > dim.hi) return contradiction();
      if (dim.symbol.empty()) continue;
      const auto [it, is_new] = symbols.emplace(dim.symbol, shape[i]);
      if (!is_new && it->second != shape[i]) {
        return Error(Code::kInvalidArgument,
                     "dimension '%s' is %lld in one input and %lld in input '%s'; it must be one size",
                     dim.symbol.c_str(), static_cast<long long>(it->second), static_cast<long long>(shape[i]),
                     name.c_str());
      }
    }
    input->type = Type::Of(input->type.dtype, shape.dims());
  }
  // A symbol that one input fixes is fixed in all.
  for (Value* input : graph.inputs()) {
    for (Dim& dim : input->type.dims) {
      if (const auto it = symbols.find(dim.symbol); !dim.symbol.empty() && it != symbols.end())
        dim = Dim(it->second);
    }
  }
  return InferGraph(graph);
}

}  // namespace whet
