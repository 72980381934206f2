// What MediaPipe's custom operators on landmarks share. A landmark is a point (x, y) or (x, y, z); a
// transform is a 4x4 matrix [1, 4, 4] of which the first two rows count, and of these the columns 0, 1 and 3.
#pragma once

#include "ir/foreign.h"

namespace whet::ops {

// The columns of rows x and y that are multiplied with (x, y, 1): [1, 2, 3].
Value* PlaneTransform(GraphBuilder& builder, Value* transform);
// The constant [1, n, width] of these floats.
Value* FloatRows(GraphBuilder& builder, std::span<const float> values, int64_t width);

}  // namespace whet::ops
