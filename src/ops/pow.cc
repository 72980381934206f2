#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  WHET_ASSIGN_OR_RETURN(Type type, BroadcastInputs(context, context.input(0).dtype));
  context.SetOutput(0, std::move(type));
  return {};
}

// Wraps like every integer operator. A negative exponent gives what truncating the real result gives.
int64_t IntegerPower(int64_t base, int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  uint64_t result = 1;
  for (auto square = static_cast<uint64_t>(base); exponent > 0; exponent /= 2, square *= square) {
    if (exponent % 2 != 0) result *= square;
  }
  return static_cast<int64_t>(result);
}

Status Reference(ReferenceContext& context) {
  const TensorView& a = context.input(0);
  const TensorView& b = context.input(1);
  const TensorView& y = context.output(0);
  const bool integral = IsInteger(a.dtype) && IsInteger(b.dtype);
  int64_t i = 0;
  for (IndexWalk walk(y.shape, {BroadcastStrides(a.shape, y.shape), BroadcastStrides(b.shape, y.shape)});
       !walk.done(); walk.Next(), ++i) {
    if (integral) {
      StoreInt(y, i, IntegerPower(LoadInt(a, walk.offset(0)), LoadInt(b, walk.offset(1))));
    } else {
      StoreFloat(y, i, std::pow(LoadFloat(a, walk.offset(0)), LoadFloat(b, walk.offset(1))));
    }
  }
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"Pow", 1, 6, "", ImportLegacyBroadcast}, {"Pow", 7}};
constexpr TfliteSpelling kTflite[] = {{"POW"}};

}  // namespace

extern const OpDef op_pow;
const OpDef op_pow = {
    .name = "Pow",
    .summary = "a to the power of b; the result has the type of a",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_pow;
const OpSpellings spellings_pow = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
