// Applies a delta as a device does, and prints the seconds it took and the most bytes that it had allocated
// at once: apply_bench BASE DELTA RESULT.

#include <chrono>
#include <cstdint>
#include <cstdio>

#include "fleet/delta/apply/apply_delta.h"
#include "fleet/delta/counting_allocator.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const auto header = whet::fleet::ReadDeltaHeader(argv[2]);
  if (!header.ok()) {
    std::fprintf(stderr, "%s\n", header.status().ToString().c_str());
    return 1;
  }
  const size_t before = counting_allocator::ResetMost();
  const auto begin = std::chrono::steady_clock::now();
  const whet::Status applied = whet::fleet::ApplyDelta(argv[1], argv[2], argv[3], header->result_sha256);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  if (!applied.ok()) {
    std::fprintf(stderr, "%s\n", applied.ToString().c_str());
    return 1;
  }
  std::printf("%.4f %llu\n", seconds.count(),
              static_cast<unsigned long long>(counting_allocator::most_bytes - before));
  return 0;
}
