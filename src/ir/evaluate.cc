#include "ir/evaluate.h"

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
    return Constant::Allocate(dtype, shape);
  }

 private:
  std::span<std::shared_ptr<Constant>> tensors_;
  uint64_t max_bytes_;
  std::vector<void*> scratch_;
};

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
    outputs.push_back(tensors[i]);
  }
  return outputs;
}

TensorPtr GraphEvaluator::Get(const Value* value) const {
  if (value->IsConstant()) return value->constant();
  for (const GraphEvaluator* at = this; at != nullptr; at = at->outer_) {
    if (const auto it = at->values_.find(value); it != at->values_.end()) return it->second;
  }
  return nullptr;
}

TensorPtr GraphEvaluator::Input(const Node& node, size_t i) const {
  return node.input(i) == nullptr ? nullptr : Get(node.input(i));
}

void GraphEvaluator::SetOutput(const Node& node, size_t i, TensorPtr tensor) {
  if (node.output(i) != nullptr) values_[node.output(i)] = std::move(tensor);
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

Result<std::vector<TensorPtr>> GraphEvaluator::RunSubgraph(const Graph& graph,
                                                           std::span<const TensorPtr> inputs) {
  EvaluateOptions options = options_;
  options.observe = nullptr;
  GraphEvaluator inner(options, this);
  return inner.Run(graph, inputs);
}

Status GraphEvaluator::RunNode(const Node& node) {
  if (node.op().evaluate != nullptr) {
    Status status = node.op().evaluate(node, *this);
    return status.ok() ? std::move(status) : std::move(status).At(NodePlace(node));
  }
  std::vector<TensorPtr> inputs;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    inputs.push_back(Input(node, i));
    if (node.input(i) != nullptr && inputs.back() == nullptr) {
      return Error(Code::kInternal, "value '%s' has not been computed", node.input(i)->name().c_str())
          .At(NodePlace(node));
    }
  }
  WHET_ASSIGN_OR_RETURN(std::vector<TensorPtr> outputs, EvaluateNode(node, inputs, options_));
  for (size_t i = 0; i < outputs.size(); ++i) SetOutput(node, i, std::move(outputs[i]));
  return {};
}

Result<std::vector<TensorPtr>> GraphEvaluator::Run(const Graph& graph, std::span<const TensorPtr> inputs) {
  if (inputs.size() != graph.inputs().size()) {
    return Error(Code::kInvalidArgument, "graph '%s' takes %zu inputs but is given %zu", graph.name().c_str(),
                 graph.inputs().size(), inputs.size());
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Value* value = graph.inputs()[i];
    const bool dtype_fits = value->type.dtype == DType::kUndefined || value->type.dtype == inputs[i]->dtype();
    bool shape_fits = !value->type.ranked || value->type.rank() == inputs[i]->shape().rank();
    for (int d = 0; shape_fits && value->type.ranked && d < value->type.rank(); ++d) {
      const Dim& dim = value->type.dims[static_cast<size_t>(d)];
      shape_fits = inputs[i]->shape()[d] >= dim.lo && inputs[i]->shape()[d] <= dim.hi;
    }
    if (!dtype_fits || !shape_fits) {
      return Error(Code::kInvalidArgument, "input '%s' must be %s but is %s of %s", value->name().c_str(),
                   ToString(value->type).c_str(), std::string(DTypeName(inputs[i]->dtype())).c_str(),
                   inputs[i]->shape().ToString().c_str());
    }
    values_[value] = inputs[i];
    if (options_.observe) options_.observe(options_.observe_context, *value, inputs[i]);
  }
  // A value is dropped after its last reader, so that memory stays near the peak of a planned run.
  std::unordered_map<const Value*, size_t> remaining;
  for (const auto& node : graph.nodes()) {
    for (const Value* output : node->outputs()) {
      if (output != nullptr) remaining[output] = output->uses().size() + (graph.IsOutput(output) ? 1 : 0);
    }
  }
  for (const auto& node : graph.nodes()) {
    WHET_RETURN_IF_ERROR(RunNode(*node));
    if (options_.observe) {
      for (const Value* output : node->outputs()) {
        if (output != nullptr) options_.observe(options_.observe_context, *output, values_[output]);
      }
    }
    for (const Value* input : node->inputs()) {
      const auto it = remaining.find(input);
      if (it != remaining.end() && --it->second == 0) values_.erase(input);
    }
  }
  std::vector<TensorPtr> outputs;
  for (const Value* output : graph.outputs()) {
    TensorPtr tensor = Get(output);
    if (tensor == nullptr)
      return Error(Code::kInternal, "output '%s' has not been computed", output->name().c_str());
    outputs.push_back(std::move(tensor));
  }
  return outputs;
}

}  // namespace whet
