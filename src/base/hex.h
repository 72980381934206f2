// Bytes as hexadecimal digits, two for each.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace whet {

// Lower case.
std::string ToHex(std::span<const uint8_t> bytes);
// Lower or upper case.
Result<std::vector<uint8_t>> FromHex(std::string_view text);

}  // namespace whet
