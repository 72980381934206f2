// What the reductions share. In the Graph their axes are input 1 (absent: all axes).
#pragma once

#include "ir/op_def.h"

namespace whet::ops {

enum class Reduction { kSum, kMean, kMax, kMin, kProd, kL1, kL2, kLogSum, kLogSumExp, kSumSquare };

Status InferReduce(InferContext& context);
// Accumulates floats in double and integers in 64 bits.
Status ReduceReference(ReferenceContext& context, Reduction reduction);

inline constexpr AttributeDef kReduceAttributes[] = {{"keepdims", AttributeKind::kInt},
                                                     {"noop_with_empty_axes", AttributeKind::kInt}};

}  // namespace whet::ops
