#include "ops/reduce_common.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/elements_common.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

// Which dimensions go. With no axes all do, or none: then what is done before and after the sum is done all
// the same (ReduceSumSquare squares).
Result<std::vector<bool>> ReducedAxes(const Attributes& attributes, const std::vector<int64_t>& axes,
                                      int rank) {
  std::vector<bool> reduced(static_cast<size_t>(rank), axes.empty());
  if (axes.empty() && attributes.Int("noop_with_empty_axes") != 0) reduced.assign(reduced.size(), false);
  for (int64_t value : axes) {
    WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(value, rank));
    reduced[static_cast<size_t>(axis)] = true;
  }
  return reduced;
}

}  // namespace

Status InferReduce(InferContext& context) {
  const Type& x = context.input(0);
  const bool keep = context.attributes().Int("keepdims", 1) != 0;
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  std::vector<int64_t> axes;
  const DType axes_type = context.HasInput(1) ? context.input(1).dtype : DType::kI64;
  if (axes_type != DType::kI64 && axes_type != DType::kI32) {
    return Error(Code::kBadFile, "the axes are %s; they must be integers",
                 ToString(context.input(1)).c_str());
  }
  if (context.HasInput(1) && !context.IntValues(1, &axes)) {
    if (!keep) {
      const Dim count = LengthOf(context, 1);
      // More than one may name the same dimension twice.
      const bool known = count.known() && count.lo == 1 && x.rank() >= 1;
      context.SetOutput(0, UnknownDims(x.dtype, known ? Dim(x.rank() - count.lo) : Dim()));
      return {};
    }
    std::vector<Dim> dims;
    for (const Dim& dim : x.dims)
      dims.emplace_back(std::min<int64_t>(dim.lo, 1), std::max<int64_t>(dim.hi, 1));
    context.SetOutput(0, Type(x.dtype, std::move(dims)));
    return {};
  }
  WHET_ASSIGN_OR_RETURN(const std::vector<bool> reduced, ReducedAxes(context.attributes(), axes, x.rank()));
  std::vector<Dim> dims;
  for (size_t i = 0; i < reduced.size(); ++i) {
    if (!reduced[i]) {
      dims.push_back(x.dims[i]);
    } else if (keep) {
      dims.emplace_back(1);
    }
  }
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

namespace {

double StartOf(Reduction reduction) {
  switch (reduction) {
    case Reduction::kMax: return -std::numeric_limits<double>::infinity();
    case Reduction::kMin: return std::numeric_limits<double>::infinity();
    case Reduction::kProd: return 1;
    default: return 0;
  }
}

double Step(Reduction reduction, double sum, double x) {
  switch (reduction) {
    case Reduction::kMax: return x > sum || std::isnan(x) ? x : sum;
    case Reduction::kMin: return x < sum || std::isnan(x) ? x : sum;
    case Reduction::kProd: return sum * x;
    case Reduction::kL1: return sum + std::abs(x);
    case Reduction::kL2:
    case Reduction::kSumSquare: return sum + x * x;
    default: return sum + x;
  }
}

double Finish(Reduction reduction, double sum, int64_t count) {
  switch (reduction) {
    case Reduction::kMean: return sum / static_cast<double>(count);
    case Reduction::kL2: return std::sqrt(sum);
    case Reduction::kLogSum: return std::log(sum);
    default: return sum;
  }
}

// Only for those whose result is an integer again.
int64_t IntegerStep(Reduction reduction, int64_t sum, int64_t x, bool is_unsigned) {
  const auto a = static_cast<uint64_t>(sum);
  const auto b = static_cast<uint64_t>(x);
  switch (reduction) {
    case Reduction::kMax: return (is_unsigned ? b > a : x > sum) ? x : sum;
    case Reduction::kMin: return (is_unsigned ? b < a : x < sum) ? x : sum;
    case Reduction::kProd: return static_cast<int64_t>(a * b);
    case Reduction::kL1: return static_cast<int64_t>(a + (x < 0 && !is_unsigned ? 0 - b : b));
    case Reduction::kSumSquare: return static_cast<int64_t>(a + b * b);
    default: return static_cast<int64_t>(a + b);
  }
}

bool IsExactInIntegers(Reduction reduction) {
  return reduction != Reduction::kL2 && reduction != Reduction::kLogSum && reduction != Reduction::kLogSumExp;
}

// The largest or smallest number of an integer type, with which a maximum or minimum starts.
int64_t IntegerStart(Reduction reduction, DType dtype) {
  if (reduction == Reduction::kProd) return 1;
  if (reduction != Reduction::kMax && reduction != Reduction::kMin) return 0;
  const int bits = dtype == DType::kBool ? 1 : BitsOf(dtype);
  const uint64_t ones = bits == 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1;
  const bool is_signed = IsSignedInteger(dtype);
  if (reduction == Reduction::kMax) return is_signed ? -static_cast<int64_t>(ones / 2) - 1 : 0;
  return static_cast<int64_t>(is_signed ? ones / 2 : ones);
}

void ReduceIntegers(const TensorView& x, const TensorView& y, const std::vector<int64_t>& strides,
                    int64_t count, Reduction reduction, std::span<int64_t> sums) {
  std::fill(sums.begin(), sums.end(), IntegerStart(reduction, x.dtype));
  const bool is_unsigned = x.dtype == DType::kU64;
  int64_t i = 0;
  for (IndexWalk walk(x.shape, {strides}); !walk.done(); walk.Next(), ++i) {
    int64_t& sum = sums[static_cast<size_t>(walk.offset(0))];
    sum = IntegerStep(reduction, sum, LoadInt(x, i), is_unsigned);
  }
  for (size_t k = 0; k < sums.size(); ++k) {
    if (reduction == Reduction::kMean) sums[k] = count == 0 ? 0 : sums[k] / count;
    StoreInt(y, static_cast<int64_t>(k), sums[k]);
  }
}

void ReduceFloats(const TensorView& x, const TensorView& y, const std::vector<int64_t>& strides,
                  int64_t count, Reduction reduction, std::span<double> sums) {
  std::fill(sums.begin(), sums.end(), StartOf(reduction));
  int64_t i = 0;
  for (IndexWalk walk(x.shape, {strides}); !walk.done(); walk.Next(), ++i) {
    double& sum = sums[static_cast<size_t>(walk.offset(0))];
    sum = Step(reduction, sum, LoadFloat(x, i));
  }
  for (size_t k = 0; k < sums.size(); ++k)
    StoreFloat(y, static_cast<int64_t>(k), Finish(reduction, sums[k], count));
}

// log(sum(exp(x))) = max + log(sum(exp(x - max))), which does not overflow.
void ReduceLogSumExp(const TensorView& x, const TensorView& y, const std::vector<int64_t>& strides,
                     std::span<double> sums, std::span<double> peaks) {
  std::fill(sums.begin(), sums.end(), 0);
  std::fill(peaks.begin(), peaks.end(), -std::numeric_limits<double>::infinity());
  int64_t i = 0;
  for (IndexWalk walk(x.shape, {strides}); !walk.done(); walk.Next(), ++i) {
    double& peak = peaks[static_cast<size_t>(walk.offset(0))];
    peak = std::max(peak, LoadFloat(x, i));
  }
  i = 0;
  for (IndexWalk walk(x.shape, {strides}); !walk.done(); walk.Next(), ++i) {
    const auto k = static_cast<size_t>(walk.offset(0));
    if (std::isfinite(peaks[k])) sums[k] += std::exp(LoadFloat(x, i) - peaks[k]);
  }
  for (size_t k = 0; k < sums.size(); ++k) {
    const double value = std::isfinite(peaks[k]) ? peaks[k] + std::log(sums[k]) : peaks[k];
    StoreFloat(y, static_cast<int64_t>(k), value);
  }
}

}  // namespace

Status ReduceReference(ReferenceContext& context, Reduction reduction) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const std::vector<int64_t> axes = context.HasInput(1) ? IntsOf(context.input(1)) : std::vector<int64_t>();
  WHET_ASSIGN_OR_RETURN(const std::vector<bool> reduced,
                        ReducedAxes(context.attributes(), axes, x.shape.rank()));
  // The output's strides at the input's dimensions, 0 where reduced.
  std::vector<int64_t> strides(reduced.size(), 0);
  int64_t stride = 1;
  int64_t count = 1;
  for (int d = x.shape.rank() - 1; d >= 0; --d) {
    const auto axis = static_cast<size_t>(d);
    if (reduced[axis]) {
      count *= x.shape[d];
    } else {
      strides[axis] = stride;
      stride *= x.shape[d];
    }
  }
  if (stride != y.elements()) return Error(Code::kInternal, "axes changed after shapes were inferred");
  if (!IsFloat(x.dtype) && IsExactInIntegers(reduction)) {
    ReduceIntegers(x, y, strides, count, reduction, context.Scratch<int64_t>(stride));
  } else if (reduction == Reduction::kLogSumExp) {
    ReduceLogSumExp(x, y, strides, context.Scratch<double>(stride), context.Scratch<double>(stride));
  } else {
    ReduceFloats(x, y, strides, count, reduction, context.Scratch<double>(stride));
  }
  return {};
}

}  // namespace whet::ops
