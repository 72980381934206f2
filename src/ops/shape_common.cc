#include "ops/shape_common.h"

#include <algorithm>
#include <cstring>

#include "ops/elements_common.h"

namespace whet::ops {

Result<int> AxisOf(int64_t value, int rank) {
  const int axis = NormalizeAxis(value, rank);
  if (axis < 0) {
    return Error(Code::kBadFile, "axis %lld does not exist in an input of %d dimensions",
                 static_cast<long long>(value), rank);
  }
  return axis;
}

Result<std::vector<int>> AxesOf(std::span<const int64_t> values, int rank) {
  std::vector<int> axes;
  for (int64_t value : values) {
    WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(value, rank));
    if (std::find(axes.begin(), axes.end(), axis) != axes.end()) {
      return Error(Code::kBadFile, "axis %d is named twice", axis);
    }
    axes.push_back(axis);
  }
  return axes;
}

Result<Dim> Meet(const Dim& a, const Dim& b) {
  if (a == b || (a.known() && b.lo <= a.lo && a.lo <= b.hi)) return a;
  if (b.known() && a.lo <= b.lo && b.lo <= a.hi) return b;
  Dim dim(std::max(a.lo, b.lo), std::min(a.hi, b.hi));
  if (dim.lo > dim.hi) {
    return Error(Code::kBadFile, "a dimension would have to be both %s and %s", ToString(a).c_str(),
                 ToString(b).c_str());
  }
  if (!dim.known()) dim.symbol = a.symbol.empty() ? b.symbol : a.symbol;
  return dim;
}

Dim ProductOf(std::span<const Dim> dims) {
  Dim product(1);
  for (const Dim& dim : dims) product = product * dim;
  return product;
}

Type UnknownDims(DType dtype, const Dim& rank) {
  if (!rank.known() || rank.lo > kMaxRank) return Type::Unranked(dtype);
  return Type(dtype, std::vector<Dim>(static_cast<size_t>(rank.lo)));
}

Dim LengthOf(const InferContext& context, size_t i) {
  const Type& type = context.input(i);
  if (!type.ranked) return Dim();
  return ProductOf(type.dims);
}

Status CheckIntegers(const InferContext& context, size_t i, const char* what) {
  if (!context.HasInput(i)) return {};
  const DType dtype = context.input(i).dtype;
  if (dtype == DType::kUndefined || IsInteger(dtype)) return {};
  return Error(Code::kBadFile, "the %s is %s; it must be integers", what, ToString(context.input(i)).c_str());
}

Result<int64_t> CheckedIndex(int64_t index, int64_t size) {
  const int64_t absolute = index < 0 ? index + size : index;
  if (absolute < 0 || absolute >= size) {
    return Error(Code::kInvalidArgument, "index %lld is outside a dimension of %lld",
                 static_cast<long long>(index), static_cast<long long>(size));
  }
  return absolute;
}

Status CopyReference(ReferenceContext& context) {
  const TensorView& y = context.output(0);
  if (y.bytes() > 0) std::memcpy(y.data, context.input(0).data, y.bytes());
  return {};
}

}  // namespace whet::ops
