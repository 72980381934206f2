#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/onnx_dtype_common.h"
#include "ops/quantized_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& table = context.input(1);
  if (!Is8Bit(context.input(0).dtype) || !Is8Bit(table.dtype)) {
    return Error(Code::kBadFile, "a table of %s for %s; both must be of 8 bits", ToString(table).c_str(),
                 ToString(context.input(0)).c_str());
  }
  if (table.IsStatic() && table.ToShape() != Shape{256}) {
    return Error(Code::kBadFile, "the table is %s; it must have 256 entries", ToString(table).c_str());
  }
  Type type = context.input(0);
  type.dtype = table.dtype;
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const auto* table = context.input(1).as<uint8_t>();
  auto* y = context.output(0).as<uint8_t>();
  for (int64_t i = 0; i < x.elements(); ++i) y[i] = table[x.as<uint8_t>()[i]];
  return {};
}

// Gather counts negative indices from the end, which is how the table takes negative integers.
Status ExportOnnx(const Node& node, OnnxSink& sink) {
  const std::string index = sink.Fresh("index");
  sink.Node("Cast", {sink.NameOf(node.input(0))}, {index}, {{"to", OnnxFromDType(DType::kI32)}});
  sink.Node("Gather", {sink.NameOf(node.input(1)), index}, {sink.NameOf(node.output())},
            {{"axis", int64_t{0}}});
  return {};
}

}  // namespace

extern const OpDef op_quantized_table;
const OpDef op_quantized_table = {
    .name = "QuantizedTable",
    .summary = "Any function of one 8-bit integer, as a table of 256 entries by its bits; made by a pass",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_quantized_table;
const OpSpellings spellings_quantized_table = {
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
