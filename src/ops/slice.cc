#include <algorithm>

#include "ops/elements_common.h"
#include "ops/shape_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

// ONNX spells "to the end" with a number beyond any dimension.
constexpr int64_t kFar = int64_t{1} << 31;

struct Cut {
  int64_t start;
  int64_t end;
  int64_t step;
};

// The cut of a dimension of that size, within it: elements start, start + step, … before end.
struct Span {
  int64_t start;
  int64_t count;
};
Span Resolve(const Cut& cut, int64_t size) {
  // No dimension exceeds kUnbounded, so nothing overflows; what lies farther is before the first element.
  const auto absolute = [&](int64_t position) -> int64_t {
    if (position <= -Dim::kUnbounded) return -1;
    position = std::min(position, Dim::kUnbounded);
    return position < 0 ? position + size : position;
  };
  if (cut.step > 0) {
    const int64_t start = std::clamp<int64_t>(absolute(cut.start), 0, size);
    const int64_t end = std::clamp<int64_t>(absolute(cut.end), 0, size);
    return {start, end > start ? (end - start - 1) / cut.step + 1 : 0};
  }
  const int64_t start = std::clamp<int64_t>(absolute(cut.start), -1, size - 1);
  const int64_t end = std::clamp<int64_t>(absolute(cut.end), -1, size - 1);
  if (end >= start) return {0, 0};
  return {start, cut.step == INT64_MIN ? 1 : (start - end - 1) / -cut.step + 1};
}

Dim CutDim(const Cut& cut, const Dim& dim) {
  if (dim.known()) return Dim(Resolve(cut, dim.lo).count);
  if (cut.start == 0 && cut.end >= kFar && cut.step == 1) return dim;
  const Cut forward = cut.step > 0 ? cut : Cut{cut.end, cut.start, -cut.step};
  const int64_t low = Resolve(cut, dim.lo).count;
  const int64_t high = Resolve(cut, std::min(dim.hi, Dim::kUnbounded)).count;
  // Beyond any tensor: not a bound.
  const int64_t upper = high > (int64_t{1} << 41) ? Dim::kUnbounded : high;
  // The length grows with the dimension, except from a place counted from the end to one counted from the
  // start.
  const bool grows = forward.start >= 0 || forward.end < 0 || forward.start <= -kFar || forward.end >= kFar;
  if (grows) return Dim(std::min(low, upper), upper);
  const int64_t most = std::min({dim.hi, -forward.start, forward.end + 1});
  return Dim(0, most < 0 ? 0 : CeilDiv(most, forward.step));
}

// One cut for each of the input's dimensions.
Result<std::vector<Cut>> CutsOf(std::span<const int64_t> starts, std::span<const int64_t> ends,
                                const std::vector<int64_t>* axes, const std::vector<int64_t>* steps,
                                int rank) {
  std::vector<Cut> cuts(static_cast<size_t>(rank), {0, INT64_MAX, 1});
  if (ends.size() != starts.size() || (axes != nullptr && axes->size() != starts.size()) ||
      (steps != nullptr && steps->size() != starts.size())) {
    return Error(Code::kBadFile, "starts, ends, axes and steps must have one length");
  }
  for (size_t i = 0; i < starts.size(); ++i) {
    WHET_ASSIGN_OR_RETURN(const int axis,
                          AxisOf(axes != nullptr ? (*axes)[i] : static_cast<int64_t>(i), rank));
    const int64_t step = steps != nullptr ? (*steps)[i] : 1;
    if (step == 0) return Error(Code::kBadFile, "the step along axis %d is 0", axis);
    cuts[static_cast<size_t>(axis)] = {starts[i], ends[i], step};
  }
  return cuts;
}

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  std::vector<int64_t> starts;
  std::vector<int64_t> ends;
  std::vector<int64_t> axes;
  std::vector<int64_t> steps;
  const bool knows_axes = !context.HasInput(3) || context.IntValues(3, &axes);
  const bool knows_cuts = context.IntValues(1, &starts) && context.IntValues(2, &ends) &&
                          (!context.HasInput(4) || context.IntValues(4, &steps));
  std::vector<Dim> dims = x.dims;
  if (knows_axes && knows_cuts) {
    WHET_ASSIGN_OR_RETURN(const std::vector<Cut> cuts,
                          CutsOf(starts, ends, context.HasInput(3) ? &axes : nullptr,
                                 context.HasInput(4) ? &steps : nullptr, x.rank()));
    for (size_t d = 0; d < dims.size(); ++d) dims[d] = CutDim(cuts[d], dims[d]);
  } else if (knows_axes && context.HasInput(3)) {
    for (int64_t value : axes) {
      WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(value, x.rank()));
      dims[static_cast<size_t>(axis)] = Dim(0, dims[static_cast<size_t>(axis)].hi);
    }
  } else {
    for (Dim& dim : dims) dim = Dim(0, dim.hi);
  }
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  std::vector<int64_t> axes;
  std::vector<int64_t> steps;
  if (context.HasInput(3)) axes = IntsOf(context.input(3));
  if (context.HasInput(4)) steps = IntsOf(context.input(4));
  WHET_ASSIGN_OR_RETURN(
      const std::vector<Cut> cuts,
      CutsOf(IntsOf(context.input(1)), IntsOf(context.input(2)), context.HasInput(3) ? &axes : nullptr,
             context.HasInput(4) ? &steps : nullptr, x.shape.rank()));
  std::vector<int64_t> strides = StridesOf(x.shape);
  int64_t begin = 0;
  for (int d = 0; d < x.shape.rank(); ++d) {
    const auto axis = static_cast<size_t>(d);
    const Span span = Resolve(cuts[axis], x.shape[d]);
    if (span.count != y.shape[d]) return Error(Code::kInternal, "the cut changed after shapes were inferred");
    begin += span.start * strides[axis];
    if (span.count > 1) strides[axis] *= cuts[axis].step;
  }
  int64_t i = 0;
  for (IndexWalk walk(y.shape, {strides}); !walk.done(); walk.Next(), ++i)
    CopyElement(x, begin + walk.offset(0), y, i);
  return {};
}

// Before opset 10 everything is an attribute.
Status ImportAttributes(ForeignNode& node, GraphBuilder& builder) {
  Value* starts = TakeIntsAsInput(node, builder, "starts");
  Value* ends = TakeIntsAsInput(node, builder, "ends");
  Value* axes = TakeIntsAsInput(node, builder, "axes");
  if (starts == nullptr || ends == nullptr) return node.Unsupported("a slice without starts or ends");
  return EmitAs("Slice", node, builder, {node.input(0), starts, ends, axes});
}

constexpr OnnxSpelling kOnnx[] = {{"Slice", 1, 9, "", ImportAttributes, 1}, {"Slice", 10}};

}  // namespace

extern const OpDef op_slice;
const OpDef op_slice = {
    .name = "Slice",
    .summary = "Elements from `starts` up to `ends` in `steps`, along `axes`",
    .min_inputs = 3,
    .max_inputs = 5,
    .infer = Infer,
    .reference = Reference,
    .value_inputs = 0b11110,
    .onnx = kOnnx,
};

}  // namespace whet::ops
