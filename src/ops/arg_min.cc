#include "ops/arg_common.h"
#include "ops/tflite_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ArgReference(context, false); }

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(const auto axis, TfliteConstantInts(node, 1, "the axis"));
  if (axis.size() != 1) return Error(Code::kBadFile, "the axis is not one number");
  node.SetResult(0, builder.Emit("ArgMin", {node.input(0)}, {{"axis", axis[0]}, {"keepdims", int64_t{0}}}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"ArgMin"}};
constexpr TfliteSpelling kTflite[] = {{"ARG_MIN", ImportTflite, 2}};

}  // namespace

extern const OpDef op_arg_min;
const OpDef op_arg_min = {
    .name = "ArgMin",
    .summary = "The index of the smallest element along `axis`",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kArgAttributes,
    .infer = InferArg,
    .reference = Reference,
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
