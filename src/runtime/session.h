// A Session: a Plan being run.
//
// It owns one arena, its states and, unless it is given one, a thread pool. After Create it allocates nothing
// and checks nothing. One Session is used by one thread at a time; any number of Sessions share one Plan and
// its weights.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/reference.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "kernels/kernel.h"
#include "plan/plan.h"

namespace whet {

struct SessionOptions {
  ThreadPoolOptions threads;
  // Sessions that never run at the same time may share a pool; null makes one from `threads`.
  std::shared_ptr<ThreadPool> pool;
  // Create fails if arena, states and scratch together need more; 0 is the machine's memory.
  uint64_t memory_limit = 0;
  // Finds an operator's plain reference by name; null where there are none, in which case a Plan with
  // reference steps is refused. (The runtime does not know the operators; whoever links them passes this in.)
  ReferenceFn (*find_reference)(std::string_view op) = nullptr;
  // Whether that reference may be run on operands like these; `data` of an input is null unless it is in the
  // Plan's weights. Not null where find_reference is not.
  Status (*check_reference)(std::string_view op, const Attributes& attributes,
                            std::span<const TensorView> inputs,
                            std::span<const TensorView> outputs) = nullptr;
};

class Session {
 public:
  static Result<std::unique_ptr<Session>> Create(std::shared_ptr<const Plan> plan,
                                                 const SessionOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Plan& plan() const { return *plan_; }
  int threads() const { return pool_->threads(); }
  // Arena, states and scratch of all threads, in bytes.
  uint64_t memory_bytes() const { return memory_bytes_; }

  // Where input or output i is read or written: in the arena, or where it has been bound. An input keeps its
  // contents from run to run until it is written again.
  void* input(size_t i) const { return input_data_[i]; }
  void* output(size_t i) const { return output_data_[i]; }

  // Uses the application's memory from now on: no copy is made. `data` must be 64-byte aligned and stay
  // valid; of an input, 64 bytes beyond `bytes` must be readable. Null goes back to the arena.
  Status BindInput(size_t i, void* data, uint64_t bytes);
  Status BindOutput(size_t i, void* data, uint64_t bytes);

  // Errors come from reference steps only.
  Status Run();

  // States start again from their initial values.
  void ResetStates();
  void* state(size_t i) const { return state_data_[i]; }

  // From now on Run adds each step's wall time to step_nanoseconds()[step].
  void EnableProfile(bool on);
  std::span<const int64_t> step_nanoseconds() const { return step_nanoseconds_; }

 private:
  struct Step;
  struct Reference;
  struct Job;
  Session() = default;
  Status Prepare(const SessionOptions& options);
  Status PrepareStep(const PlanStep& from, Step* to, const SessionOptions& options);
  Status PrepareReference(const PlanStep& from, const SessionOptions& options);
  Status CheckApart(const PlanStep& step, size_t first_output) const;
  Status CheckWritable(const PlanStep& step, size_t begin, size_t end) const;
  std::byte* AddressOf(const PlanTensor& tensor) const;
  void ResolvePointers();
  Status RunStep(const Step& step);
  static void RunUnits(void* job, int64_t begin, int64_t end, int thread);

  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<ThreadPool> pool_;
  uint64_t memory_bytes_ = 0;
  std::byte* arena_ = nullptr;
  std::byte* state_memory_ = nullptr;
  std::byte* scratch_ = nullptr;
  uint64_t scratch_stride_ = 0;
  std::vector<void*> input_data_;
  std::vector<void*> output_data_;
  std::vector<void*> state_data_;
  std::vector<Step> steps_;
  std::vector<void*> pointers_;  // of all steps' operands, one after the other
  std::vector<Reference> references_;
  std::vector<int64_t> step_nanoseconds_;
};

}  // namespace whet
