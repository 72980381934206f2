// Products with few rows by constant weights that kernels read as they are stored: what bounds them is the
// bytes of the weights.
#pragma once

#include <cstdint>
#include <optional>

#include "ir/graph.h"

namespace whet {

// The weights of a MatMul, as DequantizeLinear has them.
struct StoredWeights {
  const Node* dequantize;
  int64_t rows;     // of the left matrix
  int64_t k, n;     // of the weights
  bool transposed;  // the integers are n x k
  int64_t group;    // k that share a scale
  bool single;      // one scale for all
};

// Products of fewer weights are not worth it, of more rows are faster with weights that are floats
// beforehand.
bool HasFewRows(int64_t rows, int64_t k, int64_t n);

// Of a MatMul whose right operand is dequantized from constants: i8, u8, i4 or u4, with scales by column, by
// group of successive k, or one for all. Nothing if kernels do not take them so.
std::optional<StoredWeights> StoredWeightsOf(const Node& matmul);

// Whether all readers of a DequantizeLinear take its integers so; it then has nothing to do.
bool StaysStored(const Node& dequantize);

}  // namespace whet
