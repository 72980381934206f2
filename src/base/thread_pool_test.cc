#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <unistd.h>

namespace whet {
namespace {

void Mark(void* context, int64_t begin, int64_t end, int thread) {
  auto& marks = *static_cast<std::vector<std::atomic<int>>*>(context);
  for (int64_t i = begin; i < end; ++i) marks[static_cast<size_t>(i)].fetch_add(1 + 1000 * (thread < 0));
}

TEST(ThreadPool, DoesEveryUnitOnceWhateverTheThreadsAndUnits) {
  for (int threads : {1, 2, 3, 7}) {
    auto pool = ThreadPool::Create({.threads = threads, .spin_microseconds = 20, .affinity = {}});
    ASSERT_TRUE(pool.ok());
    EXPECT_EQ((*pool)->threads(), threads);
    for (int64_t units : {0, 1, 2, 3, 17, 1000}) {
      for (int repeat = 0; repeat < 200; ++repeat) {
        std::vector<std::atomic<int>> marks(static_cast<size_t>(units));
        (*pool)->Run(Mark, &marks, units);
        for (const auto& mark : marks) ASSERT_EQ(mark.load(), 1);
      }
    }
  }
}

TEST(ThreadPool, WakesWorkersThatHaveGoneToSleep) {
  auto pool = ThreadPool::Create({.threads = 2, .spin_microseconds = 0, .affinity = {}});
  ASSERT_TRUE(pool.ok());
  for (int repeat = 0; repeat < 20; ++repeat) {
    usleep(1000);
    std::vector<std::atomic<int>> marks(64);
    (*pool)->Run(Mark, &marks, 64);
    for (const auto& mark : marks) ASSERT_EQ(mark.load(), 1);
  }
}

TEST(ThreadPool, RefusesAbsurdThreadCounts) {
  EXPECT_FALSE(ThreadPool::Create({.threads = 0, .spin_microseconds = 0, .affinity = {}}).ok());
  EXPECT_FALSE(ThreadPool::Create({.threads = 100000, .spin_microseconds = 0, .affinity = {}}).ok());
}

}  // namespace
}  // namespace whet
