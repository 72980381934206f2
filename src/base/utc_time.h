// Times as people and metadata write them: RFC 3339 in UTC, whole seconds, "2026-11-26T20:00:00Z", years 0 to
// 9999. No other form.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace whet {

// Seconds since 1970; kBadFile for another form and for a time that does not exist.
Result<int64_t> ParseUtcTime(std::string_view text);
// The nearest time that has such a form.
std::string FormatUtcTime(int64_t seconds);

}  // namespace whet
