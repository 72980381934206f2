#include "ops/subgraph_common.h"

#include <algorithm>

#include "ops/elements_common.h"

namespace whet::ops {

Type JoinTypes(const Type& a, const Type& b) {
  if (!a.ranked || !b.ranked || a.rank() != b.rank()) return Type::Unranked(a.dtype);
  Type joined = a;
  for (size_t i = 0; i < a.dims.size(); ++i) {
    if (a.dims[i].Same(b.dims[i])) continue;
    joined.dims[i] = Dim(std::min(a.dims[i].lo, b.dims[i].lo), std::max(a.dims[i].hi, b.dims[i].hi));
  }
  return joined;
}

TensorPtr SliceAt(const TensorPtr& tensor, int axis, int64_t index) {
  const Shape& from = tensor->shape();
  Shape shape;
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < from.rank(); ++i) {
    if (i != axis) shape.push_back(from[i]);
    if (i < axis) outer *= from[i];
    if (i > axis) inner *= from[i];
  }
  auto slice = Constant::Allocate(tensor->dtype(), shape);
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; ++i) {
      CopyElement(tensor->view(), (o * from[axis] + index) * inner + i, slice->view(), o * inner + i);
    }
  }
  return slice;
}

Result<TensorPtr> Stack(std::span<const TensorPtr> tensors, int axis, const Type& element) {
  Shape each;
  if (!tensors.empty()) {
    each = tensors[0]->shape();
  } else {
    for (const Dim& dim : element.dims) each.push_back(dim.known() ? dim.lo : 0);
  }
  if (each.rank() + 1 > kMaxRank || axis > each.rank()) {
    return Error(Code::kUnsupported, "stacking tensors of %d dimensions along dimension %d", each.rank(),
                 axis);
  }
  const auto count = static_cast<int64_t>(tensors.size());
  Shape shape;
  int64_t outer = 1, inner = 1;
  for (int i = 0; i <= each.rank(); ++i) {
    if (i == axis) shape.push_back(count);
    if (i == each.rank()) break;
    shape.push_back(each[i]);
    (i < axis ? outer : inner) *= each[i];
  }
  auto stacked = Constant::Allocate(tensors.empty() ? element.dtype : tensors[0]->dtype(), shape);
  for (int64_t t = 0; t < count; ++t) {
    const TensorPtr& tensor = tensors[static_cast<size_t>(t)];
    if (!(tensor->shape() == each)) {
      return Error(Code::kInvalidArgument, "an iteration gives %s where the one before gave %s",
                   tensor->shape().ToString().c_str(), each.ToString().c_str());
    }
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        CopyElement(tensor->view(), o * inner + i, stacked->view(), (o * count + t) * inner + i);
      }
    }
  }
  return TensorPtr(std::move(stacked));
}

}  // namespace whet::ops
