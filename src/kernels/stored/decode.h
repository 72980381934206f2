// Panels of stored weights become the packed panels of floats that the tiles read (gemm/tile.h). Include it
// only from *_isa.cc.
#pragma once

#include "kernels/simd/simd.h"
#include "kernels/stored/stored.h"

namespace whet::kernels::WHET_ISA {

// `n` columns of a matrix with k rows; `panels` begin at the first of them.
void DecodePanels(const stored::Form& form, int64_t k, int64_t n, const uint8_t* panels, float* to);

}  // namespace whet::kernels::WHET_ISA
