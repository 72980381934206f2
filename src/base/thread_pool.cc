#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace whet {
namespace {

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

int64_t Nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

constexpr uint32_t SequenceOf(uint64_t ticket) { return static_cast<uint32_t>(ticket >> 32); }
constexpr uint32_t UnitOf(uint64_t ticket) { return static_cast<uint32_t>(ticket); }

}  // namespace

struct ThreadPool::Worker {
  ThreadPool* pool;
  int thread;
  pthread_t handle;

  static void* Main(void* self) {
    auto* worker = static_cast<Worker*>(self);
    worker->pool->Work(worker->thread);
    return nullptr;
  }
};

Result<std::unique_ptr<ThreadPool>> ThreadPool::Create(const ThreadPoolOptions& options) {
  if (options.threads < 1 || options.threads > 256) {
    return Error(Code::kInvalidArgument, "the number of threads must be 1 to 256, not %d", options.threads);
  }
  std::unique_ptr<ThreadPool> pool(new ThreadPool());
  pool->spin_nanoseconds_ = static_cast<int64_t>(options.spin_microseconds) * 1000;
  for (int i = 1; i < options.threads; ++i) {
    auto worker = std::make_unique<Worker>(Worker{pool.get(), i, {}});
    if (const int error = pthread_create(&worker->handle, nullptr, Worker::Main, worker.get()); error != 0) {
      return Error(Code::kIo, "cannot start thread %d of %d (error %d); ask for fewer threads", i,
                   options.threads, error);
    }
    if (!options.affinity.empty()) {
      const int cpu = options.affinity[static_cast<size_t>(i) % options.affinity.size()];
      cpu_set_t set;
      CPU_ZERO(&set);
      if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(static_cast<size_t>(cpu), &set);
      // A CPU that the process may not use leaves the thread unpinned, which is what happens without
      // affinity.
      pthread_setaffinity_np(worker->handle, sizeof(set), &set);
    }
    pool->workers_.push_back(std::move(worker));
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  stop_.store(true);
  wake_.fetch_add(1);
  wake_.notify_all();
  for (auto& worker : workers_) pthread_join(worker->handle, nullptr);
}

void ThreadPool::Wake() {
  wake_.fetch_add(1);
  if (sleepers_.load() > 0) wake_.notify_all();
}

void ThreadPool::Rouse() {
  roused_.store(true, std::memory_order_relaxed);
  if (!workers_.empty()) Wake();
}

void ThreadPool::Help(uint32_t sequence, int thread) {
  for (;;) {
    uint64_t ticket = ticket_.load(std::memory_order_acquire);
    if (SequenceOf(ticket) != sequence) return;
    const uint32_t units = units_.load(std::memory_order_relaxed);
    const uint32_t chunk = chunk_.load(std::memory_order_relaxed);
    const Task task = task_.load(std::memory_order_relaxed);
    void* context = context_.load(std::memory_order_relaxed);
    const uint32_t begin = UnitOf(ticket);
    if (begin >= units) return;
    const uint32_t end = begin + chunk < units ? begin + chunk : units;
    const uint64_t next = (static_cast<uint64_t>(sequence) << 32) | end;
    if (!ticket_.compare_exchange_weak(ticket, next, std::memory_order_acq_rel)) continue;
    task(context, begin, end, thread);
    done_.fetch_add(end - begin, std::memory_order_release);
  }
}

void ThreadPool::Work(int thread) {
  uint32_t seen = 0;
  while (!stop_.load(std::memory_order_relaxed)) {
    const uint32_t wake = wake_.load();
    const uint32_t sequence = SequenceOf(ticket_.load(std::memory_order_acquire));
    if (sequence != seen) {
      seen = sequence;
      Help(sequence, thread);
      continue;
    }
    bool found = false;
    const int64_t deadline = Nanoseconds() + spin_nanoseconds_;
    do {
      for (int i = 0; i < 64 && !found; ++i) {
        Pause();
        found = SequenceOf(ticket_.load(std::memory_order_acquire)) != seen;
      }
    } while (!found && !stop_.load(std::memory_order_relaxed) &&
             (roused_.load(std::memory_order_relaxed) || Nanoseconds() < deadline));
    if (found) continue;
    sleepers_.fetch_add(1);
    wake_.wait(wake);
    sleepers_.fetch_sub(1);
  }
}

void ThreadPool::Run(Task task, void* context, int64_t units) {
  if (units <= 0) return;
  if (workers_.empty() || units == 1) {
    task(context, 0, units, 0);
    return;
  }
  std::lock_guard lock(run_mutex_);
  // A few ranges per thread: enough to even out a thread that is held up, few enough that taking them costs
  // nothing.
  const auto total = static_cast<uint32_t>(units);
  const uint32_t ranges = static_cast<uint32_t>(threads()) * 8;
  const uint32_t sequence = SequenceOf(ticket_.load(std::memory_order_relaxed)) + 1;
  // Closes the old job: a thread that has read its ticket can take nothing any more, whatever it then reads
  // of the new one.
  ticket_.store((static_cast<uint64_t>(sequence - 1) << 32) | UINT32_MAX, std::memory_order_seq_cst);
  task_.store(task, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  units_.store(total, std::memory_order_relaxed);
  chunk_.store(total <= ranges ? 1 : total / ranges, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  ticket_.store(static_cast<uint64_t>(sequence) << 32, std::memory_order_release);
  if (sleepers_.load() > 0) Wake();
  Help(sequence, 0);
  while (done_.load(std::memory_order_acquire) != total) Pause();
}

}  // namespace whet
