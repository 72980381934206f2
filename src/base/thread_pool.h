// Fork-join over numbered units of work: no queues, no futures, no allocation after creation.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/status.h"

namespace whet {

struct ThreadPoolOptions {
  // Threads that work, the caller of Run included; 1 makes a pool without threads of its own.
  int threads = 1;
  // How long an idle worker spins before it sleeps. Spinning answers within a microsecond but burns its core.
  int spin_microseconds = 200;
  // CPU numbers to pin threads to, round robin, the caller excluded; empty leaves them to the scheduler.
  std::vector<int> affinity;
};

class ThreadPool {
 public:
  // `thread` is 0 for the caller of Run, else 1 … threads-1; it indexes memory that each thread has for
  // itself.
  using Task = void (*)(void* context, int64_t begin, int64_t end, int thread);

  static Result<std::unique_ptr<ThreadPool>> Create(const ThreadPoolOptions& options);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls task on ranges that cover [0, units) exactly once each, on all threads, and returns when all are
  // done. Ranges are taken as threads become free, so a thread that the system holds up does not hold up the
  // rest. 0 <= units < 2^31. Calls from several threads take turns.
  void Run(Task task, void* context, int64_t units);

  // Workers spin from now on instead of going to sleep, until Rest: for the duration of one inference.
  void Rouse();
  void Rest() { roused_.store(false, std::memory_order_relaxed); }

 private:
  struct Worker;
  ThreadPool() = default;
  void Work(int thread);
  // Takes and does ranges of the current job until none is left.
  void Help(uint32_t sequence, int thread);
  void Wake();

  // The sequence number of the job in the high half, the next unit to take in the low half: a range is taken
  // by one compare-and-swap, which fails if the job has changed meanwhile, so what was read of the job before
  // it is valid.
  alignas(64) std::atomic<uint64_t> ticket_{0};
  std::atomic<Task> task_{nullptr};
  std::atomic<void*> context_{nullptr};
  std::atomic<uint32_t> units_{0};
  std::atomic<uint32_t> chunk_{1};
  alignas(64) std::atomic<uint32_t> done_{0};
  alignas(64) std::atomic<uint32_t> wake_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
  std::atomic<bool> roused_{false};
  int64_t spin_nanoseconds_ = 0;
  std::mutex run_mutex_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace whet
