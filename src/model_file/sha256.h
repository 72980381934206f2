// SHA-256 (FIPS 180-4), by which tensors and the index of a Model file are named and checked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace whet {

using Sha256 = std::array<uint8_t, 32>;

Sha256 Sha256Of(std::span<const std::byte> bytes);

}  // namespace whet
