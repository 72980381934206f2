#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return BinaryReference(
      context, [](double a, double b) { return a + b; },
      [](int64_t a, int64_t b) {
        return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
      });
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  return ImportTfliteBinary("Add", node, builder);
}

Status WriteTflite(const Node& node, TfliteSink& sink) { return WriteTfliteBinary("ADD", node, sink); }

constexpr OnnxSpelling kOnnx[] = {{"Add", 1, 6, "", ImportLegacyBroadcast}, {"Add", 7}};
constexpr TfliteSpelling kTflite[] = {{"ADD", ImportTflite, 2}};

}  // namespace

extern const OpDef op_add;
const OpDef op_add = {
    .name = "Add",
    .summary = "Elementwise sum with broadcasting",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcast,
    .reference = Reference,
};

extern const OpSpellings spellings_add;
const OpSpellings spellings_add = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kAny, .activation = true},
};

}  // namespace whet::ops
