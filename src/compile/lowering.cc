#include "compile/lowering.h"

#include <algorithm>
#include <cstdlib>

#include "compile/views.h"
#include "ir/op_def.h"
#include "kernels/move/copy.h"

namespace whet {
namespace {

constexpr uint64_t kSlack = 64;  // readable beyond every buffer's end (kernels/kernel.h)

uint64_t AlignUp(uint64_t value) { return (value + 63) / 64 * 64; }

int64_t DenseRowStride(const Shape& shape) { return shape.rank() == 0 ? 1 : shape.back(); }

}  // namespace

// --- tensors

uint32_t Lowering::AddBuffer(Place place, uint32_t index, uint64_t bytes) {
  Buffer buffer;
  buffer.place = place;
  buffer.index = index;
  buffer.bytes = bytes;
  buffers_.push_back(buffer);
  return static_cast<uint32_t>(buffers_.size() - 1);
}

TensorId Lowering::AddTensor(std::string name, DType dtype, const Shape& shape, uint32_t buffer) {
  TensorDraft tensor;
  tensor.name = std::move(name);
  tensor.dtype = dtype;
  tensor.shape = shape;
  tensor.buffer = buffer;
  tensor.row_stride = DenseRowStride(shape);
  tensors_.push_back(std::move(tensor));
  return static_cast<TensorId>(tensors_.size() - 1);
}

TensorId Lowering::TensorOf(const Value* value) {
  if (value->IsConstant()) return ConstantTensor(value);
  if (const auto it = tensor_of_.find(value); it != tensor_of_.end()) return it->second;
  const Shape shape = value->type.ToShape();
  const uint64_t bytes = BytesOf(value->type.dtype, static_cast<uint64_t>(shape.elements()));
  const TensorId id = AddTensor(value->name(), value->type.dtype, shape, AddBuffer(Place::kArena, 0, bytes));
  tensor_of_[value] = id;
  return id;
}

TensorId Lowering::ConstantTensor(const Value* value) {
  const auto [it, is_new] = constants_.emplace(value->constant().get(), kNoTensor);
  if (is_new) {
    const TensorView& view = value->constant()->view();
    void* data = nullptr;
    const TensorId id = Weights(view.dtype, view.shape, &data);
    std::memcpy(data, view.data, view.bytes());
    tensors_[id].name = value->name();
    constants_[value->constant().get()] = id;
    return id;
  }
  return it->second;
}

TensorId Lowering::Weights(DType dtype, const Shape& shape, void** data) {
  const uint64_t bytes = BytesOf(dtype, static_cast<uint64_t>(shape.elements()));
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(64, AlignUp(bytes + 1)));
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, AlignUp(bytes + 1));
  *data = memory;
  weights_.push_back(
      {std::shared_ptr<std::byte>(memory, [](std::byte* p) { std::free(p); }), bytes, weight_bytes_});
  const uint32_t buffer = AddBuffer(Place::kWeights, 0, bytes);
  buffers_[buffer].offset = weight_bytes_;
  weight_bytes_ += AlignUp(bytes);
  return AddTensor({}, dtype, shape, buffer);
}

TensorId Lowering::Temporary(DType dtype, const Shape& shape) {
  const uint64_t bytes = BytesOf(dtype, static_cast<uint64_t>(shape.elements()));
  return AddTensor({}, dtype, shape, AddBuffer(Place::kArena, 0, bytes));
}

TensorId Lowering::Reshaped(TensorId id, const Shape& shape) {
  TensorDraft tensor = tensors_[id];
  tensor.shape = shape;
  tensor.row_stride = DenseRowStride(shape);
  tensors_.push_back(std::move(tensor));
  return static_cast<TensorId>(tensors_.size() - 1);
}

TensorId Lowering::Piece(TensorId whole, const Shape& shape, uint64_t offset) {
  TensorDraft tensor = tensors_[whole];
  tensor.shape = shape;
  tensor.offset = offset;
  tensors_.push_back(std::move(tensor));
  return static_cast<TensorId>(tensors_.size() - 1);
}

TensorId Lowering::DenseInput(const Value* value) {
  const TensorId id = TensorOf(value);
  if (tensors_[id].dense()) return id;
  const TensorId copy = Temporary(value->type.dtype, tensors_[id].shape);
  // The reader's node is not known here; the producer's name serves for profiles.
  if (!AddCopy(*value->producer(), id, copy).ok()) return kNoTensor;
  return copy;
}

TensorId Lowering::DenseOutput(const Value* value) {
  const TensorId id = TensorOf(value);
  return tensors_[id].dense() ? id : Temporary(value->type.dtype, tensors_[id].shape);
}

Status Lowering::FinishOutput(const Value* value, TensorId written) {
  const TensorId id = TensorOf(value);
  return written == id ? OkStatus() : AddCopy(*value->producer(), written, id);
}

// --- steps

void Lowering::Touch(TensorId id) {
  Buffer& buffer = buffers_[tensors_[id].buffer];
  const auto step = static_cast<uint32_t>(steps_.size() - 1);
  buffer.first_step = std::min(buffer.first_step, step);
  buffer.last_step = std::max(buffer.last_step, step);
}

PlanStep& Lowering::AddStep(const Node& node, PlanStep::Kind kind, std::vector<TensorId> operands) {
  PlanStep step;
  step.kind = kind;
  step.node = node.name();
  step.op = std::string(node.op_name());
  step.operands = std::move(operands);
  steps_.push_back(std::move(step));
  for (TensorId id : steps_.back().operands) {
    if (id != kNoTensor) Touch(id);
  }
  return steps_.back();
}

void Lowering::AddKernelBytes(const Node& node, const kernels::Choice& choice,
                              std::span<const std::byte> params, std::vector<TensorId> operands,
                              int64_t macs) {
  PlanStep& step = AddStep(node, PlanStep::Kind::kKernel, std::move(operands));
  step.row = choice.row->name;
  step.params.assign(params.begin(), params.end());
  step.units = choice.units;
  step.scratch_bytes = choice.scratch_bytes;
  step.macs = macs;
}

Status Lowering::AddReference(const Node& node) {
  if (node.op().reference == nullptr) {
    return Error(Code::kUnsupported, "operator %s cannot be compiled", std::string(node.op_name()).c_str());
  }
  std::vector<TensorId> operands;
  for (const Value* input : node.inputs())
    operands.push_back(input == nullptr ? kNoTensor : DenseInput(input));
  std::vector<TensorId> written;
  for (const Value* output : node.outputs()) {
    written.push_back(output == nullptr ? kNoTensor : DenseOutput(output));
    operands.push_back(written.back());
  }
  PlanStep& step = AddStep(node, PlanStep::Kind::kReference, std::move(operands));
  step.row = node.op_name();
  step.attributes = node.attributes;
  step.outputs = static_cast<uint32_t>(written.size());
  step.macs = node.op().macs != nullptr ? node.op().macs(node) : 0;
  for (size_t i = 0; i < written.size(); ++i) {
    if (node.output(i) != nullptr) WHET_RETURN_IF_ERROR(FinishOutput(node.output(i), written[i]));
  }
  return {};
}

Status Lowering::AddCopy(const Node& node, TensorId from, TensorId to) {
  const TensorDraft& source = tensors_[from];
  const TensorDraft& target = tensors_[to];
  if (source.shape.elements() == 0) return {};
  std::vector<int64_t> dims = {source.rows(), source.shape.rank() == 0 ? 1 : source.shape.back()};
  int bytes = BitsOf(source.dtype) / 8;
  if (bytes == 0) {  // packed 4-bit types are dense
    dims = {1, static_cast<int64_t>(BytesOf(source.dtype, static_cast<uint64_t>(source.shape.elements())))};
    bytes = 1;
  }
  const std::vector<int64_t> source_strides = {source.row_stride, 1};
  const std::vector<int64_t> target_strides = {target.row_stride, 1};
  kernels::copy::Params params{};
  kernels::Choice choice{};
  WHET_RETURN_IF_ERROR(
      kernels::copy::Choose(isa_, bytes, dims, target_strides, source_strides, 0, &params, &choice));
  AddKernel(node, choice, params, {to, from});
  return {};
}

void Lowering::MayWriteOver(size_t output, size_t input) {
  const PlanStep& step = steps_.back();
  const TensorDraft& to = tensors_[step.operands[output]];
  const TensorDraft& from = tensors_[step.operands[input]];
  const auto whole = [&](const TensorDraft& tensor) {
    return tensor.offset == 0 && tensor.dense() &&
           BytesOf(tensor.dtype, static_cast<uint64_t>(tensor.shape.elements())) ==
               buffers_[tensor.buffer].bytes;
  };
  if (to.buffer == from.buffer || !whole(to) || !whole(from)) return;
  if (buffers_[to.buffer].bytes != buffers_[from.buffer].bytes) return;
  if (buffers_[to.buffer].may_replace == UINT32_MAX) buffers_[to.buffer].may_replace = from.buffer;
}

// --- values that are views of others

void Lowering::PlaceConcats(const Graph& graph) {
  const std::vector<Node*> nodes = graph.NodeList();
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
    const Node& node = **it;
    if (!node.Is("Concat")) continue;
    const TensorId whole = TensorOf(node.output());
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      const Value* part = node.input(i);
      if (part->producer() == nullptr || part->graph() != &graph || tensor_of_.contains(part)) continue;
      View view;
      if (!ViewOfConcatPart(node, i, tensors_[whole], &view)) continue;
      if (view.strided && !ReadsAndWritesStrided(*part)) continue;
      TensorDraft tensor = tensors_[whole];
      tensor.name = part->name();
      tensor.shape = part->type.ToShape();
      tensor.offset = view.offset;
      tensor.row_stride = view.row_stride;
      tensors_.push_back(std::move(tensor));
      tensor_of_[part] = static_cast<TensorId>(tensors_.size() - 1);
    }
  }
}

bool Lowering::TryAlias(const Node& node) {
  if (IsReshapeLike(node)) {
    const Value* x = node.input(0);
    const Value* y = node.output();
    const TensorId from = TensorOf(x);
    if (const auto it = tensor_of_.find(y); it != tensor_of_.end()) {
      // Placed beforehand: nothing to do if its source was placed there too (PlaceOutputs).
      return tensors_[it->second].buffer == tensors_[from].buffer &&
             tensors_[it->second].offset == tensors_[from].offset;
    }
    if (!tensors_[from].dense()) return false;
    const TensorId id = Reshaped(from, y->type.ToShape());
    tensors_[id].name = y->name();
    tensors_[id].dtype = y->type.dtype;
    tensor_of_[y] = id;
    return true;
  }
  // Slices and splits whose parts are regular pieces of the whole.
  if (!IsSliceLike(node)) return false;
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    const Value* y = node.output(i);
    View view;
    if (y == nullptr) continue;
    if (tensor_of_.contains(y) || !ViewOfSlice(node, i, tensors_[TensorOf(node.input(0))], &view))
      return false;
    if (view.strided && !ReadersTakeStrided(*y)) return false;
  }
  const TensorDraft whole = tensors_[TensorOf(node.input(0))];
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    const Value* y = node.output(i);
    if (y == nullptr) continue;
    View view;
    ViewOfSlice(node, i, whole, &view);
    TensorDraft tensor = whole;
    tensor.name = y->name();
    tensor.shape = y->type.ToShape();
    tensor.offset = view.offset;
    tensor.row_stride = view.row_stride;
    tensors_.push_back(std::move(tensor));
    tensor_of_[y] = static_cast<TensorId>(tensors_.size() - 1);
  }
  return true;
}

// --- graphs

Status Lowering::CheckStatic(const Graph& graph) {
  for (const Value* value : graph.values()) {
    if (value->type.IsStatic()) continue;
    const Node* producer = value->producer();
    if (producer == nullptr) {
      return Error(Code::kInvalidArgument, "input '%s' is %s; give it a shape (--shape %s=…)",
                   value->name().c_str(), ToString(value->type).c_str(), value->name().c_str());
    }
    return Error(Code::kUnsupported,
                 "the shape %s of value '%s' depends on data, so memory cannot be planned for it",
                 ToString(value->type).c_str(), value->name().c_str())
        .At("node '" + producer->name() + "' (" + std::string(producer->op_name()) + ")");
  }
  for (const auto& node : graph.nodes()) {
    for (const auto& subgraph : node->subgraphs) WHET_RETURN_IF_ERROR(CheckStatic(*subgraph));
  }
  return {};
}

Status Lowering::LowerIf(const Node& node) {
  const auto branch = [&](const Graph& graph) -> Status {
    PlaceConcats(graph);
    WHET_RETURN_IF_ERROR(LowerNodes(graph));
    for (size_t i = 0; i < graph.outputs().size(); ++i) {
      if (node.output(i) == nullptr) continue;
      WHET_RETURN_IF_ERROR(AddCopy(node, TensorOf(graph.outputs()[i]), TensorOf(node.output(i))));
    }
    return {};
  };
  const size_t test = steps_.size();
  AddStep(node, PlanStep::Kind::kJumpUnless, {DenseInput(node.input(0))});
  WHET_RETURN_IF_ERROR(branch(*node.subgraphs[0]));
  const size_t skip = steps_.size();
  AddStep(node, PlanStep::Kind::kJump, {});
  steps_[test].target = static_cast<uint32_t>(steps_.size());
  WHET_RETURN_IF_ERROR(branch(*node.subgraphs[1]));
  // The jump goes past the last step, or to a step that follows; either way forward.
  steps_[skip].target = static_cast<uint32_t>(steps_.size());
  return {};
}

Status Lowering::LowerNode(const Node& node) {
  if (node.Is("If")) return LowerIf(node);
  if (TryAlias(node)) return {};
  if (const LowerFn lower = FindLowering(node.op_name()); lower != nullptr) {
    WHET_ASSIGN_OR_RETURN(const bool lowered, lower(node, *this));
    if (lowered) return {};
  }
  return AddReference(node);
}

Status Lowering::LowerNodes(const Graph& graph) {
  for (const auto& node : graph.nodes()) {
    if (Status status = LowerNode(*node); !status.ok()) {
      return std::move(status).At("node '" + node->name() + "' (" + std::string(node->op_name()) + ")");
    }
  }
  return {};
}

Status Lowering::LowerGraph(const Graph& graph) {
  WHET_RETURN_IF_ERROR(CheckStatic(graph));
  const auto bytes_of = [](const Value* value) {
    return BytesOf(value->type.dtype, static_cast<uint64_t>(value->type.ToShape().elements()));
  };
  const auto place = [&](const Value* value, Place where, uint32_t index) {
    const uint32_t buffer = AddBuffer(where, index, bytes_of(value));
    return tensor_of_[value] = AddTensor(value->name(), value->type.dtype, value->type.ToShape(), buffer);
  };
  for (const State& state : graph.states) {
    const auto index = static_cast<uint32_t>(states_.size());
    states_.push_back({state.name, place(state.input, Place::kState, index), kNoTensor, kNoTensor});
    if (state.initial != nullptr) {
      void* data = nullptr;
      states_.back().initial = Weights(state.initial->dtype(), state.initial->shape(), &data);
      std::memcpy(data, state.initial->view().data, state.initial->bytes());
    }
  }
  for (const Value* input : graph.inputs()) {
    if (tensor_of_.contains(input)) continue;  // a state's
    const auto index = static_cast<uint32_t>(inputs_.size());
    inputs_.push_back({input->name(), place(input, Place::kInput, index), 0});
  }
  for (const Value* output : graph.outputs()) {
    const auto index = static_cast<uint32_t>(outputs_.size());
    TensorId id = place(output, Place::kOutput, index);
    outputs_.push_back({output->name(), id, 0});
    // What is only reshaped into the output is written there directly.
    for (const Node* node = output->producer(); node != nullptr && IsReshapeLike(*node);) {
      const Value* source = node->input(0);
      if (source->producer() == nullptr || source->graph() != &graph || tensor_of_.contains(source)) break;
      id = Reshaped(id, source->type.ToShape());
      tensors_[id].name = source->name();
      tensors_[id].dtype = source->type.dtype;
      tensor_of_[source] = id;
      node = source->producer();
    }
  }
  PlaceConcats(graph);
  WHET_RETURN_IF_ERROR(LowerNodes(graph));
  for (size_t i = 0; i < states_.size(); ++i) {
    const Value* next = graph.states[i].output;
    states_[i].next = TensorOf(next);
    if (!tensors_[states_[i].next].dense()) {
      const TensorId copy = Temporary(next->type.dtype, next->type.ToShape());
      WHET_RETURN_IF_ERROR(AddCopy(*next->producer(), states_[i].next, copy));
      states_[i].next = copy;
    }
  }
  return {};
}

Result<std::shared_ptr<const Plan>> Lowering::Finish(std::string model_id) {
  const auto end = static_cast<uint32_t>(steps_.size());
  for (Buffer& buffer : buffers_) {
    // Inputs keep their contents from run to run; outputs are read after it.
    if (buffer.place == Place::kInput) buffer.first_step = 0;
    if (buffer.place == Place::kInput || buffer.place == Place::kOutput) {
      buffer.first_step = std::min(buffer.first_step, end);
      buffer.last_step = end;
    }
  }
  for (const PlanState& state : states_) {
    Buffer& buffer = buffers_[tensors_[state.next].buffer];
    buffer.first_step = std::min(buffer.first_step, end);
    buffer.last_step = end;
  }
  auto plan = std::make_shared<Plan>();
  plan->arena_bytes = PlanMemory(buffers_);
  plan->isa = isa_;
  plan->cpu = CpuName();
  plan->model_id = std::move(model_id);
  for (const TensorDraft& draft : tensors_) {
    const Buffer& buffer = buffers_[draft.buffer];
    PlanTensor tensor;
    tensor.name = draft.name;
    tensor.dtype = draft.dtype;
    tensor.shape = draft.shape;
    tensor.place = buffer.place;
    tensor.index = buffer.index;
    const bool port =
        buffer.place == Place::kInput || buffer.place == Place::kOutput || buffer.place == Place::kState;
    tensor.offset = draft.offset + (port ? 0 : buffer.offset);
    tensor.bytes = buffer.bytes - draft.offset;
    tensor.row_stride = draft.row_stride;
    tensor.first_step = buffer.first_step;
    tensor.last_step = buffer.last_step;
    plan->tensors.push_back(std::move(tensor));
  }
  for (PlanPort& port : inputs_) port.arena_offset = buffers_[tensors_[port.tensor].buffer].offset;
  for (PlanPort& port : outputs_) port.arena_offset = buffers_[tensors_[port.tensor].buffer].offset;
  for (const PlanState& state : states_) {
    plan->state_bytes += buffers_[tensors_[state.tensor].buffer].bytes;
  }
  plan->steps = std::move(steps_);
  plan->inputs = std::move(inputs_);
  plan->outputs = std::move(outputs_);
  plan->states = std::move(states_);
  for (const PlanStep& step : plan->steps)
    plan->scratch_bytes = std::max(plan->scratch_bytes, step.scratch_bytes);

  auto* memory = static_cast<std::byte*>(std::aligned_alloc(64, AlignUp(weight_bytes_ + kSlack)));
  if (memory == nullptr) throw std::bad_alloc();
  std::shared_ptr<const void> owner(memory, [](const void* p) { std::free(const_cast<void*>(p)); });
  std::memset(memory, 0, AlignUp(weight_bytes_ + kSlack));
  for (WeightChunk& chunk : weights_) {
    std::memcpy(memory + chunk.offset, chunk.data.get(), chunk.bytes);
    chunk.data.reset();  // so that the peak is one copy and a tensor, not two copies
  }
  plan->weights = {memory, weight_bytes_};
  plan->weights_owner = std::move(owner);
  return std::shared_ptr<const Plan>(std::move(plan));
}

}  // namespace whet
