#include "ops/elementwise_common.h"

#include <algorithm>
#include <utility>

#include "ops/elements_common.h"

namespace whet::ops {

Result<std::vector<Dim>> BroadcastDims(std::span<const Dim> a, std::span<const Dim> b) {
  if (a.size() < b.size()) std::swap(a, b);
  std::vector<Dim> dims(a.begin(), a.end());
  const size_t shift = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    Dim& x = dims[i + shift];
    const Dim& y = b[i];
    if (x.Same(y) || (y.known() && y.lo == 1)) continue;
    if (x.known() && x.lo == 1) {
      x = y;
    } else if (x.known() && y.known()) {
      return Error(Code::kBadFile, "shapes %s and %s cannot be broadcast together",
                   ToString(Type(DType::kUndefined, {a.begin(), a.end()})).c_str(),
                   ToString(Type(DType::kUndefined, {b.begin(), b.end()})).c_str());
    } else if (x.known() || y.known()) {
      // The other one is 1 or the same.
      if (!x.known()) x = y;
    } else {
      x = Dim(std::min(x.lo, y.lo), std::max(x.hi, y.hi));
    }
  }
  return dims;
}

bool BroadcastsOver(std::span<const Dim> x, std::span<const Dim> parameter) {
  const auto dims = BroadcastDims(x, parameter);
  if (!dims.ok() || dims->size() != x.size()) return false;
  for (size_t i = 0; i < x.size(); ++i) {
    if ((*dims)[i].lo > x[i].hi || (*dims)[i].hi < x[i].lo) return false;
  }
  return true;
}

Result<Type> BroadcastInputs(const InferContext& context, DType dtype) {
  std::vector<Dim> dims;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.HasInput(i)) continue;
    if (!context.input(i).ranked) return Type::Unranked(dtype);
    WHET_ASSIGN_OR_RETURN(dims, BroadcastDims(dims, context.input(i).dims));
  }
  return Type(dtype, std::move(dims));
}

Status InferSameType(InferContext& context) {
  context.SetOutput(0, context.input(0));
  return {};
}

Status InferUnaryToBool(InferContext& context) {
  Type type = context.input(0);
  type.dtype = DType::kBool;
  context.SetOutput(0, std::move(type));
  return {};
}

namespace {

Status CheckSameDType(const InferContext& context) {
  for (size_t i = 1; i < context.input_count(); ++i) {
    if (context.HasInput(i) && context.input(i).dtype != context.input(0).dtype) {
      return Error(Code::kBadFile, "input 0 is %s but input %zu is %s; they must be of one type",
                   std::string(DTypeName(context.input(0).dtype)).c_str(), i,
                   std::string(DTypeName(context.input(i).dtype)).c_str());
    }
  }
  return {};
}

}  // namespace

Status InferBroadcast(InferContext& context) {
  WHET_RETURN_IF_ERROR(CheckSameDType(context));
  WHET_ASSIGN_OR_RETURN(Type type, BroadcastInputs(context, context.input(0).dtype));
  context.SetOutput(0, std::move(type));
  return {};
}

Status InferBroadcastIntegers(InferContext& context) {
  if (IsFloat(context.input(0).dtype)) {
    return Error(Code::kBadFile, "the operator is for integers, not for %s",
                 std::string(DTypeName(context.input(0).dtype)).c_str());
  }
  return InferBroadcast(context);
}

Status InferBroadcastToBool(InferContext& context) {
  WHET_RETURN_IF_ERROR(CheckSameDType(context));
  WHET_ASSIGN_OR_RETURN(Type type, BroadcastInputs(context, DType::kBool));
  context.SetOutput(0, std::move(type));
  return {};
}

Status UnaryReference(ReferenceContext& context, double (*f)(double), int64_t (*g)(int64_t)) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const bool integral = !IsFloat(x.dtype) && g != nullptr;
  for (int64_t i = 0; i < y.elements(); ++i) {
    if (integral) {
      StoreInt(y, i, g(LoadInt(x, i)));
    } else {
      StoreFloat(y, i, f(LoadFloat(x, i)));
    }
  }
  return {};
}

Status BinaryReference(ReferenceContext& context, double (*f)(double, double), int64_t (*g)(int64_t, int64_t),
                       uint64_t (*h)(uint64_t, uint64_t)) {
  const TensorView& a = context.input(0);
  const TensorView& b = context.input(1);
  const TensorView& y = context.output(0);
  const bool integral = !IsFloat(a.dtype);
  const bool unsigned_64 = a.dtype == DType::kU64 && h != nullptr;
  int64_t i = 0;
  for (IndexWalk walk(y.shape, {BroadcastStrides(a.shape, y.shape), BroadcastStrides(b.shape, y.shape)});
       !walk.done(); walk.Next(), ++i) {
    if (unsigned_64) {
      StoreInt(y, i,
               static_cast<int64_t>(h(a.as<uint64_t>()[walk.offset(0)], b.as<uint64_t>()[walk.offset(1)])));
    } else if (integral) {
      StoreInt(y, i, g(LoadInt(a, walk.offset(0)), LoadInt(b, walk.offset(1))));
    } else {
      StoreFloat(y, i, f(LoadFloat(a, walk.offset(0)), LoadFloat(b, walk.offset(1))));
    }
  }
  return {};
}

Status VariadicReference(ReferenceContext& context, double (*f)(double, double),
                         int64_t (*g)(int64_t, int64_t), uint64_t (*h)(uint64_t, uint64_t)) {
  const TensorView& y = context.output(0);
  const bool unsigned_64 = y.dtype == DType::kU64 && h != nullptr;
  std::vector<std::vector<int64_t>> strides;
  for (size_t k = 0; k < context.input_count(); ++k) {
    strides.push_back(BroadcastStrides(context.input(k).shape, y.shape));
  }
  int64_t i = 0;
  for (IndexWalk walk(y.shape, std::move(strides)); !walk.done(); walk.Next(), ++i) {
    if (IsFloat(y.dtype)) {
      double sum = LoadFloat(context.input(0), walk.offset(0));
      for (size_t k = 1; k < context.input_count(); ++k)
        sum = f(sum, LoadFloat(context.input(k), walk.offset(k)));
      StoreFloat(y, i, sum);
      continue;
    }
    int64_t sum = LoadInt(context.input(0), walk.offset(0));
    for (size_t k = 1; k < context.input_count(); ++k) {
      const int64_t next = LoadInt(context.input(k), walk.offset(k));
      sum = unsigned_64 ? static_cast<int64_t>(h(static_cast<uint64_t>(sum), static_cast<uint64_t>(next)))
                        : g(sum, next);
    }
    StoreInt(y, i, sum);
  }
  return {};
}

}  // namespace whet::ops
