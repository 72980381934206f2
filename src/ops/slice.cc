#include <algorithm>
#include <numeric>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"

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

Dim CutDim(Cut cut, const Dim& dim) {
  if (dim.known()) return Dim(Resolve(cut, dim.lo).count);
  // What is before the first element of any tensor is so of a bound, too, which may be larger than any.
  if (cut.start <= -kFar) cut.start = INT64_MIN;
  if (cut.end <= -kFar) cut.end = INT64_MIN;
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
  WHET_RETURN_IF_ERROR(CheckIntegers(context, 1, "list of starts"));
  WHET_RETURN_IF_ERROR(CheckIntegers(context, 2, "list of ends"));
  WHET_RETURN_IF_ERROR(CheckIntegers(context, 3, "list of axes"));
  WHET_RETURN_IF_ERROR(CheckIntegers(context, 4, "list of steps"));
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

std::vector<int64_t> FirstAxes(size_t count) {
  std::vector<int64_t> axes(count);
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

// A size of -1 goes to the end.
Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  Value* starts = TfliteIntVector(builder, node.input(1));
  Value* ends = nullptr;
  std::vector<int64_t> begins;
  const Type& lengths = node.input(1)->type;
  if (!lengths.IsStatic() || lengths.rank() != 1) return node.Unsupported("an unknown number of dimensions");
  if (node.input(1)->IsConstant() && node.input(2)->IsConstant()) {
    WHET_ASSIGN_OR_RETURN(begins, TfliteConstantInts(node, 1, "the begin"));
    WHET_ASSIGN_OR_RETURN(std::vector<int64_t> sizes, TfliteConstantInts(node, 2, "the size"));
    if (begins.size() != sizes.size()) return Error(Code::kBadFile, "begin and size differ in length");
    for (size_t i = 0; i < sizes.size(); ++i) sizes[i] = sizes[i] == -1 ? INT64_MAX : sizes[i] + begins[i];
    ends = builder.Ints(sizes);
  } else {
    Value* sizes = TfliteIntVector(builder, node.input(2));
    Value* to_end = builder.Emit("Equal", {sizes, builder.Int(-1)});
    ends = builder.Emit("Where", {to_end, builder.Int(INT64_MAX), builder.Emit("Add", {starts, sizes})});
  }
  Value* axes = builder.Ints(FirstAxes(static_cast<size_t>(lengths.dims[0].lo)));
  node.SetResult(0, builder.Emit("Slice", {node.input(0), starts, ends, axes}));
  return builder.TakeStatus();
}

// Each entry of begin, end and strides is a cut of one dimension, except that an ellipsis stands for as many
// whole dimensions as are left, a new axis takes none, and a shrunk one is an index whose dimension goes
// away.
Status ImportStridedSlice(ForeignNode& node, GraphBuilder& builder) {
  const auto mask = [&](const char* name, size_t i) { return (node.attributes.Int(name) >> i & 1) != 0; };
  WHET_ASSIGN_OR_RETURN(const auto steps, TfliteConstantInts(node, 3, "the strides"));
  const bool constant = node.input(1)->IsConstant() && node.input(2)->IsConstant();
  const bool plain = node.attributes.Int("ellipsis_mask") == 0 && node.attributes.Int("new_axis_mask") == 0;
  std::vector<int64_t> begins(steps.size()), ends(steps.size());
  if (constant) {
    WHET_ASSIGN_OR_RETURN(begins, TfliteConstantInts(node, 1, "the begin"));
    WHET_ASSIGN_OR_RETURN(ends, TfliteConstantInts(node, 2, "the end"));
  } else if (!plain || node.attributes.Int("offset") != 0) {
    return node.Unsupported("an ellipsis or a new axis with bounds that are not constants");
  }
  const Type& x = node.input(0)->type;
  if (begins.size() != steps.size() || ends.size() != steps.size() || steps.size() > 32) {
    return Error(Code::kBadFile, "begin, end and strides differ in length");
  }
  size_t consumed = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!mask("ellipsis_mask", i) && !mask("new_axis_mask", i)) ++consumed;
  }
  if (node.attributes.Int("ellipsis_mask") != 0 && (!x.ranked || static_cast<size_t>(x.rank()) < consumed)) {
    return node.Unsupported("an ellipsis in an unknown number of dimensions");
  }
  std::vector<int64_t> axes, starts, stops, strides, squeezed, added, source;
  int64_t axis = 0;    // of the input
  int64_t result = 0;  // of the output, shrunk dimensions still counted
  for (size_t i = 0; i < steps.size(); ++i) {
    if (mask("ellipsis_mask", i)) {
      const int64_t skipped = x.rank() - static_cast<int64_t>(consumed);
      axis += skipped;
      result += skipped;
      continue;
    }
    if (mask("new_axis_mask", i)) {
      added.push_back(result++);
      continue;
    }
    const int64_t step = steps[i];
    if (step == 0) return Error(Code::kBadFile, "a stride is 0");
    const bool shrink = mask("shrink_axis_mask", i);
    int64_t start = begins[i];
    int64_t stop = node.attributes.Int("offset") != 0 ? begins[i] + ends[i] : ends[i];
    if (mask("begin_mask", i)) start = step > 0 ? 0 : INT64_MAX;
    if (mask("end_mask", i)) stop = step > 0 ? INT64_MAX : INT64_MIN;
    if (shrink) {
      start = begins[i];
      stop = start == -1 ? INT64_MAX : start + 1;
      squeezed.push_back(result);
    }
    axes.push_back(axis++);
    starts.push_back(start);
    stops.push_back(stop);
    strides.push_back(shrink ? 1 : step);
    source.push_back(static_cast<int64_t>(i));
    ++result;
  }
  Value* sliced = node.input(0);
  if (constant) {
    sliced = builder.Emit("Slice", {sliced, builder.Ints(starts), builder.Ints(stops), builder.Ints(axes),
                                    builder.Ints(strides)});
  } else {
    // Where a mask says so, the constant bound; elsewhere the computed one.
    std::vector<int64_t> fixed_start, fixed_stop;
    Value* begin = TfliteIntVector(builder, node.input(1));
    Value* end = TfliteIntVector(builder, node.input(2));
    Value* next = builder.Emit("Add", {begin, builder.Int(1)});
    next =
        builder.Emit("Where", {builder.Emit("Equal", {next, builder.Int(0)}), builder.Int(INT64_MAX), next});
    std::vector<int64_t> keep_begin, keep_end, one;
    for (size_t i = 0; i < steps.size(); ++i) {
      const bool shrink = mask("shrink_axis_mask", i);
      keep_begin.push_back(!mask("begin_mask", i) || shrink);
      keep_end.push_back(!mask("end_mask", i));
      one.push_back(shrink);
    }
    const auto flags = [&](const std::vector<int64_t>& values) {
      std::vector<uint8_t> bytes(values.begin(), values.end());
      return builder.Const(Constant::Vector(DType::kBool, std::span<const uint8_t>(bytes)));
    };
    begin = builder.Emit("Where", {flags(keep_begin), begin, builder.Ints(starts)});
    end = builder.Emit("Where", {flags(keep_end), end, builder.Ints(stops)});
    end = builder.Emit("Where", {flags(one), next, end});
    sliced = builder.Emit("Slice", {sliced, begin, end, builder.Ints(axes), builder.Ints(strides)});
  }
  if (!added.empty()) sliced = builder.Emit("Unsqueeze", {sliced, builder.Ints(added)});
  if (!squeezed.empty()) sliced = builder.Emit("Squeeze", {sliced, builder.Ints(squeezed)});
  node.SetResult(0, sliced);
  return builder.TakeStatus();
}

Status ImportReverse(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(const auto axes, TfliteConstantInts(node, 1, "the axes"));
  std::vector<int64_t> starts, ends, steps;
  for (size_t i = 0; i < axes.size(); ++i) {
    starts.push_back(INT64_MAX);
    ends.push_back(INT64_MIN);
    steps.push_back(-1);
  }
  node.SetResult(0, builder.Emit("Slice", {node.input(0), builder.Ints(starts), builder.Ints(ends),
                                           builder.Ints(axes), builder.Ints(steps)}));
  return builder.TakeStatus();
}

// With bounds that are computed: all dimensions, in order, in steps of 1.
Status WriteComputedSlice(const Node& node, TfliteSink& sink) {
  const Value* starts = node.input(1);
  const auto rank = static_cast<size_t>(node.input(0)->type.rank());
  std::vector<int64_t> axes, steps;
  if (node.input(3) != nullptr) {
    WHET_ASSIGN_OR_RETURN(axes, ConstantIntsOf(node.input(3), "the axes"));
  }
  if (node.input(4) != nullptr) {
    WHET_ASSIGN_OR_RETURN(steps, ConstantIntsOf(node.input(4), "the steps"));
  }
  const bool in_order = axes.empty() || axes == FirstAxes(axes.size());
  if (!in_order || !starts->type.IsStatic() ||
      starts->type.ToShape().elements() > static_cast<int64_t>(rank)) {
    return Error(Code::kUnsupported, "bounds that are not constant, of dimensions that are not the first");
  }
  if (steps.empty()) steps.assign(static_cast<size_t>(starts->type.ToShape().elements()), 1);
  sink.Operator("STRIDED_SLICE",
                {sink.Of(node.input(0)), sink.Ints(starts), sink.Ints(node.input(2)), sink.Ints(steps)},
                {sink.Result(node)});
  return {};
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  const Type& x = node.input(0)->type;
  if (!x.ranked) return Error(Code::kUnsupported, "the number of dimensions is not known");
  if (!node.input(1)->IsConstant() || !node.input(2)->IsConstant()) return WriteComputedSlice(node, sink);
  std::vector<int64_t> starts = IntsOf(node.input(1)->constant()->view());
  std::vector<int64_t> ends = IntsOf(node.input(2)->constant()->view());
  std::vector<int64_t> axes, steps;
  if (node.input(3) != nullptr) {
    WHET_ASSIGN_OR_RETURN(axes, ConstantIntsOf(node.input(3), "the axes"));
  }
  if (node.input(4) != nullptr) {
    WHET_ASSIGN_OR_RETURN(steps, ConstantIntsOf(node.input(4), "the steps"));
  }
  const bool plain =
      steps.empty() || std::all_of(steps.begin(), steps.end(), [](int64_t s) { return s == 1; });
  const bool strided = !steps.empty();
  WHET_ASSIGN_OR_RETURN(const std::vector<Cut> cuts, CutsOf(starts, ends, axes.empty() ? nullptr : &axes,
                                                            strided ? &steps : nullptr, x.rank()));
  std::vector<int64_t> begin, size, end, step;
  int64_t begin_mask = 0, end_mask = 0;
  bool sized = plain;
  for (size_t i = 0; i < cuts.size(); ++i) {
    const Cut& cut = cuts[i];
    const Dim& dim = x.dims[i];
    step.push_back(cut.step);
    if (dim.known()) {
      const Span span = Resolve(cut, dim.lo);
      begin.push_back(span.start);
      size.push_back(span.count);
      const int64_t stop = span.start + span.count * cut.step;
      end.push_back(stop);
      if (stop < 0) end_mask |= int64_t{1} << i;
      if (span.start >= dim.lo || span.count == 0) begin.back() = std::min(span.start, dim.lo);
      continue;
    }
    // Of a dimension that is not known, only what needs no count from its end.
    constexpr int64_t kEnd = INT32_MAX;
    const bool to_end = cut.step > 0 ? cut.end >= kEnd : cut.end <= -kEnd;
    const bool from_end = cut.step < 0 && cut.start >= kEnd;
    if (from_end) begin_mask |= int64_t{1} << i;
    if (to_end) end_mask |= int64_t{1} << i;
    begin.push_back(from_end ? 0 : cut.start);
    end.push_back(to_end ? 0 : cut.end);
    size.push_back(to_end ? -1 : cut.end - cut.start);
    sized = sized && cut.start >= 0 && (to_end || cut.end >= cut.start);
  }
  if (sized && !strided) {
    sink.Operator("SLICE", {sink.Of(node.input(0)), sink.Ints(begin), sink.Ints(size)}, {sink.Result(node)});
    return {};
  }
  for (int64_t& value : end) value = std::max<int64_t>(value, -1);
  sink.Operator("STRIDED_SLICE", {sink.Of(node.input(0)), sink.Ints(begin), sink.Ints(end), sink.Ints(step)},
                {sink.Result(node)}, {{"begin_mask", begin_mask}, {"end_mask", end_mask}});
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"Slice", 1, 9, "", ImportAttributes, 1}, {"Slice", 10}};
constexpr TfliteSpelling kTflite[] = {
    {"SLICE", ImportTflite, 3}, {"STRIDED_SLICE", ImportStridedSlice, 4}, {"REVERSE_V2", ImportReverse, 2}};

}  // namespace

extern const OpDef op_slice;
const OpDef op_slice = {
    .name = "Slice",
    .summary = "Elements from `starts` up to `ends` in `steps`, along `axes`",
    .min_inputs = 3,
    .max_inputs = 5,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
    .value_inputs = 0b11110,
};

extern const OpSpellings spellings_slice;
const OpSpellings spellings_slice = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved, .unquantized_inputs = 0b11110},
};

}  // namespace whet::ops
