#include "ops/window_common.h"

#include <numbers>

#include "ops/onnx_dtype_common.h"

namespace whet::ops {

Status ImportWindow(ForeignNode& node, GraphBuilder& builder, std::span<const double> terms) {
  const int64_t to = node.attributes.Int("output_datatype", OnnxFromDType(DType::kF32));
  const bool periodic = node.attributes.Int("periodic", 1) != 0;
  constexpr DType kType = DType::kF64;
  const auto scalar = [&](double value) { return builder.Scalar(value, kType); };
  Value* size = builder.EmitFolded("Cast", {node.input(0)}, {{"to", OnnxFromDType(kType)}});
  Value* period = periodic ? size : builder.EmitFolded("Sub", {size, scalar(1)});
  Value* steps = builder.EmitFolded("Range", {scalar(0), size, scalar(1)});
  Value* angle =
      builder.EmitFolded("Div", {builder.EmitFolded("Mul", {steps, scalar(2 * std::numbers::pi)}), period});
  Value* window = scalar(terms[0]);
  for (size_t k = 1; k < terms.size(); ++k) {
    Value* turn = builder.EmitFolded("Mul", {angle, scalar(static_cast<double>(k))});
    const double weight = k % 2 == 1 ? -terms[k] : terms[k];
    Value* term = builder.EmitFolded("Mul", {builder.EmitFolded("Cos", {turn}), scalar(weight)});
    window = builder.EmitFolded("Add", {window, term});
  }
  node.SetResult(0, builder.EmitFolded("Cast", {window}, {{"to", to}}));
  return builder.TakeStatus();
}

}  // namespace whet::ops
