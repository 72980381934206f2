// The reader of plan files: whatever is read keeps the rules that ValidatePlan is for, and can be printed.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

#include "plan/format.h"
#include "plan/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Input: the size of the weights, then the index. The header would never be right by chance.
  if (size < 2) return 0;
  const size_t weights_bytes = data[0] * size_t{8};
  const auto index = std::as_bytes(std::span(data, size).subspan(1));
  const whet::PlanFileHeader header = whet::MakePlanFileHeader(index, weights_bytes);
  const size_t weights_at = (sizeof(header) + index.size() + 63) / 64 * 64;
  const size_t bytes = weights_at + weights_bytes + 64;
  const std::shared_ptr<std::byte> file(
      static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)),
      [](std::byte* memory) { std::free(memory); });
  std::memset(file.get(), 0, bytes);
  std::memcpy(file.get(), &header, sizeof(header));
  std::memcpy(file.get() + sizeof(header), index.data(), index.size());
  const auto plan = whet::ReadPlan({file.get(), bytes}, file);
  if (plan.ok() && (!whet::ValidatePlan(**plan).ok() || whet::PrintPlan(**plan).empty())) __builtin_trap();
  return 0;
}
