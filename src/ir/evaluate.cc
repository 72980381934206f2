#include "ir/evaluate.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "ir/infer.h"
#include "ir/op_def.h"

namespace whet {
namespace {

class EvaluateContext final : public ReferenceContext {
 public:
  EvaluateContext(const Node& node, std::span<const TensorView> inputs, std::span<TensorView> outputs,
                  std::span<std::shared_ptr<Constant>> tensors, uint64_t max_bytes)
      : ReferenceContext(node.attributes, inputs, outputs), tensors_(tensors), max_bytes_(max_bytes) {}
  ~EvaluateContext() override {
    for (void* memory : scratch_) std::free(memory);
  }

  Status SetOutputShape(size_t i, const Shape& shape) override {
    WHET_ASSIGN_OR_RETURN(tensors_[i], AllocateTensor(outputs_[i].dtype, shape, max_bytes_));
    outputs_[i] = tensors_[i]->view();
    return {};
  }

  void* Scratch(size_t bytes) override {
    void* memory = std::aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (memory == nullptr) throw std::bad_alloc();
    scratch_.push_back(memory);
    return memory;
  }

  static Result<std::shared_ptr<Constant>> AllocateTensor(DType dtype, const Shape& shape,
                                                          uint64_t max_bytes) {
    // A dimension beside one of size 0 takes no memory, but references loop over it all the same.
    Shape counted = shape;
    for (int i = 0; i < shape.rank(); ++i) counted[i] = shape[i] == 0 ? 1 : shape[i];
    const int64_t elements = CheckedElementCount(counted.dims());
    if (elements < 0 || BytesOf(dtype, static_cast<uint64_t>(elements)) > max_bytes) {
      return Error(Code::kLimitExceeded, "a tensor of %s elements is larger than the limit of %llu bytes",
                   shape.ToString().c_str(), static_cast<unsigned long long>(max_bytes));
    }
    auto tensor = Constant::Allocate(dtype, shape);
    // Never strings of memory that is no string.
    if (dtype == DType::kString) std::memset(tensor->mutable_data(), 0, tensor->bytes());
    return tensor;
  }

 private:
  std::span<std::shared_ptr<Constant>> tensors_;
  uint64_t max_bytes_;
  std::vector<void*> scratch_;
};

Result<TensorPtr> OwnStrings(const Constant& tensor, uint64_t max_bytes) {
  uint64_t total = 0;
  for (const std::string_view string : tensor.strings()) {
    total += string.size();
    if (total <= max_bytes) continue;
    return Error(Code::kLimitExceeded, "the strings of a tensor are longer than the limit of %llu bytes",
                 static_cast<unsigned long long>(max_bytes));
  }
  return Constant::Strings(tensor.shape(), tensor.strings());
}

// A subgraph that gives out a value of a graph around it makes no use of it that Value::uses would list.
void KeepOutputs(const Graph& subgraph, std::unordered_map<const Value*, size_t>* remaining) {
  for (const Value* output : subgraph.outputs()) {
    if (const auto it = remaining->find(output); it != remaining->end()) ++it->second;
  }
  for (const auto& node : subgraph.nodes()) {
    for (const auto& inner : node->subgraphs) KeepOutputs(*inner, remaining);
  }
}

std::string NodePlace(const Node& node) {
  return "node '" + node.name() + "' (" + std::string(node.op_name()) + ")";
}

}  // namespace

Result<std::vector<TensorPtr>> EvaluateNode(const Node& node, std::span<const TensorPtr> inputs,
                                            const EvaluateOptions& options) {
  if (node.op().reference == nullptr) {
    return Error(Code::kUnsupported, "operator %s cannot be evaluated by itself",
                 std::string(node.op_name()).c_str());
  }
  std::vector<TensorView> views;
  std::vector<Type> types;
  std::vector<const Type*> type_pointers;
  std::vector<const TensorView*> values;
  types.reserve(inputs.size());
  for (const TensorPtr& input : inputs) {
    views.push_back(input ? input->view() : TensorView{});
    types.push_back(input ? Type::Of(input->dtype(), input->shape().dims()) : Type());
    type_pointers.push_back(input ? &types.back() : nullptr);
    values.push_back(input ? &input->view() : nullptr);
  }
  WHET_ASSIGN_OR_RETURN(std::vector<Type> output_types, InferTypes(node, type_pointers, values));
  std::vector<std::shared_ptr<Constant>> tensors(output_types.size());
  std::vector<TensorView> output_views(output_types.size());
  for (size_t i = 0; i < output_types.size(); ++i) {
    if (node.output(i) == nullptr) continue;
    output_views[i].dtype = output_types[i].dtype;
    if (!output_types[i].IsStatic()) {
      if (node.op().data_dependent_shape) continue;  // the reference calls SetOutputShape
      return Error(Code::kBadFile, "the shape of output %zu cannot be found: it is %s", i,
                   ToString(output_types[i]).c_str())
          .At(NodePlace(node));
    }
    auto tensor = EvaluateContext::AllocateTensor(output_types[i].dtype, output_types[i].ToShape(),
                                                  options.max_tensor_bytes);
    if (!tensor.ok()) return tensor.TakeStatus().At(NodePlace(node));
    tensors[i] = *tensor;
    output_views[i] = tensors[i]->view();
  }
  EvaluateContext context(node, views, output_views, tensors, options.max_tensor_bytes);
  Status status = node.op().reference(context);
  if (!status.ok()) return std::move(status).At(NodePlace(node));
  std::vector<TensorPtr> outputs;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (node.output(i) != nullptr && tensors[i] == nullptr) {
      return Error(Code::kInternal, "the reference did not set the shape of output %zu", i)
          .At(NodePlace(node));
    }
    if (tensors[i] == nullptr || tensors[i]->dtype() != DType::kString) {
      outputs.push_back(tensors[i]);
      continue;
    }
    // The characters are still the inputs', the attributes' or in scratch memory.
    auto owned = OwnStrings(*tensors[i], options.max_tensor_bytes);
    if (!owned.ok()) return owned.TakeStatus().At(NodePlace(node));
    outputs.push_back(std::move(*owned));
  }
  return outputs;
}

std::string ToString(const Datum& datum) {
  const auto type_of = [](const TensorPtr& tensor) {
    return Type::Of(tensor->dtype(), tensor->shape().dims());
  };
  if (datum.empty()) return "nothing";
  if (!datum.IsSequence()) return ToString(type_of(datum.tensor()));
  const std::vector<TensorPtr>& elements = datum.elements();
  if (elements.empty()) return "an empty sequence";
  Type type = type_of(elements[0]);
  for (const TensorPtr& element : elements) {
    if (element->shape() != elements[0]->shape()) type = Type::Unranked(type.dtype);
  }
  return Format("%s of %zu", ToString(type.As(Form::kSequence)).c_str(), elements.size());
}

bool Fits(const Datum& datum, const Type& type) {
  const auto fits = [&](const TensorPtr& tensor) {
    if (type.dtype != DType::kUndefined && type.dtype != tensor->dtype()) return false;
    if (!type.ranked) return true;
    if (type.rank() != tensor->shape().rank()) return false;
    for (int d = 0; d < type.rank(); ++d) {
      const Dim& dim = type.dims[static_cast<size_t>(d)];
      if (tensor->shape()[d] < dim.lo || tensor->shape()[d] > dim.hi) return false;
    }
    return true;
  };
  if (datum.empty()) return type.IsOptional();
  const bool sequence = type.form == Form::kSequence || type.form == Form::kOptionalSequence;
  if (datum.IsSequence() != sequence) return false;
  return sequence ? std::all_of(datum.elements().begin(), datum.elements().end(), fits)
                  : fits(datum.tensor());
}

const Datum* GraphEvaluator::Find(const Value* value) const {
  for (const GraphEvaluator* at = this; at != nullptr; at = at->outer_) {
    if (const auto it = at->values_.find(value); it != at->values_.end()) return &it->second;
  }
  return nullptr;
}

Datum GraphEvaluator::InputDatum(const Node& node, size_t i) const {
  const Value* value = node.input(i);
  if (value == nullptr) return {};
  if (value->IsConstant()) return value->constant();
  const Datum* datum = Find(value);
  return datum != nullptr ? *datum : Datum();
}

void GraphEvaluator::SetOutput(const Node& node, size_t i, Datum datum) {
  if (node.output(i) != nullptr) values_[node.output(i)] = std::move(datum);
}

Status GraphEvaluator::CountIteration() {
  GraphEvaluator* root = this;
  while (root->outer_ != nullptr) root = root->outer_;
  if (++root->iterations_ > options_.max_iterations) {
    return Error(Code::kLimitExceeded, "loops ran more than %lld iterations in one run",
                 static_cast<long long>(options_.max_iterations));
  }
  return {};
}

Result<std::vector<Datum>> GraphEvaluator::RunSubgraph(const Graph& graph, std::span<const Datum> inputs) {
  EvaluateOptions options = options_;
  options.observe = nullptr;
  GraphEvaluator inner(options, this);
  return inner.RunAny(graph, inputs);
}

Status GraphEvaluator::RunNode(const Node& node) {
  for (const Value* input : node.inputs()) {
    if (input == nullptr || input->IsConstant() || Find(input) != nullptr) continue;
    return Error(Code::kInternal, "value '%s' has not been computed", input->name().c_str())
        .At(NodePlace(node));
  }
  if (node.op().evaluate != nullptr) {
    Status status = node.op().evaluate(node, *this);
    return status.ok() ? std::move(status) : std::move(status).At(NodePlace(node));
  }
  std::vector<TensorPtr> inputs;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    inputs.push_back(Input(node, i));
    if (node.input(i) != nullptr && inputs.back() == nullptr) {
      return Error(Code::kInvalidArgument, "input %zu must be a tensor but is %s", i,
                   ToString(InputDatum(node, i)).c_str())
          .At(NodePlace(node));
    }
  }
  WHET_ASSIGN_OR_RETURN(std::vector<TensorPtr> outputs, EvaluateNode(node, inputs, options_));
  for (size_t i = 0; i < outputs.size(); ++i) SetOutput(node, i, std::move(outputs[i]));
  return {};
}

Result<std::vector<TensorPtr>> GraphEvaluator::Run(const Graph& graph, std::span<const TensorPtr> inputs) {
  const std::vector<Datum> given(inputs.begin(), inputs.end());
  WHET_ASSIGN_OR_RETURN(const std::vector<Datum> results, RunAny(graph, given));
  std::vector<TensorPtr> outputs;
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].tensor() == nullptr) {
      return Error(Code::kUnsupported, "output '%s' is %s where only tensors can be given out",
                   graph.outputs()[i]->name().c_str(), ToString(graph.outputs()[i]->type).c_str());
    }
    outputs.push_back(results[i].tensor());
  }
  return outputs;
}

Result<std::vector<Datum>> GraphEvaluator::RunAny(const Graph& graph, std::span<const Datum> inputs) {
  if (inputs.size() != graph.inputs().size()) {
    return Error(Code::kInvalidArgument, "graph '%s' takes %zu inputs but is given %zu", graph.name().c_str(),
                 graph.inputs().size(), inputs.size());
  }
  const auto observe = [&](const Value& value) {
    if (options_.observe == nullptr) return;
    const TensorPtr& tensor = values_[&value].tensor();
    if (tensor != nullptr) options_.observe(options_.observe_context, value, tensor);
  };
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Value* value = graph.inputs()[i];
    if (!Fits(inputs[i], value->type)) {
      return Error(Code::kInvalidArgument, "input '%s' must be %s but is %s", value->name().c_str(),
                   ToString(value->type).c_str(), ToString(inputs[i]).c_str());
    }
    values_[value] = inputs[i];
    observe(*value);
  }
  // A value is dropped after its last reader, so that memory stays near the peak of a planned run. What
  // subgraphs read or give out stays.
  std::unordered_map<const Value*, size_t> remaining;
  for (const auto& node : graph.nodes()) {
    for (const Value* output : node->outputs()) {
      if (output != nullptr) remaining[output] = output->uses().size() + (graph.IsOutput(output) ? 1 : 0);
    }
  }
  for (const auto& node : graph.nodes()) {
    for (const auto& subgraph : node->subgraphs) KeepOutputs(*subgraph, &remaining);
  }
  for (const auto& node : graph.nodes()) {
    WHET_RETURN_IF_ERROR(RunNode(*node));
    for (const Value* output : node->outputs()) {
      if (output != nullptr) observe(*output);
    }
    for (const Value* input : node->inputs()) {
      const auto it = remaining.find(input);
      if (it != remaining.end() && --it->second == 0) values_.erase(input);
    }
  }
  std::vector<Datum> outputs;
  for (const Value* output : graph.outputs()) {
    if (output->IsConstant()) {
      outputs.emplace_back(output->constant());
      continue;
    }
    const Datum* datum = Find(output);
    if (datum == nullptr)
      return Error(Code::kInternal, "output '%s' has not been computed", output->name().c_str());
    outputs.push_back(*datum);
  }
  return outputs;
}

}  // namespace whet
