#include <algorithm>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"
#include "ops/tflite_common.h"

namespace whet::ops {
namespace {

// The dimension that -1 stands for: the product of the input's dimensions that are not copied by that of the
// numbers in the shape.
Result<Dim> MissingDim(std::span<const Dim> from, int64_t to) {
  Dim known(1);
  Dim unknown(1);
  for (const Dim& dim : from) (dim.known() ? known : unknown) = (dim.known() ? known : unknown) * dim;
  if (known.lo % to == 0) return unknown * Dim(known.lo / to);
  const Dim product = unknown * known;
  if (product.known()) {
    return Error(Code::kBadFile, "%lld elements cannot be split into groups of %lld",
                 static_cast<long long>(product.lo), static_cast<long long>(to));
  }
  return Dim(CeilDiv(product, to).lo, FloorDiv(product, to).hi);
}

// The shape input is not known, at most its length.
Type UnknownShape(const Type& x, const Dim& rank) {
  Type type = UnknownDims(x.dtype, rank);
  const Dim elements = x.ranked ? ProductOf(x.dims) : Dim();
  // Unless there may be no elements at all, no dimension can exceed their number.
  if (elements.lo < 1) return type;
  for (Dim& dim : type.dims) dim = type.rank() == 1 ? elements : Dim(1, elements.hi);
  return type;
}

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  WHET_RETURN_IF_ERROR(CheckIntegers(context, 1, "shape"));
  std::vector<int64_t> shape;
  if (!context.IntValues(1, &shape)) {
    context.SetOutput(0, UnknownShape(x, LengthOf(context, 1)));
    return {};
  }
  const bool allow_zero = context.attributes().Int("allowzero") != 0;
  std::vector<Dim> dims;
  std::vector<Dim> rest = x.dims;  // but for those that are copied
  int64_t numbers = 1;
  int missing = -1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1 && missing < 0) {
      missing = static_cast<int>(i);
      dims.emplace_back(1);
    } else if (shape[i] == 0 && !allow_zero) {
      if (x.ranked && i >= x.dims.size()) {
        return Error(Code::kBadFile, "entry %zu of the shape is 0, but the input has %d dimensions", i,
                     x.rank());
      }
      dims.push_back(x.ranked ? x.dims[i] : Dim());
      if (x.ranked) rest[i] = Dim(1);
    } else if (shape[i] < 0) {
      return Error(Code::kBadFile, "entry %zu of the shape is %lld", i, static_cast<long long>(shape[i]));
    } else {
      dims.emplace_back(shape[i]);
      numbers = SaturatingMul(numbers, shape[i]);
    }
  }
  if (missing >= 0 && numbers == 0) return Error(Code::kBadFile, "the shape holds both -1 and 0");
  if (missing >= 0 && !x.ranked) {
    dims[static_cast<size_t>(missing)] = Dim();
  } else if (missing >= 0) {
    WHET_ASSIGN_OR_RETURN(dims[static_cast<size_t>(missing)], MissingDim(rest, numbers));
  } else if (x.ranked) {
    const Dim before = ProductOf(x.dims);
    const Dim after = ProductOf(dims);
    if (before.lo > after.hi || after.lo > before.hi) {
      return Error(Code::kBadFile, "%s cannot be given the shape %s", ToString(x).c_str(),
                   ToString(Type(x.dtype, dims)).c_str());
    }
  }
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

// The shape is an input, or, in older files, an option.
Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  Value* shape = nullptr;
  if (node.HasInput(1)) {
    shape = TfliteIntVector(builder, node.input(1));
  } else {
    const auto option = node.attributes.Ints("new_shape");
    // A scalar was once written as [0].
    const bool scalar = option.size() == 1 && option[0] == 0;
    shape = builder.Ints(scalar ? std::span<const int64_t>() : option);
  }
  node.SetResult(0, builder.Emit("Reshape", {node.input(0), shape}, {{"allowzero", int64_t{1}}}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  const Value* shape = node.input(1);
  if (!shape->IsConstant()) {
    sink.Operator("RESHAPE", {sink.Of(node.input(0)), sink.Ints(shape)}, {sink.Result(node)});
    return {};
  }
  std::vector<int64_t> sizes = IntsOf(shape->constant()->view());
  const bool copies = node.attributes.Int("allowzero") == 0;
  const Type& y = node.output()->type;
  const Type& x = node.input(0)->type;
  bool open = std::find(sizes.begin(), sizes.end(), -1) != sizes.end();
  for (size_t i = 0; i < sizes.size(); ++i) {
    // TFLite does not copy dimensions.
    if (sizes[i] != 0 || !copies) continue;
    const Dim& dim = i < y.dims.size() ? y.dims[i] : x.dims[i];
    if (!dim.known() && open) return Error(Code::kUnsupported, "two dimensions of the result are not known");
    open = open || !dim.known();
    sizes[i] = dim.known() ? dim.lo : -1;
  }
  sink.Operator("RESHAPE", {sink.Of(node.input(0)), sink.Ints(sizes)}, {sink.Result(node)},
                {{"new_shape", sizes}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"allowzero", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"Reshape", 5}};
constexpr TfliteSpelling kTflite[] = {{"RESHAPE", ImportTflite}};

}  // namespace

extern const OpDef op_reshape;
const OpDef op_reshape = {
    .name = "Reshape",
    .summary = "The same elements under another shape",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = CopyReference,
    .takes_strings = true,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_reshape;
const OpSpellings spellings_reshape = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved, .unquantized_inputs = 0b10},
};

}  // namespace whet::ops
