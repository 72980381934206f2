// JSON from outside, with limits that hold before anything is built of it.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/status.h"

namespace whet::fleet {

// At most `max_bytes` long, nested at most `max_depth` deep, valid UTF-8, no key twice in an object, nothing
// after the value. `what` names the text in errors: "the policy".
Result<nlohmann::json> ParseStrictJson(std::string_view text, size_t max_bytes, int max_depth,
                                       std::string_view what);

}  // namespace whet::fleet
