#include "ir/spelling.h"
#include "ops/window_common.h"

namespace whet::ops {
namespace {

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  constexpr double kTerms[] = {0.42, 0.5, 0.08};
  return ImportWindow(node, builder, kTerms);
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "BlackmanWindow", .since = 17, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_blackman_window;
const OpDef op_blackman_window = {
    .name = "BlackmanWindow",
    .summary = "Blackman window of a given size",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kWindowAttributes,
};

extern const OpSpellings spellings_blackman_window;
const OpSpellings spellings_blackman_window = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
