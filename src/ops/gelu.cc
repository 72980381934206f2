#include <cmath>
#include <numbers>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  // "tanh": the approximation that many models were trained with.
  if (context.attributes().String("approximate", "none") == "tanh") {
    return MapReference(context, [](double x) {
      return 0.5 * x *
             (1 + std::tanh(std::numbers::sqrt2 * std::numbers::inv_sqrtpi * (x + 0.044715 * x * x * x)));
    });
  }
  return MapReference(context, [](double x) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); });
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  const bool approximate = node.attributes.Int("approximate") != 0;
  node.SetResult(0, builder.Emit("Gelu", {node.input(0)},
                                 {{"approximate", std::string(approximate ? "tanh" : "none")}}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  const bool approximate = node.attributes.String("approximate", "none") == "tanh";
  sink.Operator("GELU", {sink.Of(node.input(0))}, {sink.Result(node)},
                {{"approximate", int64_t{approximate}}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"approximate", AttributeKind::kString}};
constexpr OnnxSpelling kOnnx[] = {{"Gelu", 20}};
constexpr TfliteSpelling kTflite[] = {{"GELU", ImportTflite}};

}  // namespace

extern const OpDef op_gelu;
const OpDef op_gelu = {
    .name = "Gelu",
    .summary = "x * the normal distribution function of x",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_gelu;
const OpSpellings spellings_gelu = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kAny},
};

}  // namespace whet::ops
