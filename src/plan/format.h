// The fixed part of a plan file: this header, the index (plan.fbs), padding to 64 bytes, the weights, and 64
// zero bytes that vector loads may run over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace whet {

struct PlanFileHeader {
  char magic[8];
  // Version and build that wrote the file, ending in zeros. Another build may pack weights in another way, or
  // write another index.
  char maker[96];
  uint64_t index_bytes;
  uint64_t weights_bytes;
  uint64_t checksum;  // of index and sizes: finds damage, not malice; ValidatePlan is for that
};
static_assert(sizeof(PlanFileHeader) == 128);

inline constexpr char kPlanMagic[8] = {'W', 'H', 'E', 'T', 'P', 'L', 'N', '2'};

// The header that this build writes over such an index.
PlanFileHeader MakePlanFileHeader(std::span<const std::byte> index, uint64_t weights_bytes);

}  // namespace whet
