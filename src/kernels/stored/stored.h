// Constant matrices of products that stay in memory as a model stores them: in 16-bit floats, or in integers
// of 8 or 4 bits with one scale a column for each group of successive k.
//
//   b = f32(half)      b = f32(integer - zero) * scale       both exactly as DequantizeLinear and Cast have
//   it
//
// They lie in panels of as many columns as two vectors have lanes. stored_simd.h makes floats of them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace whet::kernels::stored {

// Numbers are written to plans.
enum class Format : uint32_t {
  kF16 = 0,
  kI8 = 1,  // -128 to 127
  kU4 = 2,  // 0 to 15; without zeros, 8 stands for 0
  kBf16 = 3,
};

struct Form {
  int64_t group = 0;  // k that share a scale; of 4 bits, even or all
  Format format = Format::kF16;
  uint32_t has_zeros = 0;  // of integers
};

constexpr bool IsHalf(Format format) { return format == Format::kF16 || format == Format::kBf16; }

// Null, or what is wrong with the form of a matrix of k rows.
const char* CheckForm(const Form& form, int64_t k);

// How a panel lies in memory: its groups one after the other, each the scales (f32), the zeros (a byte each,
// if there are any), then the weights, k by k; of 4 bits, k by two k, of which the second is in the upper
// halves. All in bytes.
struct PanelLayout {
  int64_t groups;
  int64_t scales;  // of a group
  int64_t zeros;
  int64_t weights;       // of a whole group
  int64_t last_weights;  // of the last group
  int64_t bytes;         // of the panel
};
PanelLayout LayOutPanel(const Form& form, int64_t k, int columns);

// Of a k x n matrix in panels of so many columns; nothing if 64 bits do not count the bytes.
std::optional<int64_t> PackedBytes(const Form& form, int64_t k, int64_t n, int columns);

// A matrix as a model has it: element (p, j) at p * n + j, scale and zero of group g at g * n + j.
struct Weights {
  std::span<const uint16_t> halves;  // of kF16 and kBf16
  std::span<const int16_t> integers;
  std::span<const float> scales;
  std::span<const int16_t> zeros;  // or empty
};
std::vector<uint8_t> Pack(const Form& form, int64_t k, int64_t n, int columns, const Weights& weights);

}  // namespace whet::kernels::stored
