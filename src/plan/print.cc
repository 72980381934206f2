#include "plan/plan.h"

namespace whet {
namespace {

std::string Describe(const PlanTensor& tensor) {
  constexpr const char* kPlaces[] = {"arena", "weights", "input", "output", "state"};
  std::string text(DTypeName(tensor.dtype));
  text += ' ' + tensor.shape.ToString() + " @ " + kPlaces[static_cast<size_t>(tensor.place)];
  if (tensor.place != Place::kArena && tensor.place != Place::kWeights)
    text += ' ' + std::to_string(tensor.index);
  return text + " + " + std::to_string(tensor.offset);
}

}  // namespace

std::string PrintPlan(const Plan& plan) {
  std::string text =
      Format("plan for %s (%s): arena %llu bytes, weights %zu bytes, scratch %llu bytes per thread\n",
             plan.cpu.c_str(), std::string(IsaName(plan.isa)).c_str(),
             static_cast<unsigned long long>(plan.arena_bytes), plan.weights.size(),
             static_cast<unsigned long long>(plan.scratch_bytes));
  text += "\nbuffers (steps they live in, offset, bytes)\n";
  for (const PlanTensor& tensor : plan.tensors) {
    if (tensor.place == Place::kWeights) continue;
    text +=
        Format("  %4u-%-4u %12llu  %s  %s\n", tensor.first_step, tensor.last_step,
               static_cast<unsigned long long>(tensor.bytes), Describe(tensor).c_str(), tensor.name.c_str());
  }
  text += "\nsteps\n";
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const PlanStep& step = plan.steps[i];
    switch (step.kind) {
      case PlanStep::Kind::kKernel:
      case PlanStep::Kind::kReference: {
        const bool reference = step.kind == PlanStep::Kind::kReference;
        text += Format("  %4zu  %-28s %s%s  units %lld\n", i, step.op.c_str(), reference ? "reference/" : "",
                       step.row.c_str(), static_cast<long long>(step.units));
        for (uint32_t operand : step.operands) {
          if (operand != PlanStep::kAbsent) text += "            " + Describe(plan.tensors[operand]) + '\n';
        }
        break;
      }
      case PlanStep::Kind::kJump: text += Format("  %4zu  jump to %u\n", i, step.target); break;
      case PlanStep::Kind::kJumpUnless:
        text += Format("  %4zu  jump to %u unless condition\n", i, step.target);
        break;
    }
  }
  return text;
}

}  // namespace whet
