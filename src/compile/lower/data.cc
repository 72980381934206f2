// Gather, Pad and Cast.
#include "compile/lower/lower.h"
#include "kernels/convert/convert.h"
#include "kernels/move/gather.h"
#include "kernels/move/pad.h"

namespace whet {

Result<bool> LowerGather(const Node& node, Lowering& lowering) {
  const Value* data = node.input(0);
  const Value* indices = node.input(1);
  const int bits = BitsOf(data->type.dtype);
  if (bits < 8 || node.output()->type.ToShape().elements() == 0) return false;
  if (indices->type.dtype != DType::kI64 && indices->type.dtype != DType::kI32) return false;
  const Shape shape = data->type.ToShape();
  int64_t axis = node.attributes.Int("axis");
  if (axis < 0) axis += shape.rank();
  kernels::gather::Params params{};
  params.index_type = indices->type.dtype;
  params.outer = 1;
  for (int d = 0; d < axis; ++d) params.outer *= shape[d];
  params.slices = shape[static_cast<int>(axis)];
  params.indices = indices->type.ToShape().elements();
  params.inner_bytes = bits / 8;
  for (int d = static_cast<int>(axis) + 1; d < shape.rank(); ++d) params.inner_bytes *= shape[d];
  params.data_slice_stride = params.inner_bytes;
  params.data_outer_stride = params.inner_bytes * params.slices;
  params.out_index_stride = params.inner_bytes;
  params.out_outer_stride = params.inner_bytes * params.indices;
  kernels::Choice choice{};
  if (params.slices == 0 || !kernels::gather::Choose(lowering.isa(), &params, &choice).ok()) return false;
  const TensorId from = lowering.DenseInput(data);
  const TensorId at = lowering.DenseInput(indices);
  const TensorId out = lowering.DenseOutput(node.output());
  lowering.AddKernel(node, choice, params, {out, from, at});
  WHET_RETURN_IF_ERROR(lowering.FinishOutput(node.output(), out));
  return true;
}

Result<bool> LowerPad(const Node& node, Lowering& lowering) {
  const Value* x = node.input(0);
  const Value* pads = node.input(1);
  const Value* value = node.input(2);
  const int bits = BitsOf(x->type.dtype);
  if (bits < 8 || !pads->IsConstant() || pads->type.dtype != DType::kI64 || node.input(3) != nullptr)
    return false;
  if (value != nullptr && (!value->IsConstant() || value->type.dtype != x->type.dtype)) return false;
  if (node.output()->type.ToShape().elements() == 0) return false;
  const std::string_view mode = node.attributes.String("mode", "constant");
  kernels::pad::Mode kind = kernels::pad::Mode::kConstant;
  if (mode == "edge") {
    kind = kernels::pad::Mode::kEdge;
  } else if (mode == "reflect") {
    kind = kernels::pad::Mode::kReflect;
  } else if (mode == "wrap") {
    kind = kernels::pad::Mode::kWrap;
  } else if (mode != "constant") {
    return false;
  }
  const Shape shape = x->type.ToShape();
  const auto rank = static_cast<size_t>(shape.rank());
  const auto* amounts = pads->constant()->view().as<int64_t>();
  if (pads->constant()->view().elements() != static_cast<int64_t>(2 * rank)) return false;
  kernels::pad::Params params{};
  kernels::Choice choice{};
  const void* fill = value != nullptr ? value->constant()->view().data : nullptr;
  if (!kernels::pad::Choose(lowering.isa(), kind, bits / 8, shape.dims(), {amounts, rank},
                            {amounts + rank, rank}, fill, &params, &choice)
           .ok()) {
    return false;
  }
  const TensorId in = lowering.DenseInput(x);
  const TensorId out = lowering.DenseOutput(node.output());
  lowering.AddKernel(node, choice, params, {out, in});
  WHET_RETURN_IF_ERROR(lowering.FinishOutput(node.output(), out));
  return true;
}

Result<bool> LowerCast(const Node& node, Lowering& lowering) {
  const DType from = node.input(0)->type.dtype;
  const DType to = node.output()->type.dtype;
  const int64_t elements = node.output()->type.ToShape().elements();
  // Narrowing conversions of values out of range are the reference's business, which defines them.
  const bool exact = from == DType::kBool || to == DType::kBool || IsFloat(to) || BitsOf(to) >= 32;
  if (elements == 0 || !exact || !kernels::convert::Supports(from, to)) return false;
  kernels::convert::Params params{};
  kernels::Choice choice{};
  if (!kernels::convert::Choose(lowering.isa(), from, to, elements, &params, &choice).ok()) return false;
  const TensorId in = lowering.DenseInput(node.input(0));
  const TensorId out = lowering.DenseOutput(node.output());
  lowering.AddKernel(node, choice, params, {out, in});
  WHET_RETURN_IF_ERROR(lowering.FinishOutput(node.output(), out));
  return true;
}

}  // namespace whet
