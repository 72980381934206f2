#include "ops/subgraph_common.h"

#include <algorithm>

#include "ops/elements_common.h"

namespace whet::ops {

namespace {

Form MadeOptional(Form form) {
  if (form == Form::kTensor) return Form::kOptionalTensor;
  return form == Form::kSequence ? Form::kOptionalSequence : form;
}

// Of strings, their characters too, which were another tensor's until now.
TensorPtr Own(std::shared_ptr<Constant> tensor) {
  if (tensor->dtype() != DType::kString) return tensor;
  return Constant::Strings(tensor->shape(), tensor->strings());
}

}  // namespace

bool CanJoin(const Type& a, const Type& b) {
  return a.dtype == b.dtype && MadeOptional(a.form) == MadeOptional(b.form);
}

Type JoinTypes(const Type& a, const Type& b) {
  const Form form = a.form == b.form ? a.form : MadeOptional(a.form);
  if (!a.ranked || !b.ranked || a.rank() != b.rank()) return Type::Unranked(a.dtype).As(form);
  Type joined = a.As(form);
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
  return Own(std::move(slice));
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
    if (tensor->dtype() != stacked->dtype() || !(tensor->shape() == each)) {
      return Error(Code::kInvalidArgument, "an iteration gives %s where the one before gave %s",
                   tensor->shape().ToString().c_str(), each.ToString().c_str());
    }
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        CopyElement(tensor->view(), o * inner + i, stacked->view(), (o * count + t) * inner + i);
      }
    }
  }
  return Own(std::move(stacked));
}

Result<TensorPtr> Join(std::span<const TensorPtr> tensors, int axis) {
  Shape shape = tensors[0]->shape();
  int64_t outer = 1;
  for (int i = 0; i < axis; ++i) outer *= shape[i];
  int64_t length = 0;
  for (const TensorPtr& tensor : tensors) {
    Shape fitting = tensor->shape();
    if (fitting.rank() == shape.rank()) {
      length += fitting[axis];
      fitting[axis] = shape[axis];
    }
    if (tensor->dtype() != tensors[0]->dtype() || !(fitting == shape)) {
      return Error(Code::kInvalidArgument, "%s and %s cannot be joined along dimension %d",
                   shape.ToString().c_str(), tensor->shape().ToString().c_str(), axis);
    }
  }
  shape[axis] = length;
  auto joined = Constant::Allocate(tensors[0]->dtype(), shape);
  const int64_t row = outer > 0 ? shape.elements() / outer : 0;
  int64_t at = 0;
  for (const TensorPtr& tensor : tensors) {
    const int64_t part = outer > 0 ? tensor->view().elements() / outer : 0;
    for (int64_t o = 0; o < outer; ++o) {
      CopyElements(tensor->view(), o * part, joined->view(), o * row + at, part);
    }
    at += part;
  }
  return Own(std::move(joined));
}

TensorPtr SliceRange(const TensorPtr& tensor, int axis, int64_t begin, int64_t size) {
  Shape shape = tensor->shape();
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (i < axis) outer *= shape[i];
    if (i > axis) inner *= shape[i];
  }
  const int64_t from_row = shape[axis] * inner;
  shape[axis] = size;
  auto slice = Constant::Allocate(tensor->dtype(), shape);
  for (int64_t o = 0; o < outer; ++o) {
    CopyElements(tensor->view(), o * from_row + begin * inner, slice->view(), o * size * inner, size * inner);
  }
  return Own(std::move(slice));
}

}  // namespace whet::ops
