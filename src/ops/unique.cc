#include <algorithm>
#include <numeric>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  const bool flat = !context.attributes().Has("axis");
  Dim count;
  Type type = Type::Unranked(x.dtype);
  if (x.ranked && flat) {
    count = ProductOf(x.dims);
  } else if (x.ranked) {
    WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), x.rank()));
    type = x;
    count = x.dims[static_cast<size_t>(axis)];
    type.dims[static_cast<size_t>(axis)] = Dim(std::min<int64_t>(count.lo, 1), count.hi);
  }
  const Dim found(std::min<int64_t>(count.lo, 1), count.hi);
  context.SetOutput(0, flat ? Type(x.dtype, {found}) : type);
  context.SetOutput(1, Type(DType::kI64, {found}));
  context.SetOutput(2, Type(DType::kI64, {count}));
  context.SetOutput(3, Type(DType::kI64, {found}));
  return {};
}

// Slice k of the input is the elements outer * size + k for every inner element.
struct Slices {
  const TensorView& x;
  int64_t size;
  int64_t outer;
  int64_t inner;

  int64_t Offset(int64_t k, int64_t element) const {
    return (element / inner * size + k) * inner + element % inner;
  }
  int Compare(int64_t a, int64_t b) const {
    for (int64_t i = 0; i < outer * inner; ++i) {
      const int order = CompareElements(x, Offset(a, i), x, Offset(b, i));
      if (order != 0) return order;
    }
    return 0;
  }
};

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const bool flat = !context.attributes().Has("axis");
  Slices slices{x, x.elements(), 1, 1};
  Shape shape = {0};
  int axis = 0;
  if (!flat) {
    WHET_ASSIGN_OR_RETURN(axis, AxisOf(context.attributes().Int("axis"), x.shape.rank()));
    shape = x.shape;
    slices.size = x.shape[axis];
    slices.inner = StridesOf(x.shape)[static_cast<size_t>(axis)];
    for (int d = 0; d < axis; ++d) slices.outer *= x.shape[d];
  }
  const int64_t size = slices.size;
  const std::span<int64_t> order = context.Scratch<int64_t>(size);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    const int compared = slices.Compare(a, b);
    return compared != 0 ? compared < 0 : a < b;
  });
  // Runs of equal slices, each led by its first occurrence.
  struct Run {
    int64_t first;
    int64_t begin;
    int64_t length;
  };
  std::vector<Run> runs;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t k = order[static_cast<size_t>(i)];
    if (runs.empty() || slices.Compare(runs.back().first, k) != 0) runs.push_back({k, i, 0});
    ++runs.back().length;
  }
  if (context.attributes().Int("sorted", 1) == 0) {
    std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.first < b.first; });
  }
  const auto count = static_cast<int64_t>(runs.size());
  shape[axis] = count;
  for (size_t i : {1, 3}) {
    if (context.HasOutput(i)) WHET_RETURN_IF_ERROR(context.SetOutputShape(i, Shape{count}));
  }
  if (context.HasOutput(2)) WHET_RETURN_IF_ERROR(context.SetOutputShape(2, Shape{size}));
  if (context.HasOutput(0)) WHET_RETURN_IF_ERROR(context.SetOutputShape(0, shape));
  for (int64_t r = 0; r < count; ++r) {
    const Run& run = runs[static_cast<size_t>(r)];
    if (context.HasOutput(1)) context.output(1).as<int64_t>()[r] = run.first;
    if (context.HasOutput(3)) context.output(3).as<int64_t>()[r] = run.length;
    for (int64_t i = run.begin; context.HasOutput(2) && i < run.begin + run.length; ++i)
      context.output(2).as<int64_t>()[order[static_cast<size_t>(i)]] = r;
    for (int64_t i = 0; context.HasOutput(0) && i < slices.outer * slices.inner; ++i) {
      const int64_t to = (i / slices.inner * count + r) * slices.inner + i % slices.inner;
      CopyElement(x, slices.Offset(run.first, i), context.output(0), to);
    }
  }
  return {};
}

// In the order of appearance; the second output says which of them each element is.
Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  const std::vector<Value*> results = builder.EmitNode("Unique", node.inputs, 3, {{"sorted", int64_t{0}}});
  node.SetResult(0, results[0]);
  node.SetResult(1, results[2]);
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}, {"sorted", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"Unique", 11}};
constexpr TfliteSpelling kTflite[] = {{"UNIQUE", ImportTflite}};

}  // namespace

extern const OpDef op_unique;
const OpDef op_unique = {
    .name = "Unique",
    .summary = "The different elements (or slices along `axis`), and where they stand",
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 4,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
    .data_dependent_shape = true,
};

extern const OpSpellings spellings_unique;
const OpSpellings spellings_unique = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
