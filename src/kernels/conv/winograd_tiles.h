// The tiles of Winograd's method F(4x4, 3x3) for convolutions with stride 1. Include it only from *_isa.cc.
#pragma once

#include <cstdint>

#include "kernels/conv/winograd_blocking.h"

namespace whet::kernels::WHET_ISA {

// Of 4x4 outputs each; numbered row by row, image by image.
struct WinogradTiles {
  static constexpr int64_t kTile = conv::kWinogradTile;
  static constexpr int64_t kInputs = conv::kWinogradInputs;
  explicit WinogradTiles(const conv::Geometry& p)
      : rows((p.out_h + kTile - 1) / kTile), columns((p.out_w + kTile - 1) / kTile) {}
  int64_t rows;
  int64_t columns;
};

// Pointers to the 6x6 inputs under tile number t; where an input is in the padding, to that.
template <typename T>
void FillWinogradTile(const conv::Geometry& p, const WinogradTiles& tiles, const T* input, const T* padding,
                      int64_t t, const T** taps) {
  const T* image = input + t / tiles.columns / tiles.rows * p.in_h * p.in_w * p.in_stride;
  const int64_t y0 = t / tiles.columns % tiles.rows * WinogradTiles::kTile - p.pad_top;
  const int64_t x0 = t % tiles.columns * WinogradTiles::kTile - p.pad_left;
  for (int64_t y = y0; y < y0 + WinogradTiles::kInputs; ++y) {
    const bool inside = y >= 0 && y < p.in_h;
    const T* row = image + (inside ? y * p.in_w * p.in_stride : 0);
    for (int64_t x = x0; x < x0 + WinogradTiles::kInputs; ++x) {
      *taps++ = inside && x >= 0 && x < p.in_w ? row + x * p.in_stride : padding;
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
