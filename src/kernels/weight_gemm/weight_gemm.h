// C = epilogue(A B) in f32 for few rows of A and a constant B that stays in memory as it is stored
// (kernels/stored/stored.h). What bounds such a product is how fast B can be read, so it is made of as few
// bytes as possible and becomes floats in registers.
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
#include "kernels/stored/stored.h"

namespace whet::kernels::weight_gemm {

// With more rows than this, B is read too often in small pieces: gemm's is better made floats beforehand.
inline constexpr int64_t kMostRows = 8;

// All distances count floats.
struct Params {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  int64_t lda = 0;
  int64_t ldc = 0;
  int64_t ldr = 0;  // of the residual
  stored::Form form;
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

// B for `row` (one of this family's).
std::vector<uint8_t> Pack(const Row& row, const Params& params, const stored::Weights& weights);

}  // namespace whet::kernels::weight_gemm
