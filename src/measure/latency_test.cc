#include "measure/latency.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

namespace whet {
namespace {

TEST(Summarize, InterpolatesPercentiles) {
  std::vector<double> runs;
  for (int i = 100; i >= 0; --i) runs.push_back(i);
  const LatencySummary summary = Summarize(runs);
  EXPECT_DOUBLE_EQ(summary.mean, 50);
  EXPECT_DOUBLE_EQ(summary.p50, 50);
  EXPECT_DOUBLE_EQ(summary.p95, 95);
  EXPECT_DOUBLE_EQ(summary.p99, 99);
  EXPECT_DOUBLE_EQ(summary.min, 0);
  EXPECT_DOUBLE_EQ(summary.max, 100);
  const double two[] = {1, 3};
  EXPECT_DOUBLE_EQ(Summarize(two).p50, 2);
  EXPECT_DOUBLE_EQ(Summarize({}).max, 0);
}

TEST(PeakRss, SeesWhatWasAllocatedSinceTheReset) {
  ResetPeakRss();
  const uint64_t before = PeakRssBytes();
  constexpr size_t kSize = size_t{64} << 20;
  {
    const std::unique_ptr<char[]> memory(new char[kSize]);
    std::memset(memory.get(), 1, kSize);
    ASSERT_EQ(memory[kSize / 2], 1);
  }
  EXPECT_GE(PeakRssBytes(), before + kSize / 2);
}

}  // namespace
}  // namespace whet
