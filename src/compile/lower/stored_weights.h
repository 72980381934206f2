// Constant weights for the kernels that read them as they are stored.
#pragma once

#include <optional>
#include <vector>

#include "compile/lowering.h"
#include "kernels/stored/stored.h"
#include "passes/stored_weights.h"

namespace whet {

struct StoredMatrix {
  StoredUse use = StoredUse::kNot;
  int64_t k = 0, n = 0;
  kernels::stored::Form form;
  std::vector<uint16_t> halves;
  std::vector<int16_t> integers;
  std::vector<float> scales;
  std::vector<int16_t> zeros;
  kernels::stored::Weights weights() const { return {halves, integers, scales, zeros}; }
};

// Of a MatMul or Conv: integers that DequantizeLinear would make floats.
std::optional<StoredMatrix> StoredIntegersOf(const Node& node);

// Floats, a k x n matrix or transposed, that 16 bits hold exactly, for a product with so many rows.
std::optional<StoredMatrix> StoredHalvesOf(const float* b, int64_t rows, int64_t k, int64_t n,
                                           bool transposed);

// The node's first input times the matrix, for so many rows, with the node's epilogue. False if the epilogue
// is of a kind that the kernels do not have; nothing is added then.
Result<bool> AddStoredProduct(const Node& node, int64_t rows, const StoredMatrix& matrix, Lowering& lowering);

// Of a node whose stored integers no kernel reads: nothing has computed them as floats for a reference
// either.
Status StoredWeightsNotRead(const Node& node);

}  // namespace whet
