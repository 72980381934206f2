// Quantization and its inverse, tables, rescaled sums and products, and softmax of 8-bit integers.
#include "compile/lower/lower.h"
#include "compile/lower/strides.h"
#include "kernels/quantized/binary.h"
#include "kernels/quantized/prelu.h"
#include "kernels/quantized/quantize.h"
#include "kernels/quantized/softmax_8bit.h"
#include "kernels/quantized/table.h"
#include "ops/quantized_binary_common.h"
#include "ops/quantized_prelu_common.h"
#include "passes/stored_weights.h"

namespace whet {

Result<bool> LowerQuantizedTable(const Node& node, Lowering& lowering) {
  const Value* x = node.input(0);
  if (x->type.ToShape().elements() == 0) return false;
  const TensorId in = lowering.TensorOf(x);
  const TensorId out = lowering.TensorOf(node.output());
  const TensorDraft& from = lowering.tensor(in);
  kernels::table::Params params{};
  params.rows = from.rows();
  params.columns = from.shape.rank() == 0 ? 1 : from.shape.back();
  params.in_stride = from.row_stride;
  params.out_stride = lowering.tensor(out).row_stride;
  kernels::Choice choice{};
  WHET_RETURN_IF_ERROR(kernels::table::Choose(lowering.isa(), &params, &choice));
  lowering.AddKernel(node, choice, params, {out, in, lowering.DenseInput(node.input(1))});
  lowering.MayWriteOver(0, 1);
  return true;
}

Result<bool> LowerQuantizedBinary(const Node& node, Lowering& lowering) {
  namespace kernel = kernels::quantized_binary;
  const ops::BinaryRescale rescale = ops::BinaryRescaleOf(node.attributes);
  const Shape shape = node.output()->type.ToShape();
  if (shape.elements() == 0) return false;
  const TensorId out = lowering.TensorOf(node.output());
  const TensorId a = lowering.TensorOf(node.input(0));
  const TensorId b = lowering.TensorOf(node.input(1));
  kernel::Params params{};
  params.op = rescale.product ? kernel::Op::kMul : kernel::Op::kAdd;
  params.a_type = node.input(0)->type.dtype;
  params.b_type = node.input(1)->type.dtype;
  params.y_type = node.output()->type.dtype;
  params.a_zero = rescale.a.zero_point;
  params.b_zero = rescale.b.zero_point;
  params.y_zero = rescale.y.quantization.zero_point;
  params.low = rescale.y.low;
  params.high = rescale.y.high;
  params.a_ratio = rescale.a_ratio;
  params.b_ratio = rescale.b_ratio;
  kernels::Choice choice{};
  if (!kernel::Choose(lowering.isa(), shape.dims(), StridesTo(lowering.tensor(out), shape),
                      StridesTo(lowering.tensor(a), shape), StridesTo(lowering.tensor(b), shape), &params,
                      &choice)
           .ok()) {
    return false;  // more loops than the kernel has
  }
  lowering.AddKernel(node, choice, params, {out, a, b});
  for (size_t i : {0u, 1u}) {
    if (node.input(i)->type.dims == node.output()->type.dims) lowering.MayWriteOver(0, i + 1);
  }
  return true;
}

Result<bool> LowerQuantizedPRelu(const Node& node, Lowering& lowering) {
  namespace kernel = kernels::quantized_prelu;
  const Value *x = node.input(0), *slope = node.input(1);
  const Shape shape = x->type.ToShape();
  if (shape.elements() == 0 || !slope->IsConstant()) return false;
  const ops::PReluRescale rescale = ops::PReluRescaleOf(node.attributes);
  const TensorId in = lowering.TensorOf(x);
  const TensorId out = lowering.TensorOf(node.output());
  kernel::Params params{};
  params.x_type = x->type.dtype;
  params.y_type = rescale.y.type;
  params.x_zero = rescale.x.zero_point;
  params.y_zero = rescale.y.quantization.zero_point;
  params.low = rescale.y.low;
  params.high = rescale.y.high;
  params.positive = rescale.positive;
  params.channels = shape.back();
  params.rows = lowering.tensor(in).rows();
  params.x_stride = lowering.tensor(in).row_stride;
  params.y_stride = lowering.tensor(out).row_stride;
  kernels::Choice choice{};
  if (!kernel::Choose(lowering.isa(), &params, &choice).ok()) return false;
  std::vector<float> negative;
  for (int64_t c = 0; c < params.channels; ++c)
    negative.push_back(rescale.Negative(slope->constant()->view().as<float>()[c]));
  lowering.AddKernel(node, choice, params, {out, in, lowering.WeightsOf<float>(DType::kF32, negative)});
  lowering.MayWriteOver(0, 1);
  return true;
}

Result<bool> LowerQuantizedSoftmax(const Node& node, Lowering& lowering) {
  namespace kernel = kernels::softmax_8bit;
  const Shape shape = node.input(0)->type.ToShape();
  if (shape.elements() == 0) return false;
  const ops::QuantizedOutput y = ops::QuantizedOutputOf(node.attributes);
  int64_t axis = node.attributes.Int("axis", -1);
  if (axis < 0) axis += shape.rank();
  kernel::Params params{};
  params.in_type = node.input(0)->type.dtype;
  params.out_type = y.type;
  params.y_scale = y.quantization.scale;
  params.y_zero = y.quantization.zero_point;
  params.low = y.low;
  params.high = y.high;
  params.outer = params.axis = params.inner = 1;
  for (int d = 0; d < shape.rank(); ++d) {
    (d < axis ? params.outer : d == axis ? params.axis : params.inner) *= shape[d];
  }
  kernels::Choice choice{};
  if (!kernel::Choose(lowering.isa(), &params, &choice).ok()) return false;
  const TensorId in = lowering.DenseInput(node.input(0));
  const TensorId out = lowering.DenseOutput(node.output());
  lowering.AddKernel(node, choice, params, {out, in, lowering.DenseInput(node.input(1))});
  WHET_RETURN_IF_ERROR(lowering.FinishOutput(node.output(), out));
  return true;
}

Result<bool> LowerQuantize(const Node& node, Lowering& lowering) {
  const bool inverse = node.Is("DequantizeLinear");
  if (inverse && StaysStored(node)) return true;
  const Value* reals = inverse ? node.output() : node.input(0);
  const Value* integers = inverse ? node.input(0) : node.output();
  const Value* scale = node.input(1);
  if (reals->type.dtype != DType::kF32 || scale->type.dtype != DType::kF32 ||
      node.attributes.Int("block_size") != 0) {
    return false;
  }
  const Shape shape = reals->type.ToShape();
  if (shape.elements() == 0) return false;
  kernels::quantize::Params params{};
  params.type = integers->type.dtype;
  params.inverse = inverse ? 1 : 0;
  params.outer = params.channels = params.inner = 1;
  if (scale->type.ToShape().elements() == 1) {
    params.inner = shape.elements();
  } else {
    int64_t axis = node.attributes.Int("axis", 1);
    if (axis < 0) axis += shape.rank();
    for (int d = 0; d < shape.rank(); ++d) {
      (d < axis ? params.outer : d == axis ? params.channels : params.inner) *= shape[d];
    }
  }
  kernels::Choice choice{};
  if (!kernels::quantize::Choose(lowering.isa(), &params, &choice).ok()) return false;  // 4-bit integers
  const TensorId in = lowering.DenseInput(node.input(0));
  const TensorId out = lowering.DenseOutput(node.output());
  const TensorId zero = node.input(2) != nullptr ? lowering.DenseInput(node.input(2)) : kNoTensor;
  lowering.AddKernel(node, choice, params, {out, in, lowering.DenseInput(scale), zero});
  WHET_RETURN_IF_ERROR(lowering.FinishOutput(node.output(), out));
  return true;
}

}  // namespace whet
