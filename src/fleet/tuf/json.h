// JSON from outside, under limits, and the canonical form that signatures and key ids are computed over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace whet::fleet {

struct JsonLimits {
  size_t max_bytes = size_t{5} << 20;
  int max_depth = 24;
};

// One JSON value that is the whole text. Refuses what could be understood in two ways (a name twice in one
// object), and what is too large or too deep before any of it is built.
Result<nlohmann::json> ParseJson(std::string_view text, const JsonLimits& limits = {});

// OLPC canonical JSON (http://wiki.laptop.org/go/Canonical_JSON) as TUF uses it: names sorted by code point,
// no spaces, only the quote and the backslash escaped. Refuses numbers that are not integers.
Result<std::string> CanonicalJson(const nlohmann::json& value);

// Members of an object. An error names the member; `object` must be an object.
Result<std::string> JsonString(const nlohmann::json& object, const char* name, size_t max_bytes = 4096);
Result<uint64_t> JsonUnsigned(const nlohmann::json& object, const char* name,
                              uint64_t max = uint64_t{1} << 62);
Result<const nlohmann::json*> JsonObject(const nlohmann::json& object, const char* name);
Result<const nlohmann::json*> JsonArray(const nlohmann::json& object, const char* name);

// Seconds since 1970 of "2026-11-26T20:00:00Z", the only form that TUF has.
Result<int64_t> ParseUtcTime(std::string_view text);
std::string FormatUtcTime(int64_t seconds);

std::string ToHex(std::span<const uint8_t> bytes);
// Lower or upper case.
Result<std::vector<uint8_t>> FromHex(std::string_view text);

}  // namespace whet::fleet
