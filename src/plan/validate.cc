#include <algorithm>

#include "plan/plan.h"

namespace whet {
namespace {

// offset + bytes <= size, without overflow.
bool Fits(uint64_t offset, uint64_t bytes, uint64_t size) { return offset <= size && bytes <= size - offset; }

Status ValidateTensor(const Plan& plan, const PlanTensor& tensor) {
  if (static_cast<size_t>(tensor.dtype) >= kPlanDTypeCount)
    return Error(Code::kBadFile, "has an element type that no plan has");
  const int64_t elements = CheckedElementCount(tensor.shape.dims());
  if (elements < 0) return Error(Code::kBadFile, "has impossible dimensions");
  const uint64_t dense = BytesOf(tensor.dtype, static_cast<uint64_t>(elements));
  if (dense > tensor.bytes) return Error(Code::kBadFile, "is larger than the memory it is given");
  if (tensor.row_stride < 0) return Error(Code::kBadFile, "has a negative stride");
  const auto port_bytes = [&](const std::vector<PlanPort>& ports) -> uint64_t {
    if (tensor.index >= ports.size() || ports[tensor.index].tensor >= plan.tensors.size()) return 0;
    return plan.tensors[ports[tensor.index].tensor].bytes;
  };
  uint64_t size = 0;
  switch (tensor.place) {
    case Place::kArena: size = plan.arena_bytes; break;
    case Place::kWeights: size = plan.weights.size(); break;
    case Place::kInput: size = port_bytes(plan.inputs); break;
    case Place::kOutput: size = port_bytes(plan.outputs); break;
    case Place::kState:
      if (tensor.index < plan.states.size() && plan.states[tensor.index].tensor < plan.tensors.size()) {
        size = plan.tensors[plan.states[tensor.index].tensor].bytes;
      }
      break;
    default: return Error(Code::kBadFile, "stands in an unknown place");
  }
  // Offsets are multiples of the element's size, which together with aligned bases keeps every access
  // aligned.
  const uint64_t element = std::max<uint64_t>(1, static_cast<uint64_t>(BitsOf(tensor.dtype)) / 8);
  if (tensor.offset % element != 0) return Error(Code::kBadFile, "is not aligned to its elements");
  if (!Fits(tensor.offset, tensor.bytes, size))
    return Error(Code::kBadFile, "reaches beyond the memory it stands in");
  return {};
}

Status ValidatePorts(const Plan& plan, const std::vector<PlanPort>& ports, Place place, const char* kind) {
  for (size_t i = 0; i < ports.size(); ++i) {
    const bool good = ports[i].tensor < plan.tensors.size() && plan.tensors[ports[i].tensor].place == place &&
                      plan.tensors[ports[i].tensor].index == i && plan.tensors[ports[i].tensor].offset == 0 &&
                      ports[i].arena_offset % 64 == 0 &&
                      Fits(ports[i].arena_offset, plan.tensors[ports[i].tensor].bytes, plan.arena_bytes);
    if (!good) return Error(Code::kBadFile, "%s %zu does not stand where it must", kind, i);
  }
  return {};
}

Status ValidateStep(const Plan& plan, size_t i) {
  const PlanStep& step = plan.steps[i];
  for (uint32_t operand : step.operands) {
    if (operand != PlanStep::kAbsent && operand >= plan.tensors.size()) {
      return Error(Code::kBadFile, "uses tensor %u of %zu", operand, plan.tensors.size());
    }
  }
  if (step.units < 0 || step.units > INT32_MAX)
    return Error(Code::kBadFile, "has an impossible number of units");
  if (step.scratch_bytes > plan.scratch_bytes)
    return Error(Code::kBadFile, "needs more scratch than the plan has");
  switch (step.kind) {
    case PlanStep::Kind::kKernel: return {};
    case PlanStep::Kind::kReference:
      if (step.outputs > step.operands.size()) return Error(Code::kBadFile, "has more outputs than operands");
      return {};
    case PlanStep::Kind::kJumpUnless:
      if (step.operands.size() != 1 || step.operands[0] == PlanStep::kAbsent ||
          plan.tensors[step.operands[0]].dtype != DType::kBool || plan.tensors[step.operands[0]].bytes < 1) {
        return Error(Code::kBadFile, "has no condition");
      }
      [[fallthrough]];
    case PlanStep::Kind::kJump:
      // Only forward, so that every run ends.
      if (step.target <= i || step.target > plan.steps.size())
        return Error(Code::kBadFile, "jumps out of the plan");
      return {};
  }
  return Error(Code::kBadFile, "is of an unknown kind");
}

}  // namespace

Status ValidatePlan(const Plan& plan) {
  constexpr uint64_t kMaxArena = uint64_t{1} << 44;
  if (plan.arena_bytes > kMaxArena || plan.scratch_bytes > kMaxArena || plan.state_bytes > kMaxArena) {
    return Error(Code::kBadFile, "the plan asks for an impossible amount of memory");
  }
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    if (Status status = ValidateTensor(plan, plan.tensors[i]); !status.ok()) {
      return std::move(status).At(Format("tensor %zu of the plan", i));
    }
  }
  WHET_RETURN_IF_ERROR(ValidatePorts(plan, plan.inputs, Place::kInput, "input"));
  WHET_RETURN_IF_ERROR(ValidatePorts(plan, plan.outputs, Place::kOutput, "output"));
  uint64_t state_bytes = 0;
  for (size_t i = 0; i < plan.states.size(); ++i) {
    const PlanState& state = plan.states[i];
    const auto bytes = [&](uint32_t tensor) { return plan.tensors[tensor].bytes; };
    const bool good =
        state.tensor < plan.tensors.size() && plan.tensors[state.tensor].place == Place::kState &&
        plan.tensors[state.tensor].index == i && plan.tensors[state.tensor].offset == 0 &&
        state.next < plan.tensors.size() && bytes(state.next) >= bytes(state.tensor) &&
        (state.initial == PlanStep::kAbsent ||
         (state.initial < plan.tensors.size() && plan.tensors[state.initial].place == Place::kWeights &&
          bytes(state.initial) >= bytes(state.tensor)));
    if (!good) return Error(Code::kBadFile, "state %zu of the plan does not stand where it must", i);
    // Unlike all others, the session gives these whatever size they say.
    if (bytes(state.tensor) > kMaxArena || (state_bytes += bytes(state.tensor)) > kMaxArena) {
      return Error(Code::kBadFile, "the states of the plan ask for an impossible amount of memory");
    }
  }
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    if (Status status = ValidateStep(plan, i); !status.ok()) {
      return std::move(status).At(Format("step %zu of the plan", i));
    }
  }
  return {};
}

}  // namespace whet
