#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  const Type& slope = context.input(1);
  if (x.ranked && slope.ranked && !BroadcastsOver(x.dims, slope.dims)) {
    return Error(Code::kBadFile, "the slope %s does not broadcast over the input %s", ToString(slope).c_str(),
                 ToString(x).c_str());
  }
  context.SetOutput(0, x);
  return {};
}

Status Reference(ReferenceContext& context) {
  return BinaryReference(
      context, [](double x, double slope) { return x < 0 ? slope * x : x; },
      [](int64_t x, int64_t slope) {
        return x < 0 ? static_cast<int64_t>(static_cast<uint64_t>(x) * static_cast<uint64_t>(slope)) : x;
      });
}

// Before opset 7 a slope of one dimension runs along the channels, dimension 1.
Status ImportChannels(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
  Value* slope = node.input(1);
  if (!x->type.ranked || !slope->type.ranked) return node.Unsupported("an input of unknown rank");
  std::vector<int64_t> trailing;
  for (int64_t d = 1; d + 1 < x->type.rank(); ++d) trailing.push_back(d);
  if (slope->type.rank() == 1 && !trailing.empty() && !slope->type.dims[0].Same(Dim(1))) {
    slope = builder.Emit("Unsqueeze", {slope, builder.Ints(trailing, "axes")});
  }
  node.attributes = {};
  return EmitAs("PRelu", node, builder, {x, slope});
}

constexpr OnnxSpelling kOnnx[] = {{"PRelu", 1, 6, "", ImportChannels}, {"PRelu", 7}};
constexpr TfliteSpelling kTflite[] = {{"PRELU"}};

}  // namespace

extern const OpDef op_prelu;
const OpDef op_prelu = {
    .name = "PRelu",
    .summary = "x, or slope * x where x < 0",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_prelu;
const OpSpellings spellings_prelu = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.scales = TfliteScales::kAny},
};

}  // namespace whet::ops
