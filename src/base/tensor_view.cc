#include "base/tensor_view.h"

namespace whet {

std::string Shape::ToString() const {
  if (rank_ == 0) return "scalar";
  std::string text;
  for (int i = 0; i < rank_; ++i) {
    if (i > 0) text += 'x';
    text += std::to_string(dims_[i]);
  }
  return text;
}

int64_t CheckedElementCount(std::span<const int64_t> dims) {
  constexpr int64_t kLimit = int64_t{1} << 40;
  if (dims.size() > kMaxRank) return -1;
  int64_t count = 1;
  bool empty = false;
  for (int64_t dim : dims) {
    if (dim < 0) return -1;
    if (dim == 0) {
      empty = true;
    } else if (count > kLimit / dim) {
      return -1;
    } else {
      count *= dim;
    }
  }
  return empty ? 0 : count;
}

}  // namespace whet
