#include "ops/cast_common.h"

#include <algorithm>
#include <cmath>

#include "ops/elements_common.h"

namespace whet::ops {

void CastElements(const TensorView& from, const TensorView& to) {
  const int64_t count = to.elements();
  if (from.dtype == to.dtype) {
    CopyElements(from, 0, to, 0, count);
  } else if (IsFloat(from.dtype) && BitsOf(to.dtype) == 4) {
    const double low = to.dtype == DType::kI4 ? -8 : 0;
    for (int64_t i = 0; i < count; ++i)
      StoreFloat(to, i, std::clamp(std::nearbyint(LoadFloat(from, i)), low, low + 15));
  } else if (IsFloat(from.dtype) || (from.dtype == DType::kU64 && IsFloat(to.dtype))) {
    for (int64_t i = 0; i < count; ++i) StoreFloat(to, i, LoadFloat(from, i));
  } else {
    for (int64_t i = 0; i < count; ++i) StoreInt(to, i, LoadInt(from, i));
  }
}

}  // namespace whet::ops
