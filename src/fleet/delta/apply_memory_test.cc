// How much memory applying a delta takes, counted by this program's own allocator.
#include <gtest/gtest.h>

#include "fleet/delta/apply/apply_delta.h"
#include "fleet/delta/counting_allocator.h"
#include "fleet/delta/delta_testing.h"
#include "fleet/delta/make_delta.h"

namespace whet::fleet {
namespace {

// The most that applying the delta of these takes. The stack is the 4 KiB that ApplyDelta reads the delta
// with, and what calls take.
size_t MostBytes(const std::vector<Layer>& base, const std::vector<Layer>& result) {
  const TemporaryFolder folder;
  WriteModel(folder / "base", base);
  WriteModel(folder / "result", result);
  const auto report = MakeDelta(folder / "base", folder / "result", folder / "delta");
  EXPECT_TRUE(report.ok());
  const size_t before = counting_allocator::ResetMost();
  EXPECT_TRUE(ApplyDelta(folder / "base", folder / "delta", folder / "made", report->result_sha256).ok());
  return counting_allocator::most_bytes - before;
}

TEST(ApplyMemory, StaysBelow240KiBWhateverTheSize) {
  for (const int64_t elements : {int64_t{1000}, int64_t{200000}}) {
    const auto count = static_cast<size_t>(elements);
    const size_t most = MostBytes({FloatLayer("w", {elements}, Weights(count, 1))},
                                  {FloatLayer("w", {elements}, Weights(count, 2))});
    EXPECT_LT(most, size_t{240} * 1024);
    EXPECT_GT(most, size_t{100} * 1024) << "the allocator counts nothing";
  }
}

// Where the device decompresses one index and compresses the other.
TEST(ApplyMemory, StaysBelow250KiBBetweenCompressedIndexes) {
  for (const int count : {30, 1000}) {
    std::vector<Layer> base, result;
    for (int i = 0; i < count; ++i) {
      const auto seed = static_cast<uint32_t>(i);
      base.push_back(FloatLayer("w" + std::to_string(i), {64}, Weights(64, seed)));
      result.push_back(FloatLayer("v" + std::to_string(i), {64}, Weights(64, seed + (i % 7 == 0 ? 1 : 0))));
    }
    EXPECT_LT(MostBytes(base, result), size_t{250} * 1024);
  }
}

}  // namespace
}  // namespace whet::fleet
