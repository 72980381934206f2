#include "measure/peak.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/thread_pool.h"
#include "measure/latency.h"

namespace whet {
namespace {

// Enough to hide the latency of a multiply-add on two ports.
constexpr int kChains = 12;
constexpr int64_t kIterations = 200000;

// Each runs kIterations rounds of kChains multiply-adds and returns something of them, so that none is left
// out.
using LoopFn = float (*)();
struct Loop {
  LoopFn run;
  int width;
};

float PortableLoop() {
  using Vector [[gnu::vector_size(16)]] = float;
  Vector sums[kChains] = {};
  Vector factor = {0.999f, 0.999f, 0.999f, 0.999f};
  for (int64_t i = 0; i < kIterations; ++i) {
    for (Vector& sum : sums) sum = sum * factor + factor;
  }
  Vector total = {};
  for (const Vector& sum : sums) total += sum;
  return total[0];
}

#ifdef __x86_64__
[[gnu::target("avx2,fma")]] float Avx2Loop() {
  __m256 sums[kChains];
  const __m256 factor = _mm256_set1_ps(0.999f);
  for (__m256& sum : sums) sum = factor;
  for (int64_t i = 0; i < kIterations; ++i) {
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(sum, factor, factor);
  }
  for (const __m256& sum : sums) sums[0] = _mm256_add_ps(sums[0], sum);
  return _mm256_cvtss_f32(sums[0]);
}

[[gnu::target("avx512f")]] float Avx512Loop() {
  __m512 sums[kChains];
  const __m512 factor = _mm512_set1_ps(0.999f);
  for (__m512& sum : sums) sum = factor;
  for (int64_t i = 0; i < kIterations; ++i) {
    for (__m512& sum : sums) sum = _mm512_fmadd_ps(sum, factor, factor);
  }
  for (const __m512& sum : sums) sums[0] = _mm512_add_ps(sums[0], sum);
  return _mm512_cvtss_f32(sums[0]);
}
#endif

Loop LoopOf(Isa isa) {
#ifdef __x86_64__
  if (isa == Isa::kAvx512 || isa == Isa::kAvx512Vnni) return {Avx512Loop, 16};
  if (isa == Isa::kAvx2) return {Avx2Loop, 8};
#else
  (void)isa;
#endif
  return {PortableLoop, 4};
}

struct Job {
  LoopFn run;
  std::atomic<int> kept{0};
};

}  // namespace

Result<double> MeasurePeakGflops(Isa isa, int threads) {
  const Loop loop = LoopOf(isa);
  ThreadPoolOptions options;
  options.threads = threads;
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<ThreadPool> pool, ThreadPool::Create(options));
  Job job{loop.run, {}};
  const auto task = [](void* context, int64_t begin, int64_t end, int) {
    auto* j = static_cast<Job*>(context);
    for (int64_t i = begin; i < end; ++i) {
      if (j->run() > 0) j->kept.fetch_add(1);
    }
  };
  constexpr int kTries = 5;
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    const int64_t start = NowNanoseconds();
    pool->Run(task, &job, threads);
    const auto elapsed = static_cast<double>(std::max<int64_t>(NowNanoseconds() - start, 1));
    best = std::max(best, 2.0 * kIterations * kChains * loop.width * threads / elapsed);
  }
  return best;
}

}  // namespace whet
