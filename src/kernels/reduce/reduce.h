// Reductions of f32 over any set of axes.
//
// Operands: 0 output, dense over the kept axes in their order; 1 input, strided. Units: outputs, in blocks
// along the innermost kept axis. Scratch: none.
//
// Sums are taken in several independent parts, so their error grows far slower than the number of terms; the
// parts do not depend on how units are spread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::reduce {

enum class Op : int32_t {
  kSum = 0,
  kMean = 1,
  kMax = 2,  // NaN if any is
  kMin = 3,
  kProd = 4,
  kL1 = 5,  // sum of |x|
  kL2 = 6,  // sqrt of the sum of squares
  kSumSquare = 7,
  kLogSum = 8,
  kLogSumExp = 9,
};
inline constexpr int kOpCount = 10;

inline constexpr int kMaxDims = 4;  // kept and reduced, each, after merging

struct Params {
  Op op;
  int32_t horizontal;               // the last reduced axis is contiguous, and there is no inner
  int32_t kept_dims, reduced_dims;  // reduced: at least 1
  int64_t kept_size[kMaxDims], kept_stride[kMaxDims];  // without inner; strides of the input
  int64_t reduced_size[kMaxDims], reduced_stride[kMaxDims];
  int64_t inner;        // the innermost kept axis if it is contiguous in the input, else 1
  int64_t inner_block;  // how much of it a unit does
};

// Over the axes d with reduce[d]. An empty reduction gives the operator's neutral value (NaN for the mean).
Status Choose(Isa isa, Op op, std::span<const int64_t> dims, std::span<const int64_t> in_strides,
              const std::vector<bool>& reduce, Params* params, Choice* choice);

const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::reduce
