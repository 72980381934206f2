#include "ops/gather_common.h"

#include <algorithm>

#include "ops/elements_common.h"

namespace whet::ops {

Status CheckElementIndices(const Type& data, const Type& indices, int axis) {
  if (!data.ranked || !indices.ranked) return {};
  bool fits = data.rank() == indices.rank();
  for (int d = 0; fits && d < data.rank(); ++d) {
    fits = d == axis || indices.dims[static_cast<size_t>(d)].lo <= data.dims[static_cast<size_t>(d)].hi;
  }
  if (fits) return {};
  return Error(Code::kBadFile, "the indices %s do not fit the data %s", ToString(indices).c_str(),
               ToString(data).c_str());
}

Result<ScatterReduction> ScatterReductionOf(const Attributes& attributes) {
  const std::string_view name = attributes.String("reduction", "none");
  if (name == "none") return ScatterReduction::kNone;
  if (name == "add") return ScatterReduction::kAdd;
  if (name == "mul") return ScatterReduction::kMul;
  if (name == "min") return ScatterReduction::kMin;
  if (name == "max") return ScatterReduction::kMax;
  return Error(Code::kBadFile, "reduction is '%s'; it must be none, add, mul, min or max",
               std::string(name).c_str());
}

void ScatterElement(ScatterReduction reduction, const TensorView& updates, int64_t i, const TensorView& y,
                    int64_t j) {
  const bool multiply = reduction == ScatterReduction::kMul;
  switch (reduction) {
    case ScatterReduction::kNone: CopyElement(updates, i, y, j); return;
    case ScatterReduction::kMin:
      if (CompareElements(updates, i, y, j) < 0) CopyElement(updates, i, y, j);
      return;
    case ScatterReduction::kMax:
      if (CompareElements(updates, i, y, j) > 0) CopyElement(updates, i, y, j);
      return;
    case ScatterReduction::kAdd:
    case ScatterReduction::kMul:
      if (IsFloat(y.dtype)) {
        const double a = LoadFloat(y, j);
        const double b = LoadFloat(updates, i);
        StoreFloat(y, j, multiply ? a * b : a + b);
      } else {
        const auto a = static_cast<uint64_t>(LoadInt(y, j));
        const auto b = static_cast<uint64_t>(LoadInt(updates, i));
        StoreInt(y, j, static_cast<int64_t>(multiply ? a * b : a + b));
      }
  }
}

}  // namespace whet::ops
