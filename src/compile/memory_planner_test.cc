#include <gtest/gtest.h>

#include "compile/lowering.h"

namespace whet {
namespace {

Buffer Arena(uint64_t bytes, uint32_t first, uint32_t last) {
  Buffer buffer;
  buffer.bytes = bytes;
  buffer.first_step = first;
  buffer.last_step = last;
  return buffer;
}

void ExpectNoOverlap(const std::vector<Buffer>& buffers, uint64_t arena) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_EQ(buffers[i].offset % 64, 0u);
    EXPECT_LE(buffers[i].offset + buffers[i].bytes, arena);
    for (size_t k = 0; k < i; ++k) {
      const bool together =
          buffers[i].first_step <= buffers[k].last_step && buffers[k].first_step <= buffers[i].last_step;
      const bool apart = buffers[i].offset + buffers[i].bytes <= buffers[k].offset ||
                         buffers[k].offset + buffers[k].bytes <= buffers[i].offset;
      EXPECT_TRUE(!together || apart) << i << " and " << k;
    }
  }
}

TEST(PlanMemory, ReusesMemoryOfWhatIsDead) {
  std::vector<Buffer> chain = {Arena(1000, 0, 1), Arena(2000, 1, 2), Arena(1000, 2, 3), Arena(2000, 3, 4)};
  const uint64_t arena = PlanMemory(chain);
  ExpectNoOverlap(chain, arena);
  EXPECT_EQ(arena, 1024u + 2048u);
}

TEST(PlanMemory, NeverOverlapsWhatLivesTogether) {
  unsigned seed = 1;
  const auto next = [&](unsigned below) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<Buffer> buffers;
    uint64_t most = 0;
    for (unsigned i = 0; i < 1 + next(40); ++i) {
      const uint32_t first = next(20);
      buffers.push_back(Arena(1 + next(5000), first, first + next(6)));
    }
    const uint64_t arena = PlanMemory(buffers);
    ExpectNoOverlap(buffers, arena);
    for (uint32_t step = 0; step < 30; ++step) {
      uint64_t live = 0;
      for (const Buffer& buffer : buffers) {
        if (buffer.first_step <= step && step <= buffer.last_step) live += (buffer.bytes + 63) / 64 * 64;
      }
      most = std::max(most, live);
    }
    EXPECT_GE(arena, most);
    EXPECT_LE(arena, most * 2);
  }
}

TEST(PlanMemory, WritesOverAnInputWhoseLifeEnds) {
  std::vector<Buffer> buffers = {Arena(1000, 0, 1), Arena(1000, 1, 2)};
  buffers[1].may_replace = 0;
  EXPECT_EQ(PlanMemory(buffers), 1024u);
  EXPECT_EQ(buffers[0].offset, buffers[1].offset);
}

TEST(PlanMemory, DoesNotWriteOverAnInputThatIsReadLater) {
  std::vector<Buffer> buffers = {Arena(1000, 0, 5), Arena(1000, 1, 2)};
  buffers[1].may_replace = 0;
  const uint64_t arena = PlanMemory(buffers);
  ExpectNoOverlap(buffers, arena);
}

}  // namespace
}  // namespace whet
