#include "ir/spelling.h"
#include "ops/arg_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ArgReference(context, false); }

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(const auto axis, TfliteConstantInts(node, 1, "the axis"));
  if (axis.size() != 1) return Error(Code::kBadFile, "the axis is not one number");
  node.SetResult(0, builder.Emit("ArgMin", {node.input(0)}, {{"axis", axis[0]}, {"keepdims", int64_t{0}}}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  sink.Operator("ARG_MIN", {sink.Of(node.input(0)), sink.Int(node.attributes.Int("axis"))},
                {sink.Result(node)}, {{"output_type", std::string("INT64")}});
  return {};
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
};

extern const OpSpellings spellings_arg_min;
const OpSpellings spellings_arg_min = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.expand = ExpandTfliteArg, .write = WriteTflite, .scales = TfliteScales::kAny},
};

}  // namespace whet::ops
