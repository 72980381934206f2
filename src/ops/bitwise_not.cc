#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return UnaryReference(context, [](double x) { return x; }, [](int64_t x) { return ~x; });
}

constexpr OnnxSpelling kOnnx[] = {{"BitwiseNot", 18}};

}  // namespace

extern const OpDef op_bitwise_not;
const OpDef op_bitwise_not = {
    .name = "BitwiseNot",
    .summary = "Complement of every bit",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_bitwise_not;
const OpSpellings spellings_bitwise_not = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
