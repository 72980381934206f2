// C = epilogue(A B): matrix products in f32, also batches of them.
//
// Operands: 0 C, 1 A, 2 B, 3 bias [n], 4 residual, 5 slope [n]; bias, residual and slope may be absent.
// A is m x k and C m x n, rows at any distance; residual is like C. B comes in one of these forms: packed
// beforehand by Pack (constant weights), or as it lies in memory, k x n or n x k (products of two
// activations). Those are packed on the fly where that pays. Up to three batch dimensions with a stride for
// every matrix; stride 0 repeats a matrix. One constant B may also stay as it is stored (stored/stored.h) and
// become floats block by block, each time it is used: that takes a few per cent of the time where there are
// many rows, and a half to an eighth of the memory.
//
// Work units: (batch, block of columns, block of rows), rows fastest. Scratch: the packed block of B, if any.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/kernel.h"
#include "kernels/stored/stored.h"

namespace whet::kernels::gemm {

// Numbers are written to plans.
enum class BForm : uint32_t {
  kPacked = 0,
  kRowMajor = 1,    // k x n
  kTransposed = 2,  // n x k
  kStored = 3,      // packed by PackStored
};

inline constexpr int kBatchDims = 3;

// All distances count floats.
struct Params {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  int64_t lda = 0;  // from a row of A to the next
  int64_t ldb = 0;  // unused if B is packed
  int64_t ldc = 0;
  int64_t ldr = 0;  // of the residual
  int64_t batch[kBatchDims] = {1, 1, 1};
  int64_t a_stride[kBatchDims] = {0, 0, 0};
  int64_t b_stride[kBatchDims] = {0, 0, 0};  // of packed matrices: PackedSize
  int64_t c_stride[kBatchDims] = {0, 0, 0};
  int64_t r_stride[kBatchDims] = {0, 0, 0};
  BForm b_form = BForm::kPacked;
  uint32_t pack_b = 0;  // filled by Choose: pack each unit's columns of B into scratch first
  int64_t m_tile = 0;   // filled by Choose: rows computed at once
  int64_t m_block = 0;  // filled by Choose: rows of a unit
  int64_t n_block = 0;  // filled by Choose: columns of a unit
  stored::Form stored;  // of kStored
  Epilogue epilogue;
};

struct TileRow {
  Row base;
  int tile_m;
  int tile_n;
  int lanes;
};

std::span<const TileRow> Rows();
void AppendRows(std::vector<const Row*>* rows);

Status Choose(Isa isa, Params* params, Choice* choice);
// The same with a given row.
Status Choose(const TileRow& row, Params* params, Choice* choice);

// Of one k x n matrix packed for `row` (one of this family's), in floats.
int64_t PackedSize(const Row& row, int64_t k, int64_t n);
// Element (p, j) of B is b[p * step_k + j * step_n].
void Pack(const Row& row, int64_t k, int64_t n, const float* b, int64_t step_k, int64_t step_n,
          float* packed);
// B of kStored.
std::vector<uint8_t> PackStored(const Row& row, const Params& params, const stored::Weights& weights);

}  // namespace whet::kernels::gemm
