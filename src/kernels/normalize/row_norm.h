// Normalization of rows: layer norm, RMS norm, L2 norm; f32.
//
// Operands: 0 output [rows, size]; 1 input [rows, size], which may be the same buffer; 2 scale [size] or
// absent; 3 shift [size] or absent. Units: rows. Scratch: none.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::row_norm {

enum class Kind : int32_t {
  kLayer = 0,   // (x - mean) / sqrt(variance + epsilon)
  kRms = 1,     // x / sqrt(mean of squares + epsilon)
  kL2 = 2,      // x / max(sqrt(sum of squares), epsilon)
  kL2Plus = 3,  // x / sqrt(sum of squares + epsilon)
};

struct Params {
  Kind kind;
  float epsilon;
  int64_t rows, size;
  int64_t out_stride, in_stride;  // between rows, in elements
};

Status Choose(Isa isa, const Params& params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::row_norm
