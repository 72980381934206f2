#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/string_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  for (size_t i = 0; i < 2; ++i) {
    if (context.input(i).dtype == DType::kString) continue;
    return Error(Code::kBadFile, "input %zu is %s; it must be strings", i,
                 ToString(context.input(i)).c_str());
  }
  WHET_ASSIGN_OR_RETURN(Type type, BroadcastInputs(context, DType::kString));
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& a = context.input(0);
  const TensorView& b = context.input(1);
  const TensorView& y = context.output(0);
  StringBuffer strings;
  for (IndexWalk walk(y.shape, {BroadcastStrides(a.shape, y.shape), BroadcastStrides(b.shape, y.shape)});
       !walk.done(); walk.Next()) {
    strings.text() += StringsOf(a)[static_cast<size_t>(walk.offset(0))];
    strings.text() += StringsOf(b)[static_cast<size_t>(walk.offset(1))];
    WHET_RETURN_IF_ERROR(strings.End());
  }
  strings.Store(context, y);
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "StringConcat", .since = 20}};

}  // namespace

extern const OpDef op_string_concat;
const OpDef op_string_concat = {
    .name = "StringConcat",
    .summary = "Each string of a followed by that of b",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
};

extern const OpSpellings spellings_string_concat;
const OpSpellings spellings_string_concat = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
