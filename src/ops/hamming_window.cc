#include "ir/spelling.h"
#include "ops/window_common.h"

namespace whet::ops {
namespace {

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  constexpr double kTerms[] = {25.0 / 46, 21.0 / 46};
  return ImportWindow(node, builder, kTerms);
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "HammingWindow", .since = 17, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_hamming_window;
const OpDef op_hamming_window = {
    .name = "HammingWindow",
    .summary = "Hamming window of a given size",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kWindowAttributes,
};

extern const OpSpellings spellings_hamming_window;
const OpSpellings spellings_hamming_window = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
