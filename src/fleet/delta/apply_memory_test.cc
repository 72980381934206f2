// How much memory applying a delta takes, counted by this program's own allocator.
#include <gtest/gtest.h>

#include "fleet/delta/apply/apply_delta.h"
#include "fleet/delta/counting_allocator.h"
#include "fleet/delta/delta_testing.h"
#include "fleet/delta/make_delta.h"

namespace whet::fleet {
namespace {

// The stack is the 4 KiB that ApplyDelta reads the delta with, and what calls take.
TEST(ApplyMemory, StaysBelow240KiBWhateverTheSize) {
  for (const int64_t elements : {int64_t{1000}, int64_t{200000}}) {
    const TemporaryFolder folder;
    const auto count = static_cast<size_t>(elements);
    WriteModel(folder / "base", {FloatLayer("w", {elements}, Weights(count, 1))});
    WriteModel(folder / "result", {FloatLayer("w", {elements}, Weights(count, 2))});
    const auto report = MakeDelta(folder / "base", folder / "result", folder / "delta", {.verify = false});
    ASSERT_TRUE(report.ok());
    const size_t before = counting_allocator::ResetMost();
    ASSERT_TRUE(ApplyDelta(folder / "base", folder / "delta", folder / "made", report->result_sha256).ok());
    EXPECT_LT(counting_allocator::most_bytes - before, size_t{240} * 1024);
    EXPECT_GT(counting_allocator::most_bytes - before, size_t{100} * 1024) << "the allocator counts nothing";
  }
}

}  // namespace
}  // namespace whet::fleet
