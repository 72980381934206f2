// C = epilogue(A B) in f32 for few rows of A and a constant B that stays in memory as it is stored: in 16-bit
// floats, or in integers of 8 or 4 bits with one scale a column for each group of successive k. What bounds
// such a product is how fast B can be read, so it is made of as few bytes as possible and becomes floats in
// registers:
//
//   b = f32(half)      b = f32(integer - zero) * scale       both exactly as DequantizeLinear and Cast have
//   it
//
// Operands: 0 C, 1 A, 2 B packed by Pack, 3 bias [n], 4 residual, 5 slope [n]; bias, residual and slope may
// be absent. A is m x k and C m x n, rows at any distance; residual is like C. Units: blocks of columns.
// Scratch: none.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/kernel.h"

namespace whet::kernels::weight_gemm {

// Numbers are written to plans.
enum class Format : uint32_t {
  kF16 = 0,
  kI8 = 1,  // -128 to 127
  kU4 = 2,  // 0 to 15; without zeros, 8 stands for 0
};

// With more rows than this, B is read too often in small pieces: gemm's is better made floats beforehand.
inline constexpr int64_t kMostRows = 8;

// All distances count floats.
struct Params {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  int64_t lda = 0;
  int64_t ldc = 0;
  int64_t ldr = 0;    // of the residual
  int64_t group = 0;  // k that share a scale; of 4 bits, even or all
  Format format = Format::kF16;
  uint32_t has_zeros = 0;
  int64_t n_block = 0;  // filled by Choose: columns of a unit
  Epilogue epilogue;
};

struct PanelRow {
  Row base;
  int columns;  // of a panel
};

std::span<const PanelRow> Rows();
void AppendRows(std::vector<const Row*>* rows);

Status Choose(Isa isa, Params* params, Choice* choice);
// The same with a given row.
Status Choose(const PanelRow& row, Params* params, Choice* choice);

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
PanelLayout LayOutPanel(const Params& params, int columns);

// B as a model has it: element (p, j) at p * n + j, scale and zero of group g at g * n + j.
struct Weights {
  std::span<const uint16_t> halves;  // kF16
  std::span<const int16_t> integers;
  std::span<const float> scales;
  std::span<const int16_t> zeros;  // or empty
};
std::vector<uint8_t> Pack(const Row& row, const Params& params, const Weights& weights);

}  // namespace whet::kernels::weight_gemm
