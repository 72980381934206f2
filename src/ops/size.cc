#include "ir/spelling.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  context.SetOutput(0, Type(DType::kI64, {}));
  return {};
}

Status Reference(ReferenceContext& context) {
  *context.output(0).as<int64_t>() = context.input(0).elements();
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"Size"}};

}  // namespace

extern const OpDef op_size;
const OpDef op_size = {
    .name = "Size",
    .summary = "The number of elements of x",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
};

extern const OpSpellings spellings_size;
const OpSpellings spellings_size = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
