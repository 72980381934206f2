// A bitmap font of 5 x 7 pixels for labels on pictures.
#pragma once

#include <array>
#include <cstdint>

namespace whet::data {

inline constexpr int kGlyphWidth = 5;
inline constexpr int kGlyphHeight = 7;

// The rows from the top; bit 4 is the leftmost pixel. Small letters look like capitals; a character that is
// not drawn is a frame.
std::array<uint8_t, kGlyphHeight> GlyphRows(char c);

}  // namespace whet::data
