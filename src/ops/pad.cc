#include <algorithm>
#include <array>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/spatial_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kPads, kValue, kAxes };

struct Padding {
  int64_t begin = 0, end = 0;
};

// One entry a dimension of the input. `axes` null: all.
Result<std::vector<Padding>> PaddingOf(int rank, std::span<const int64_t> pads,
                                       const std::vector<int64_t>* axes) {
  std::vector<int64_t> all;
  for (int i = 0; axes == nullptr && i < rank; ++i) all.push_back(i);
  if (axes == nullptr) axes = &all;
  if (pads.size() != 2 * axes->size()) {
    return Error(Code::kBadFile, "pads has %zu entries but %zu axes need %zu", pads.size(), axes->size(),
                 2 * axes->size());
  }
  std::vector<Padding> padding(static_cast<size_t>(rank));
  for (size_t i = 0; i < axes->size(); ++i) {
    const int axis = NormalizeAxis((*axes)[i], rank);
    if (axis < 0) {
      return Error(Code::kBadFile, "axis %lld is not one of %d dimensions",
                   static_cast<long long>((*axes)[i]), rank);
    }
    constexpr int64_t kLargest = int64_t{1} << 40;
    const int64_t begin = pads[i], end = pads[i + axes->size()];
    if (begin < -kLargest || begin > kLargest || end < -kLargest || end > kLargest) {
      return Error(Code::kBadFile, "pads has an entry beyond all bounds");
    }
    padding[static_cast<size_t>(axis)] = {begin, end};
  }
  return padding;
}

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  const std::string_view mode = context.attributes().String("mode", "constant");
  if (mode != "constant" && mode != "edge" && mode != "reflect" && mode != "wrap") {
    return Error(Code::kBadFile, "mode is '%s'", std::string(mode).c_str());
  }
  if (!context.HasInput(kPads)) return Error(Code::kBadFile, "input 1, pads, is missing");
  if (context.HasInput(kValue) && context.input(kValue).dtype != x.dtype) {
    return Error(Code::kBadFile, "the value is %s but the input is %s",
                 ToString(context.input(kValue)).c_str(), ToString(x).c_str());
  }
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  std::vector<int64_t> pads, axes;
  const bool has_axes = context.HasInput(kAxes);
  if (!context.IntValues(kPads, &pads) || (has_axes && !context.IntValues(kAxes, &axes))) {
    context.SetOutput(0, Type(x.dtype, std::vector<Dim>(x.dims.size())));
    return {};
  }
  WHET_ASSIGN_OR_RETURN(const auto padding, PaddingOf(x.rank(), pads, has_axes ? &axes : nullptr));
  std::vector<Dim> dims;
  for (size_t i = 0; i < padding.size(); ++i) {
    const int64_t sum = padding[i].begin + padding[i].end;
    Dim dim = x.dims[i] + Dim(sum);
    if (x.dims[i].known() && dim.lo < 0) {
      return Error(Code::kBadFile, "pads cut %lld from dimension %zu of %s", static_cast<long long>(-sum), i,
                   ToString(x).c_str());
    }
    dim.lo = std::max<int64_t>(dim.lo, 0);
    if (!x.dims[i].bounded()) dim.hi = Dim::kUnbounded;
    dims.push_back(std::move(dim));
  }
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

// The input's position that output position `at` (counted from the input's start) shows; -1 for the constant.
int64_t Source(int64_t at, int64_t size, std::string_view mode) {
  if (at >= 0 && at < size) return at;
  if (mode == "constant" || size == 0) return -1;
  if (mode == "edge") return at < 0 ? 0 : size - 1;
  if (mode == "wrap") return (at % size + size) % size;
  if (size == 1) return 0;
  const int64_t period = 2 * (size - 1);
  const int64_t phase = (at % period + period) % period;
  return phase < size ? phase : period - phase;
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(kX);
  const TensorView& y = context.output(0);
  const int rank = x.shape.rank();
  std::vector<int64_t> pads, axes;
  for (int64_t i = 0; i < context.input(kPads).elements(); ++i)
    pads.push_back(LoadInt(context.input(kPads), i));
  const bool has_axes = context.HasInput(kAxes);
  for (int64_t i = 0; has_axes && i < context.input(kAxes).elements(); ++i) {
    axes.push_back(LoadInt(context.input(kAxes), i));
  }
  WHET_ASSIGN_OR_RETURN(const auto padding, PaddingOf(rank, pads, has_axes ? &axes : nullptr));
  const std::string_view mode = context.attributes().String("mode", "constant");
  const auto strides = StridesOf(x.shape);

  // For each dimension, the input's offset of every output position; -1 for the constant.
  std::vector<std::vector<int64_t>> offsets(static_cast<size_t>(rank));
  for (int d = 0; d < rank; ++d) {
    const auto axis = static_cast<size_t>(d);
    for (int64_t i = 0; i < y.shape[d]; ++i) {
      const int64_t source = Source(i - padding[axis].begin, x.shape[d], mode);
      offsets[axis].push_back(source < 0 ? -1 : source * strides[axis]);
    }
  }
  const TensorView zero{x.dtype, Shape{1}, context.Scratch(8)};
  StoreInt(zero, 0, 0);
  const TensorView& fill =
      context.HasInput(kValue) && context.input(kValue).elements() > 0 ? context.input(kValue) : zero;
  int64_t to = 0;
  for (IndexWalk walk(y.shape, {}); !walk.done(); walk.Next(), ++to) {
    int64_t from = 0;
    for (int d = 0; d < rank && from >= 0; ++d) {
      const int64_t offset = offsets[static_cast<size_t>(d)][static_cast<size_t>(walk.index()[d])];
      from = offset < 0 ? -1 : from + offset;
    }
    if (from < 0) {
      CopyElement(fill, 0, y, to);
    } else {
      CopyElement(x, from, y, to);
    }
  }
  return {};
}

// Before opset 11 pads and the value are attributes.
Status ImportAttributes(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
  Value* pads = builder.Ints(node.attributes.Ints("pads"));
  const double value = node.attributes.Float("value");
  Attributes attributes;
  attributes.Set("mode", std::string(node.attributes.String("mode", "constant")));
  Value* y = value != 0 ? builder.Emit("Pad", {x, pads, builder.Scalar(value, x->type.dtype)}, attributes)
                        : builder.Emit("Pad", {x, pads}, attributes);
  node.SetResult(0, y);
  return builder.TakeStatus();
}

// [before, after] of each dimension becomes all befores, then all afters.
Result<Value*> TflitePads(ForeignNode& node, GraphBuilder& builder) {
  if (!node.input(1)->IsConstant()) {
    Value* columns = builder.Emit("Transpose", {TfliteInts(builder, node.input(1))},
                                  {{"perm", std::vector<int64_t>{1, 0}}});
    return builder.Emit("Reshape", {columns, builder.Ints({-1})});
  }
  WHET_ASSIGN_OR_RETURN(const auto pairs, TfliteConstantInts(node, 1, "the padding"));
  std::vector<int64_t> pads(pairs.size());
  const size_t rank = pairs.size() / 2;
  for (size_t i = 0; i < rank; ++i) {
    pads[i] = pairs[2 * i];
    pads[i + rank] = pairs[2 * i + 1];
  }
  return builder.Ints(pads);
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(Value * pads, TflitePads(node, builder));
  Value* value = node.input(2);
  if (value != nullptr && (!value->type.ranked || value->type.rank() != 0)) {
    value = builder.EmitFolded("Reshape", {value, builder.Ints(std::span<const int64_t>())});
  }
  node.SetResult(0, builder.Emit("Pad", {node.input(0), pads, value}));
  return builder.TakeStatus();
}

// Symmetric padding repeats the border; ONNX has no name for it, so each dimension is gathered by a list.
Status ImportMirrorPad(ForeignNode& node, GraphBuilder& builder) {
  if (node.attributes.String("mode", "REFLECT") == "REFLECT") {
    WHET_ASSIGN_OR_RETURN(Value * pads, TflitePads(node, builder));
    node.SetResult(0, builder.Emit("Pad", {node.input(0), pads}, {{"mode", std::string("reflect")}}));
    return builder.TakeStatus();
  }
  WHET_ASSIGN_OR_RETURN(const auto pairs, TfliteConstantInts(node, 1, "the padding"));
  Value* y = node.input(0);
  const Type x = y->type;
  if (!x.ranked || pairs.size() != 2 * x.dims.size())
    return Error(Code::kBadFile, "the padding does not fit the input");
  for (size_t d = 0; d < x.dims.size(); ++d) {
    const int64_t before = pairs[2 * d], after = pairs[2 * d + 1];
    if (before == 0 && after == 0) continue;
    constexpr int64_t kLongest = 1 << 20;
    if (!x.dims[d].known() || x.dims[d].lo > kLongest)
      return node.Unsupported("symmetric padding of a dimension of unknown size");
    const int64_t size = x.dims[d].lo;
    if (before < 0 || after < 0 || before > size || after > size) {
      return Error(Code::kBadFile, "dimension %zu of %lld cannot be padded by %lld and %lld", d,
                   static_cast<long long>(size), static_cast<long long>(before),
                   static_cast<long long>(after));
    }
    std::vector<int64_t> indices;
    for (int64_t i = -before; i < size + after; ++i)
      indices.push_back(i < 0 ? -i - 1 : i < size ? i : 2 * size - 1 - i);
    y = builder.Emit("Gather", {y, builder.Ints(indices)}, {{"axis", static_cast<int64_t>(d)}});
  }
  node.SetResult(0, y == node.input(0) ? builder.Emit("Identity", {y}) : y);
  return builder.TakeStatus();
}

// What is added to and cut from each dimension; an error if that is not known.
struct Pads {
  std::vector<int64_t> before, after;
};
Result<Pads> PadsOf(const Node& node) {
  const Type& x = node.input(0)->type;
  if (!x.ranked) return Error(Code::kUnsupported, "the number of dimensions is not known");
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> pads, ConstantIntsOf(node.input(kPads), "the padding"));
  std::vector<int64_t> axes;
  if (node.input(kAxes) != nullptr) {
    WHET_ASSIGN_OR_RETURN(axes, ConstantIntsOf(node.input(kAxes), "the axes"));
  } else {
    for (int64_t i = 0; i < x.rank(); ++i) axes.push_back(i);
  }
  if (pads.size() != 2 * axes.size()) return Error(Code::kBadFile, "the padding does not fit the input");
  Pads result{std::vector<int64_t>(x.dims.size()), std::vector<int64_t>(x.dims.size())};
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = NormalizeAxis(axes[i], x.rank());
    if (axis < 0) return Error(Code::kBadFile, "an axis does not exist");
    result.before[static_cast<size_t>(axis)] = pads[i];
    result.after[static_cast<size_t>(axis)] = pads[i + axes.size()];
  }
  return result;
}

// Cutting is a slice, and what TFLite cannot add is gathered from a list of positions.
Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  WHET_ASSIGN_OR_RETURN(const Pads pads, PadsOf(node));
  const std::string_view mode = node.attributes.String("mode", "constant");
  const Type& x = node.input(0)->type;
  Value* y = node.input(0);
  if (mode == "edge" || mode == "wrap") {
    for (size_t d = 0; d < x.dims.size(); ++d) {
      if (pads.before[d] == 0 && pads.after[d] == 0) continue;
      if (!x.dims[d].known()) return Error(Code::kUnsupported, "a padded dimension is not known");
      const int64_t size = x.dims[d].lo;
      std::vector<int64_t> positions;
      for (int64_t i = -pads.before[d]; i < size + pads.after[d]; ++i) {
        positions.push_back(mode == "edge" ? std::clamp<int64_t>(i, 0, size - 1) : (i % size + size) % size);
      }
      y = builder.Emit("Gather", {y, builder.Ints(positions)}, {{"axis", static_cast<int64_t>(d)}});
    }
    results = {y};
    return builder.TakeStatus();
  }
  const auto negative = [](int64_t pad) { return pad < 0; };
  if (std::none_of(pads.before.begin(), pads.before.end(), negative) &&
      std::none_of(pads.after.begin(), pads.after.end(), negative)) {
    return {};
  }
  if (mode != "constant") return Error(Code::kUnsupported, "negative padding");
  std::vector<int64_t> starts, ends, axes, added;
  for (size_t d = 0; d < x.dims.size(); ++d) {
    axes.push_back(static_cast<int64_t>(d));
    starts.push_back(std::max<int64_t>(-pads.before[d], 0));
    ends.push_back(pads.after[d] < 0 ? pads.after[d] : INT64_MAX);
    added.push_back(std::max<int64_t>(pads.before[d], 0));
  }
  for (int64_t pad : pads.after) added.push_back(std::max<int64_t>(pad, 0));
  y = builder.Emit("Slice", {y, builder.Ints(starts), builder.Ints(ends), builder.Ints(axes)});
  results = {builder.Emit("Pad", {y, builder.Ints(added), node.input(kValue)})};
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  WHET_ASSIGN_OR_RETURN(const Pads pads, PadsOf(node));
  std::vector<int64_t> pairs;
  for (size_t d = 0; d < pads.before.size(); ++d) pairs.insert(pairs.end(), {pads.before[d], pads.after[d]});
  const auto columns = std::array{static_cast<int64_t>(pads.before.size()), int64_t{2}};
  const TfliteSink::Tensor sizes = sink.IntMatrix(pairs, columns[0], columns[1]);
  const TfliteSink::Tensor x = sink.Of(node.input(0));
  if (node.attributes.String("mode", "constant") == "reflect") {
    sink.Operator("MIRROR_PAD", {x, sizes}, {sink.Result(node)}, {{"mode", std::string("REFLECT")}});
    return {};
  }
  const Value* value = node.input(kValue);
  const bool zero = value == nullptr || (value->IsConstant() && LoadFloat(value->constant()->view(), 0) == 0);
  if (zero) {
    sink.Operator("PAD", {x, sizes}, {sink.Result(node)});
    return {};
  }
  const TfliteSink::Tensor fill =
      value->IsConstant() ? sink.ConstantLike(value, node.input(0)) : sink.Of(value);
  sink.Operator("PADV2", {x, sizes, fill}, {sink.Result(node)});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"mode", AttributeKind::kString}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "Pad", .since = 11},
                                  {.op_type = "Pad", .since = 2, .until = 10, .import = ImportAttributes}};
constexpr TfliteSpelling kTflite[] = {
    {"PAD", ImportTflite, 2}, {"PADV2", ImportTflite, 3}, {"MIRROR_PAD", ImportMirrorPad, 2}};

}  // namespace

extern const OpDef op_pad;
const OpDef op_pad = {
    .name = "Pad",
    .summary = "Adds to (or cuts from) the ends of dimensions: constant, edge, reflect or wrap",
    .min_inputs = 1,
    .max_inputs = 4,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .value_inputs = 1u << kPads | 1u << kAxes,
};

extern const OpSpellings spellings_pad;
const OpSpellings spellings_pad = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.expand = ExpandTflite,
                  .write = WriteTflite,
                  .scales = TfliteScales::kMoved,
                  .unquantized_inputs = 0b1110},
};

}  // namespace whet::ops
