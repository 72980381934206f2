// Compiles one node of any operator and runs the Plan: what the compiler makes is valid, stays inside its
// memory, and goes through where the operator's reference does.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "api/executor.h"
#include "compile/compiler.h"
#include "ir/check_reference.h"
#include "ir/infer.h"
#include "ops/random_node.h"
#include "runtime/session.h"

namespace {

using namespace whet;  // NOLINT

// A pool costs a thread's start when there is more than one.
std::shared_ptr<ThreadPool> Pool() {
  static const std::shared_ptr<ThreadPool> pool = std::move(*ThreadPool::Create({}));
  return pool;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ops::ByteDraw draw(data, size);
  CompileOptions options;
  options.isa = draw.OneIn(3) ? Isa::kPortable : BestIsa();
  const auto random = ops::DrawNode(draw, false);
  if (random == nullptr) return 0;
  EvaluateOptions limits;
  limits.max_tensor_bytes = 1 << 18;
  const auto expected = EvaluateNode(*random->node, random->values, limits);
  if (!expected.ok()) return 0;
  if (const Status status = InferGraph(random->graph); !status.ok()) {
    ops::FailNode(*random, status.ToString());
  }
  for (Value* output : random->node->outputs()) random->graph.AddOutput(output);
  const auto plan = Compile(random->graph, options);
  if (!plan.ok()) {
    if (plan.status().code() != Code::kUnsupported) ops::FailNode(*random, plan.status().ToString());
    return 0;
  }
  SessionOptions session_options;
  session_options.pool = Pool();
  session_options.memory_limit = 1 << 24;
  session_options.find_reference = FindOperatorReference;
  session_options.check_reference = CheckReference;
  const auto session = Session::Create(*plan, session_options);
  if (!session.ok()) {
    const Code code = session.status().code();
    if (code != Code::kUnsupported && code != Code::kLimitExceeded) {
      ops::FailNode(*random, session.status().ToString() + '\n' + PrintPlan(**plan));
    }
    return 0;
  }
  for (size_t i = 0; i < (*plan)->inputs.size(); ++i) {
    const Value* input = random->graph.FindValue((*plan)->inputs[i].name);
    for (size_t k = 0; k < random->values.size(); ++k) {
      if (random->node->input(k) != input) continue;
      std::memcpy((*session)->input(i), random->values[k]->view().data, random->values[k]->bytes());
    }
  }
  const bool ran = (*session)->Run().ok();
  for (size_t i = 0; i < (*plan)->outputs.size() && ran; ++i) {
    const PlanTensor& tensor = (*plan)->tensors[(*plan)->outputs[i].tensor];
    const TensorPtr& wanted = (*expected)[i];
    if (tensor.dtype != wanted->dtype() || tensor.shape != wanted->shape()) {
      ops::FailNode(*random, "the Plan gives an output of another type:\n" + PrintPlan(**plan));
    }
  }
  return 0;
}
