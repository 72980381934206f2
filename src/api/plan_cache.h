// The folder of finished Plans, kept from growing without bound.
#pragma once

#include <cstdint>
#include <string>

namespace whet {

inline constexpr uint64_t kPlanCacheLimit = uint64_t{2} << 30;

// Removes the Plans used longest ago until those that stay take at most `limit` bytes together. Whoever has
// one of them mapped keeps it. Failures are of no consequence and are passed over.
void TrimPlanCache(const std::string& folder, uint64_t limit);

// Notes that a Plan has been used now.
void TouchCachedPlan(const std::string& path);

}  // namespace whet
