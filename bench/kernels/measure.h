// Runs a chosen kernel on one thread and reports the best time seen: other work on the machine only adds.
// Calls that outlast a slice of the scheduler are measured by the thread's own time, which is too coarse for
// short ones.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "peak.h"

namespace whet::bench {

class Floats {
 public:
  explicit Floats(int64_t count) : memory_(static_cast<size_t>(count) + 64) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (float& x : memory_) x = uniform(random);
  }
  float* data() {
    const auto address = reinterpret_cast<uintptr_t>(memory_.data());
    return reinterpret_cast<float*>((address + kernels::kAlignment - 1) / kernels::kAlignment *
                                    kernels::kAlignment);
  }

 private:
  std::vector<float> memory_;
};

inline constexpr double kSlice = 2e6;  // nanoseconds

inline double Nanoseconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

// `flops` and `bytes` that the whole call does and must move at least; `peak` of what the share is given.
template <typename Params>
void Measure(benchmark::State& state, const kernels::Choice& choice, const Params& params,
             std::vector<void*> operands, double flops, double bytes, double (*peak)(Isa) = PeakGflops) {
  if (!IsaSupported(choice.row->isa)) {
    state.SkipWithError("not on this CPU");
    return;
  }
  Floats scratch(static_cast<int64_t>(choice.scratch_bytes / sizeof(float)) + 1);
  const kernels::Args args{&params, operands.data(), scratch.data()};
  double best = 1e30;
  for (auto _ : state) {
    // The wall clock inside: reading the thread's is a system call, as long as a small kernel.
    const double thread_start = Nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    const double wall_start = Nanoseconds(CLOCK_MONOTONIC);
    choice.row->run(args, 0, choice.units);
    benchmark::ClobberMemory();
    const double wall = Nanoseconds(CLOCK_MONOTONIC) - wall_start;
    const double thread = Nanoseconds(CLOCK_THREAD_CPUTIME_ID) - thread_start;
    best = std::min(best, wall < kSlice ? wall : thread);
  }
  state.counters["best_us"] = best / 1000;
  state.counters["GFLOP/s"] = flops / best;
  state.counters["GB/s"] = bytes / best;
  state.counters["peak%"] = 100 * flops / best / peak(choice.row->isa);
}

}  // namespace whet::bench
