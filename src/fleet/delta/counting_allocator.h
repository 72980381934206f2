// Counts what operator new gives out, by replacing it: for one file of a program that measures memory.
#pragma once

#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace counting_allocator {

inline std::atomic<size_t> used_bytes{0};
inline std::atomic<size_t> most_bytes{0};

inline void* Count(void* memory) {
  const size_t used = used_bytes += malloc_usable_size(memory);
  size_t most = most_bytes;
  while (used > most && !most_bytes.compare_exchange_weak(most, used)) {
  }
  return memory;
}

inline void Free(void* memory) {
  used_bytes -= malloc_usable_size(memory);
  std::free(memory);
}

// From now on `most_bytes` is the most since now; what is in use.
inline size_t ResetMost() {
  most_bytes = used_bytes.load();
  return used_bytes;
}

}  // namespace counting_allocator

void* operator new(size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return counting_allocator::Count(memory);
}
// Else the sanitizers' own would be used.
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  void* memory = std::malloc(size);
  return memory != nullptr ? counting_allocator::Count(memory) : nullptr;
}
void operator delete(void* memory) noexcept { counting_allocator::Free(memory); }
void operator delete(void* memory, size_t) noexcept { counting_allocator::Free(memory); }
