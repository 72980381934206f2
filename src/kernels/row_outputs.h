// Which operands a kernel writes. The runtime asks before it trusts a step, because some memory that operands
// may stand in (the weights, often a mapped file) must not be written.
#pragma once

#include <cstddef>

#include "kernels/kernel.h"

namespace whet::kernels {

// The row writes its operands 0 … RowOutputs - 1, those of them that are there, and no other. `row` is one of
// AllRows(); of any other, every operand counts as written. Thread-safe.
size_t RowOutputs(const Row& row);

}  // namespace whet::kernels
