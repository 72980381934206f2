// Puts a border around a tensor, or (with negative padding) takes one away.
//
// Operands: 0 output, dense; 1 input, dense. Units: blocks of output rows (last dimension, after neighbouring
// dimensions that are not padded were merged). Scratch: none.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::pad {

inline constexpr int kMaxDims = 6;

enum class Mode : int32_t {
  kConstant = 0,
  kEdge = 1,       // the nearest element
  kReflect = 2,    // mirrored at the edge element, which is not repeated
  kSymmetric = 3,  // mirrored at the edge, so that the edge element is repeated
  kWrap = 4,       // the other side
};

struct Params {
  Mode mode;
  int32_t element_bytes;  // 1, 2, 4 or 8
  int32_t dims;
  int32_t unused;
  uint8_t value[8];  // of kConstant: the element's bytes
  int64_t block_rows;
  int64_t out_size[kMaxDims];
  int64_t in_size[kMaxDims];
  int64_t before[kMaxDims];  // out_size - in_size - before is what comes after
};

// `value` holds element_bytes bytes, or is null for zeros. Fails if more than kMaxDims dimensions are left
// after merging, or if a mode other than kConstant has to fill a border from a dimension without elements.
Status Choose(Isa isa, Mode mode, int element_bytes, std::span<const int64_t> in_sizes,
              std::span<const int64_t> before, std::span<const int64_t> after, const void* value,
              Params* params, Choice* choice);

const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::pad
