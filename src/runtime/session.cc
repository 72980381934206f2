#include "runtime/session.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "kernels/row_outputs.h"

namespace whet {
namespace {

constexpr uint64_t kSlack = 64;  // readable beyond every buffer's end (kernels/kernel.h)

uint64_t AlignUp(uint64_t value) { return (value + 63) / 64 * 64; }

std::byte* AllocateZeroed(uint64_t bytes) {
  const uint64_t total = AlignUp(bytes + kSlack);
  void* memory = std::aligned_alloc(64, total);
  // Zeroed so that no run ever reads another program's leavings, and so that first-touch page faults fall
  // into creation.
  if (memory != nullptr) std::memset(memory, 0, total);
  return static_cast<std::byte*>(memory);
}

// More than this could only be had by swapping, or not at all.
uint64_t MachineMemory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page) : UINT64_MAX;
}

int64_t Nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// Runs an operator's plain reference on memory that the plan has fixed.
class PlannedContext final : public ReferenceContext {
 public:
  PlannedContext(const Attributes& attributes, std::span<const TensorView> inputs,
                 std::span<TensorView> outputs)
      : ReferenceContext(attributes, inputs, outputs) {}
  ~PlannedContext() override {
    for (void* memory : scratch_) ::operator delete(memory, kAlignment);
  }

  Status SetOutputShape(size_t i, const Shape& shape) override {
    if (outputs_[i].shape == shape) return {};
    return Error(Code::kInternal, "an output of fixed shape %s came out as %s",
                 outputs_[i].shape.ToString().c_str(), shape.ToString().c_str());
  }

  void* Scratch(size_t bytes) override {
    // Throws when there is none, which the C ABI's functions turn into a Status.
    scratch_.push_back(::operator new(bytes + kSlack, kAlignment));
    return scratch_.back();
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  std::vector<void*> scratch_;
};

}  // namespace

struct Session::Step {
  PlanStep::Kind kind;
  const kernels::Row* row = nullptr;
  const void* params = nullptr;
  uint32_t first_pointer = 0;
  uint32_t target = 0;
  uint32_t reference = 0;
  int64_t units = 0;
};

struct Session::Reference {
  ReferenceFn run;
  const Attributes* attributes;
  std::vector<TensorView> inputs;
  std::vector<TensorView> outputs;
};

struct Session::Job {
  const Session* session;
  const Step* step;
};

Result<std::unique_ptr<Session>> Session::Create(std::shared_ptr<const Plan> plan,
                                                 const SessionOptions& options) {
  std::unique_ptr<Session> session(new Session());
  session->plan_ = std::move(plan);
  WHET_RETURN_IF_ERROR(session->Prepare(options));
  return session;
}

Session::~Session() {
  std::free(arena_);
  std::free(state_memory_);
  std::free(scratch_);
}

Status Session::Prepare(const SessionOptions& options) {
  const Plan& plan = *plan_;
  WHET_RETURN_IF_ERROR(ValidatePlan(plan));
  if (!IsaSupported(plan.isa)) {
    return Error(Code::kUnsupported,
                 "the plan is made for %s, which this CPU does not have; compile it again here",
                 std::string(IsaName(plan.isa)).c_str());
  }
  pool_ = options.pool;
  if (pool_ == nullptr) {
    WHET_ASSIGN_OR_RETURN(std::unique_ptr<ThreadPool> pool, ThreadPool::Create(options.threads));
    pool_ = std::move(pool);
  }
  uint64_t state_bytes = 0;
  for (const PlanState& state : plan.states)
    state_bytes += AlignUp(plan.tensors[state.tensor].bytes) + kSlack;
  scratch_stride_ = plan.scratch_bytes == 0 ? 0 : AlignUp(plan.scratch_bytes) + kSlack;
  const uint64_t scratch_bytes = scratch_stride_ * static_cast<uint64_t>(pool_->threads());
  memory_bytes_ = plan.arena_bytes + state_bytes + scratch_bytes;
  const uint64_t limit = options.memory_limit != 0 ? options.memory_limit : MachineMemory();
  if (memory_bytes_ > limit) {
    return Error(
        Code::kLimitExceeded,
        "the session needs %llu bytes (arena %llu, states %llu, scratch %llu) but is limited to %llu",
        static_cast<unsigned long long>(memory_bytes_), static_cast<unsigned long long>(plan.arena_bytes),
        static_cast<unsigned long long>(state_bytes), static_cast<unsigned long long>(scratch_bytes),
        static_cast<unsigned long long>(limit));
  }
  arena_ = AllocateZeroed(plan.arena_bytes);
  state_memory_ = AllocateZeroed(state_bytes);
  scratch_ = AllocateZeroed(scratch_bytes);
  if (arena_ == nullptr || state_memory_ == nullptr || scratch_ == nullptr) {
    return Error(Code::kOutOfMemory, "cannot allocate the %llu bytes that the session needs",
                 static_cast<unsigned long long>(memory_bytes_));
  }
  for (const PlanPort& port : plan.inputs) input_data_.push_back(arena_ + port.arena_offset);
  for (const PlanPort& port : plan.outputs) output_data_.push_back(arena_ + port.arena_offset);
  std::byte* at = state_memory_;
  for (const PlanState& state : plan.states) {
    state_data_.push_back(at);
    at += AlignUp(plan.tensors[state.tensor].bytes) + kSlack;
  }
  steps_.resize(plan.steps.size());
  uint32_t pointers = 0;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    steps_[i].first_pointer = pointers;
    pointers += static_cast<uint32_t>(plan.steps[i].operands.size());
    if (Status status = PrepareStep(plan.steps[i], &steps_[i], options); !status.ok()) {
      return std::move(status).At(Format("step %zu of the plan (%s)", i, plan.steps[i].row.c_str()));
    }
  }
  pointers_.resize(pointers);
  step_nanoseconds_.clear();
  ResolvePointers();
  ResetStates();
  return {};
}

Status Session::PrepareStep(const PlanStep& from, Step* to, const SessionOptions& options) {
  const Plan& plan = *plan_;
  to->kind = from.kind;
  to->units = from.units;
  to->target = from.target;
  if (from.kind == PlanStep::Kind::kKernel) {
    to->row = kernels::FindRow(from.row);
    if (to->row == nullptr) return Error(Code::kBadFile, "there is no such kernel");
    if (!IsaSupported(to->row->isa)) return Error(Code::kUnsupported, "this CPU cannot run the kernel");
    to->params = from.params.data();
    std::vector<uint64_t> operand_bytes;
    for (uint32_t operand : from.operands) {
      operand_bytes.push_back(operand == PlanStep::kAbsent ? 0 : plan.tensors[operand].bytes);
    }
    const char* wrong = to->row->validate({from.params, operand_bytes, from.units, from.scratch_bytes});
    if (wrong != nullptr) return Error(Code::kBadFile, "%s", wrong);
    WHET_RETURN_IF_ERROR(CheckWritable(from, 0, kernels::RowOutputs(*to->row)));
  } else if (from.kind == PlanStep::Kind::kReference) {
    to->reference = static_cast<uint32_t>(references_.size());
    WHET_RETURN_IF_ERROR(PrepareReference(from, options));
  }
  return {};
}

// Weights are shared, and in a mapped file that cannot be written.
Status Session::CheckWritable(const PlanStep& step, size_t begin, size_t end) const {
  for (size_t i = begin; i < std::min(end, step.operands.size()); ++i) {
    const uint32_t operand = step.operands[i];
    if (operand != PlanStep::kAbsent && plan_->tensors[operand].place == Place::kWeights) {
      return Error(Code::kBadFile, "an output stands among the weights");
    }
  }
  return {};
}

// References are dense, and may read an input again after they have begun to write.
Status Session::CheckApart(const PlanStep& step, size_t first_output) const {
  const auto bytes_of = [](const PlanTensor& tensor) {
    return BytesOf(tensor.dtype, static_cast<uint64_t>(tensor.shape.elements()));
  };
  for (size_t i = first_output; i < step.operands.size(); ++i) {
    if (step.operands[i] == PlanStep::kAbsent) continue;
    const PlanTensor& output = plan_->tensors[step.operands[i]];
    const std::byte* const begin = AddressOf(output);
    const std::byte* const end = begin + bytes_of(output);
    for (size_t k = 0; k < i; ++k) {
      if (step.operands[k] == PlanStep::kAbsent) continue;
      const PlanTensor& other = plan_->tensors[step.operands[k]];
      const std::byte* const at = AddressOf(other);
      if (begin < at + bytes_of(other) && at < end && begin < end) {
        return Error(Code::kBadFile, "an output of a reference stands on another operand");
      }
    }
  }
  return {};
}

Status Session::PrepareReference(const PlanStep& from, const SessionOptions& options) {
  const ReferenceFn run = options.find_reference ? options.find_reference(from.row) : nullptr;
  if (run == nullptr) return Error(Code::kUnsupported, "this runtime has no reference of the operator");
  const size_t inputs = from.operands.size() - from.outputs;
  WHET_RETURN_IF_ERROR(CheckWritable(from, inputs, from.operands.size()));
  Reference reference{run, &from.attributes, {}, {}};
  for (size_t i = 0; i < from.operands.size(); ++i) {
    TensorView view;
    if (from.operands[i] != PlanStep::kAbsent) {
      const PlanTensor& tensor = plan_->tensors[from.operands[i]];
      if (tensor.shape.rank() > 0 && tensor.row_stride != tensor.shape.back()) {
        return Error(Code::kBadFile, "a reference is given a strided operand");
      }
      view = {tensor.dtype, tensor.shape, tensor.place == Place::kWeights ? AddressOf(tensor) : nullptr};
    }
    (i < inputs ? reference.inputs : reference.outputs).push_back(view);
  }
  WHET_RETURN_IF_ERROR(
      options.check_reference(from.row, from.attributes, reference.inputs, reference.outputs));
  WHET_RETURN_IF_ERROR(CheckApart(from, inputs));
  references_.push_back(std::move(reference));
  return {};
}

std::byte* Session::AddressOf(const PlanTensor& tensor) const {
  switch (tensor.place) {
    case Place::kArena: return arena_ + tensor.offset;
    // Kernels and references only read weights.
    case Place::kWeights: return const_cast<std::byte*>(plan_->weights.data()) + tensor.offset;
    case Place::kInput: return static_cast<std::byte*>(input_data_[tensor.index]) + tensor.offset;
    case Place::kOutput: return static_cast<std::byte*>(output_data_[tensor.index]) + tensor.offset;
    case Place::kState: return static_cast<std::byte*>(state_data_[tensor.index]) + tensor.offset;
  }
  return nullptr;
}

void Session::ResolvePointers() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    const PlanStep& from = plan_->steps[i];
    for (size_t k = 0; k < from.operands.size(); ++k) {
      const uint32_t operand = from.operands[k];
      void*& pointer = pointers_[steps_[i].first_pointer + k];
      pointer = operand == PlanStep::kAbsent ? nullptr : AddressOf(plan_->tensors[operand]);
      if (from.kind != PlanStep::Kind::kReference) continue;
      Reference& reference = references_[steps_[i].reference];
      TensorView view;
      if (operand != PlanStep::kAbsent) {
        view = {plan_->tensors[operand].dtype, plan_->tensors[operand].shape, pointer};
      }
      const size_t inputs = reference.inputs.size();
      (k < inputs ? reference.inputs[k] : reference.outputs[k - inputs]) = view;
    }
  }
}

namespace {

Status CheckBinding(const char* kind, size_t i, const std::vector<PlanPort>& ports, const Plan& plan,
                    const void* data, uint64_t bytes) {
  if (i >= ports.size()) {
    return Error(Code::kInvalidArgument, "the model has %zu %ss, there is no %s %zu", ports.size(), kind,
                 kind, i);
  }
  if (data == nullptr) return {};
  const uint64_t needed = plan.tensors[ports[i].tensor].bytes;
  if (bytes < needed) {
    return Error(Code::kInvalidArgument, "%s '%s' needs %llu bytes but the buffer has %llu", kind,
                 ports[i].name.c_str(), static_cast<unsigned long long>(needed),
                 static_cast<unsigned long long>(bytes));
  }
  if (reinterpret_cast<uintptr_t>(data) % 64 != 0) {
    return Error(Code::kInvalidArgument, "the buffer bound to %s '%s' must be 64-byte aligned", kind,
                 ports[i].name.c_str());
  }
  return {};
}

}  // namespace

Status Session::BindInput(size_t i, void* data, uint64_t bytes) {
  WHET_RETURN_IF_ERROR(CheckBinding("input", i, plan_->inputs, *plan_, data, bytes));
  input_data_[i] = data != nullptr ? data : arena_ + plan_->inputs[i].arena_offset;
  ResolvePointers();
  return {};
}

Status Session::BindOutput(size_t i, void* data, uint64_t bytes) {
  WHET_RETURN_IF_ERROR(CheckBinding("output", i, plan_->outputs, *plan_, data, bytes));
  output_data_[i] = data != nullptr ? data : arena_ + plan_->outputs[i].arena_offset;
  ResolvePointers();
  return {};
}

void Session::RunUnits(void* job, int64_t begin, int64_t end, int thread) {
  const auto& [session, step] = *static_cast<const Job*>(job);
  const kernels::Args args{step->params, session->pointers_.data() + step->first_pointer,
                           session->scratch_ + session->scratch_stride_ * static_cast<uint64_t>(thread)};
  step->row->run(args, begin, end);
}

Status Session::RunStep(const Step& step) {
  if (step.kind == PlanStep::Kind::kKernel) {
    Job job{this, &step};
    pool_->Run(RunUnits, &job, step.units);
    return {};
  }
  Reference& reference = references_[step.reference];
  PlannedContext context(*reference.attributes, reference.inputs, reference.outputs);
  return reference.run(context);
}

Status Session::Run() {
  const bool profile = !step_nanoseconds_.empty();
  if (pool_->threads() > 1) pool_->Rouse();
  Status status;
  for (size_t i = 0; i < steps_.size();) {
    const Step& step = steps_[i];
    if (step.kind == PlanStep::Kind::kJump) {
      i = step.target;
      continue;
    }
    if (step.kind == PlanStep::Kind::kJumpUnless) {
      const bool condition = *static_cast<const uint8_t*>(pointers_[step.first_pointer]) != 0;
      i = condition ? i + 1 : step.target;
      continue;
    }
    const int64_t start = profile ? Nanoseconds() : 0;
    status = RunStep(step);
    if (profile) step_nanoseconds_[i] += Nanoseconds() - start;
    if (!status.ok()) {
      status = std::move(status).At("node '" + plan_->steps[i].node + "' (" + plan_->steps[i].op + ")");
      break;
    }
    ++i;
  }
  pool_->Rest();
  for (size_t i = 0; status.ok() && i < plan_->states.size(); ++i) {
    const PlanState& state = plan_->states[i];
    const std::byte* next = AddressOf(plan_->tensors[state.next]);
    if (next != state_data_[i]) std::memmove(state_data_[i], next, plan_->tensors[state.tensor].bytes);
  }
  return status;
}

void Session::ResetStates() {
  for (size_t i = 0; i < plan_->states.size(); ++i) {
    const PlanState& state = plan_->states[i];
    const uint64_t bytes = plan_->tensors[state.tensor].bytes;
    if (state.initial == PlanStep::kAbsent) {
      std::memset(state_data_[i], 0, bytes);
    } else {
      std::memcpy(state_data_[i], AddressOf(plan_->tensors[state.initial]), bytes);
    }
  }
}

void Session::EnableProfile(bool on) { step_nanoseconds_.assign(on ? steps_.size() : 0, 0); }

}  // namespace whet
