#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const std::string_view direction = context.attributes().String("direction");
  if (direction != "LEFT" && direction != "RIGHT") {
    return Error(Code::kBadFile, "direction is '%s'; it must be LEFT or RIGHT",
                 std::string(direction).c_str());
  }
  return InferBroadcastIntegers(context);
}

Status Reference(ReferenceContext& context) {
  if (context.attributes().String("direction") == "LEFT") {
    return BinaryReference(
        context, nullptr, [](int64_t a, int64_t b) { return b >= 0 && b < 64 ? a << b : 0; },
        [](uint64_t a, uint64_t b) { return b < 64 ? a << b : 0; });
  }
  return BinaryReference(
      context, nullptr, [](int64_t a, int64_t b) { return b >= 0 && b < 64 ? a >> b : 0; },
      [](uint64_t a, uint64_t b) { return b < 64 ? a >> b : 0; });
}

constexpr AttributeDef kAttributes[] = {{"direction", AttributeKind::kString, true}};
constexpr OnnxSpelling kOnnx[] = {{"BitShift", 11}};

}  // namespace

extern const OpDef op_bit_shift;
const OpDef op_bit_shift = {
    .name = "BitShift",
    .summary = "Bits shifted to the LEFT or RIGHT",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_bit_shift;
const OpSpellings spellings_bit_shift = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
