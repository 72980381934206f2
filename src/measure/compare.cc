#include "measure/compare.h"

#include <cmath>

#include "ops/elements_common.h"

namespace whet {

namespace {

Status CompareStrings(const TensorView& expected, const TensorView& got) {
  for (int64_t i = 0; i < expected.elements(); ++i) {
    const std::string_view e = expected.as<const std::string_view>()[i];
    const std::string_view g = got.as<const std::string_view>()[i];
    if (e == g) continue;
    return Error(Code::kInvalidArgument, "element %lld is '%s' but should be '%s'", static_cast<long long>(i),
                 std::string(g).c_str(), std::string(e).c_str());
  }
  return {};
}

}  // namespace

Status CompareTensors(const TensorView& expected, const TensorView& got, const Tolerance& tolerance) {
  if (expected.dtype != got.dtype || expected.shape != got.shape) {
    return Error(Code::kInvalidArgument, "is %s of %s but should be %s of %s",
                 std::string(DTypeName(got.dtype)).c_str(), got.shape.ToString().c_str(),
                 std::string(DTypeName(expected.dtype)).c_str(), expected.shape.ToString().c_str());
  }
  if (expected.dtype == DType::kString) return CompareStrings(expected, got);
  const int64_t count = expected.elements();
  int64_t wrong = 0;
  int64_t worst = 0;
  double worst_excess = -1;
  for (int64_t i = 0; i < count; ++i) {
    double excess = 0;
    if (IsFloat(expected.dtype)) {
      const double e = ops::LoadFloat(expected, i);
      const double g = ops::LoadFloat(got, i);
      if (e == g || (std::isnan(e) && std::isnan(g))) continue;
      excess = std::abs(g - e) - (tolerance.absolute + tolerance.relative * std::abs(e));
      if (excess <= 0 && std::isfinite(e)) continue;
      if (!std::isfinite(excess)) excess = HUGE_VAL;
    } else {
      const int64_t e = ops::LoadInt(expected, i);
      const int64_t g = ops::LoadInt(got, i);
      if (e == g) continue;
      excess = std::abs(static_cast<double>(g) - static_cast<double>(e));
    }
    ++wrong;
    if (excess > worst_excess) {
      worst_excess = excess;
      worst = i;
    }
  }
  if (wrong == 0) return {};
  const auto text = [&](const TensorView& view) {
    return IsFloat(view.dtype) ? Format("%.9g", ops::LoadFloat(view, worst))
                               : Format("%lld", static_cast<long long>(ops::LoadInt(view, worst)));
  };
  return Error(Code::kInvalidArgument,
               "%lld of %lld elements differ; the worst, element %lld, is %s but should be %s",
               static_cast<long long>(wrong), static_cast<long long>(count), static_cast<long long>(worst),
               text(got).c_str(), text(expected).c_str());
}

}  // namespace whet
