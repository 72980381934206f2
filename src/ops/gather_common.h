// What the operators that gather from and scatter to single elements share.
#pragma once

#include "ir/op_def.h"

namespace whet::ops {

// Of GatherElements and ScatterElements: the indices have the data's rank, and stay inside it but along
// `axis`.
Status CheckElementIndices(const Type& data, const Type& indices, int axis);

// ScatterElements' and ScatterND's way of combining what is there with the update.
enum class ScatterReduction { kNone, kAdd, kMul, kMin, kMax };
Result<ScatterReduction> ScatterReductionOf(const Attributes& attributes);
// Element j of y becomes its combination with element i of the updates.
void ScatterElement(ScatterReduction reduction, const TensorView& updates, int64_t i, const TensorView& y,
                    int64_t j);

}  // namespace whet::ops
