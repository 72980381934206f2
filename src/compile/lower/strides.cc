#include "compile/lower/strides.h"

namespace whet {

std::vector<int64_t> StridesTo(const TensorDraft& tensor, const Shape& to) {
  std::vector<int64_t> strides(static_cast<size_t>(to.rank()), 0);
  const int shift = to.rank() - tensor.shape.rank();
  int64_t stride = 1;
  for (int d = tensor.shape.rank() - 1; d >= 0; --d) {
    if (tensor.shape[d] != 1) strides[static_cast<size_t>(d + shift)] = stride;
    stride = d == tensor.shape.rank() - 1 ? tensor.row_stride : stride * tensor.shape[d];
  }
  return strides;
}

}  // namespace whet
