// JSON from outside, under limits that hold before anything is built of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/status.h"

namespace whet::fleet {

struct JsonLimits {
  size_t max_bytes = size_t{5} << 20;
  int max_depth = 24;
};

// One JSON value that is the whole text. Refuses what could be understood in two ways (a name twice in one
// object), and what is too large or too deep before any of it is built. `where` is what errors call the text;
// empty if the caller adds that with At.
Result<nlohmann::json> ParseJson(std::string_view text, const JsonLimits& limits = {},
                                 std::string_view where = {});

// The member; null if it is not there, or `object` is no object.
const nlohmann::json& JsonMember(const nlohmann::json& object, const char* name);

// Members that must be there. An error names the member. (For many of one object: members.h.)
Result<std::string> JsonString(const nlohmann::json& object, const char* name, size_t max_bytes = 4096);
Result<uint64_t> JsonUnsigned(const nlohmann::json& object, const char* name,
                              uint64_t max = uint64_t{1} << 62);
Result<const nlohmann::json*> JsonObject(const nlohmann::json& object, const char* name);
Result<const nlohmann::json*> JsonArray(const nlohmann::json& object, const char* name);

}  // namespace whet::fleet
