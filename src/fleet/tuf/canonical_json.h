// The form of JSON that signatures and key ids are computed over.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/status.h"

namespace whet::fleet {

// OLPC canonical JSON (http://wiki.laptop.org/go/Canonical_JSON) as TUF uses it: names sorted by code point,
// no spaces, only the quote and the backslash escaped. Refuses numbers that are not integers.
Result<std::string> CanonicalJson(const nlohmann::json& value);

}  // namespace whet::fleet
