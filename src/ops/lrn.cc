#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/spatial_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  if (x.ranked && x.rank() < 2) {
    return Error(Code::kBadFile, "the input %s has no batch and channel dimensions", ToString(x).c_str());
  }
  context.SetOutput(0, x);
  return {};
}

Status Reference(ReferenceContext& context) {
  const Attributes& attributes = context.attributes();
  const int64_t channels = context.input(0).shape.back();
  const int64_t size = std::clamp<int64_t>(attributes.Int("size", 1), 1, 2 * channels + 1);
  const double alpha = attributes.Float("alpha", 1e-4) / static_cast<double>(attributes.Int("size", 1));
  const double beta = attributes.Float("beta", 0.75);
  const double bias = attributes.Float("bias", 1);
  const double* x = InputArray<double>(context, 0);
  double* y = OutputArray<double>(context, 0);
  const int64_t count = context.input(0).elements();
  for (int64_t at = 0; at < count; at += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      double sum = 0;
      const int64_t last = std::min(channels - 1, c + size / 2);
      for (int64_t k = std::max<int64_t>(0, c - (size - 1) / 2); k <= last; ++k) sum += x[at + k] * x[at + k];
      y[at + c] = x[at + c] / std::pow(bias + alpha * sum, beta);
    }
  }
  StoreArray(context, 0, y);
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  return ImportChannelsFirst("LRN", node, builder);
}
Status ExportOnnx(const Node& node, OnnxSink& sink) { return ExportChannelsFirst("LRN", node, sink); }

// ONNX divides alpha by the window's size.
Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  const int64_t size = 2 * node.attributes.Int("radius") + 1;
  node.SetResult(0, builder.Emit("LRN", {node.input(0)},
                                 {{"size", size},
                                  {"bias", node.attributes.Float("bias")},
                                  {"alpha", node.attributes.Float("alpha") * static_cast<double>(size)},
                                  {"beta", node.attributes.Float("beta")}}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  const int64_t size = node.attributes.Int("size");
  if (size % 2 == 0) return Error(Code::kUnsupported, "the window is not centred");
  sink.Operator("LOCAL_RESPONSE_NORMALIZATION", {sink.Of(node.input(0))}, {sink.Result(node)},
                {{"radius", size / 2},
                 {"bias", node.attributes.Float("bias", 1)},
                 {"alpha", node.attributes.Float("alpha", 1e-4) / static_cast<double>(size)},
                 {"beta", node.attributes.Float("beta", 0.75)}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"size", AttributeKind::kInt, true},
                                        {"alpha", AttributeKind::kFloat},
                                        {"beta", AttributeKind::kFloat},
                                        {"bias", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "LRN", .import = ImportOnnx}};
constexpr TfliteSpelling kTflite[] = {{"LOCAL_RESPONSE_NORMALIZATION", ImportTflite}};

}  // namespace

extern const OpDef op_lrn;
const OpDef op_lrn = {
    .name = "LRN",
    .summary = "Divides by a power of the mean square of neighbouring channels",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_lrn;
const OpSpellings spellings_lrn = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_onnx = ExportOnnx,
    .to_tflite = {.write = WriteTflite},
};

}  // namespace whet::ops
