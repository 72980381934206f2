#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  if (!x.ranked) {
    context.SetOutput(0, Type(x.dtype, {Dim(), Dim()}));
    return {};
  }
  int64_t axis = context.attributes().Int("axis", 1);
  if (axis < 0) axis += x.rank();
  if (axis < 0 || axis > x.rank()) {
    return Error(Code::kBadFile, "axis %lld does not exist in an input of %d dimensions",
                 static_cast<long long>(context.attributes().Int("axis", 1)), x.rank());
  }
  const std::span dims(x.dims);
  const auto split = static_cast<size_t>(axis);
  context.SetOutput(0, Type(x.dtype, {ProductOf(dims.first(split)), ProductOf(dims.subspan(split))}));
  return {};
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  // to the shape [first, -1], or where the first is not known [-1, last]
  const Type& y = node.output()->type;
  const auto size = [&](size_t i) { return i < y.dims.size() && y.dims[i].known() ? y.dims[i].lo : -1; };
  if (size(0) < 0 && size(1) < 0)
    return Error(Code::kUnsupported, "neither dimension of the result is known");
  results = {builder.Emit("Reshape", {node.input(0), builder.Ints({size(0), size(0) < 0 ? size(1) : -1})})};
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"Flatten"}};

}  // namespace

extern const OpDef op_flatten;
const OpDef op_flatten = {
    .name = "Flatten",
    .summary = "Two dimensions: those before `axis`, and those from it on",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = CopyReference,
    .takes_strings = true,
};

extern const OpSpellings spellings_flatten;
const OpSpellings spellings_flatten = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
