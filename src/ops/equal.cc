#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const DType a = context.input(0).dtype;
  const DType b = context.input(1).dtype;
  if ((a == DType::kString) != (b == DType::kString)) {
    return Error(Code::kBadFile, "the inputs are %s and %s; strings are equal to strings only",
                 ToString(context.input(0)).c_str(), ToString(context.input(1)).c_str());
  }
  return InferBroadcastToBool(context);
}

Status CompareStrings(ReferenceContext& context) {
  const TensorView& a = context.input(0);
  const TensorView& b = context.input(1);
  const TensorView& y = context.output(0);
  int64_t i = 0;
  for (IndexWalk walk(y.shape, {BroadcastStrides(a.shape, y.shape), BroadcastStrides(b.shape, y.shape)});
       !walk.done(); walk.Next(), ++i) {
    StoreInt(y, i, CompareElements(a, walk.offset(0), b, walk.offset(1)) == 0);
  }
  return {};
}

Status Reference(ReferenceContext& context) {
  if (context.input(0).dtype == DType::kString) return CompareStrings(context);
  return BinaryReference(
      context, [](double a, double b) { return a == b ? 1.0 : 0.0; },
      [](int64_t a, int64_t b) { return int64_t{a == b}; });
}

constexpr OnnxSpelling kOnnx[] = {{"Equal", 1, 6, "", ImportLegacyBroadcast}, {"Equal", 7}};
constexpr TfliteSpelling kTflite[] = {{"EQUAL"}};

}  // namespace

extern const OpDef op_equal;
const OpDef op_equal = {
    .name = "Equal",
    .summary = "Whether a == b",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
};

extern const OpSpellings spellings_equal;
const OpSpellings spellings_equal = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.scales = TfliteScales::kAny},
};

}  // namespace whet::ops
