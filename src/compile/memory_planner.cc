#include <algorithm>
#include <numeric>

#include "compile/lowering.h"

namespace whet {
namespace {

// Kernels may read one vector beyond a buffer's end; the arena has slack after its own end.
uint64_t AlignUp(uint64_t value) { return (value + 63) / 64 * 64; }

bool Overlap(const Buffer& a, const Buffer& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

}  // namespace

// Greedy by size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020): the
// largest buffer is placed first; each at the lowest gap that is free for its whole life and fits best.
uint64_t PlanMemory(std::vector<Buffer>& buffers) {
  // Buffers that take over another's memory first join lives with it.
  std::vector<uint32_t> root(buffers.size());
  std::iota(root.begin(), root.end(), 0u);
  std::vector<Buffer> merged = buffers;
  const auto find = [&](uint32_t i) {
    while (root[i] != i) i = root[i];
    return i;
  };
  const auto in_arena = [](const Buffer& buffer) {
    return buffer.place == Place::kArena || buffer.place == Place::kInput || buffer.place == Place::kOutput;
  };
  for (uint32_t i = 0; i < buffers.size(); ++i) {
    const Buffer& buffer = buffers[i];
    if (buffer.may_replace == UINT32_MAX || buffer.place != Place::kArena || buffer.first_step == UINT32_MAX)
      continue;
    const uint32_t old = find(buffer.may_replace);
    if (old == i || buffers[buffer.may_replace].place != Place::kArena) continue;
    if (merged[old].last_step != buffer.first_step || merged[old].place != Place::kArena) continue;
    if (AlignUp(merged[old].bytes) < AlignUp(buffer.bytes)) continue;
    root[i] = old;
    merged[old].last_step = std::max(merged[old].last_step, buffer.last_step);
  }
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < merged.size(); ++i) {
    if (root[i] == i && in_arena(merged[i]) && merged[i].first_step != UINT32_MAX) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return merged[a].bytes > merged[b].bytes; });

  uint64_t arena = 0;
  std::vector<uint32_t> placed;  // sorted by offset
  for (uint32_t i : order) {
    const uint64_t size = AlignUp(merged[i].bytes);
    uint64_t best = UINT64_MAX;
    uint64_t best_gap = UINT64_MAX;
    uint64_t end = 0;  // of the buffers seen so far that live at the same time
    for (uint32_t other : placed) {
      if (!Overlap(merged[i], merged[other])) continue;
      if (merged[other].offset > end && merged[other].offset - end >= size &&
          merged[other].offset - end < best_gap) {
        best = end;
        best_gap = merged[other].offset - end;
      }
      end = std::max(end, merged[other].offset + AlignUp(merged[other].bytes));
    }
    merged[i].offset = best != UINT64_MAX ? best : end;
    arena = std::max(arena, merged[i].offset + size);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), i,
                         [&](uint32_t a, uint32_t b) { return merged[a].offset < merged[b].offset; }),
        i);
  }
  for (uint32_t i = 0; i < buffers.size(); ++i) {
    if (in_arena(buffers[i])) buffers[i].offset = merged[find(i)].offset;
  }
  return arena;
}

}  // namespace whet
