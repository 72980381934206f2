#include "kernels/resize/resize.h"

#include "compile/lower/lower.h"
#include "kernels/quantized/resize_8bit.h"
#include "ops/quantized_common.h"
#include "passes/resize_axes.h"

namespace whet {
namespace {

namespace kernel = kernels::resize;
namespace bytes = kernels::resize_8bit;

// The geometry, which the params of both families spell alike.
template <typename Params>
void FillParams(const TensorDraft& from, const TensorDraft& to, Params* params) {
  params->batch = from.shape[0];
  params->channels = from.shape[3];
  params->height = from.shape[1];
  params->width = from.shape[2];
  params->out_height = to.shape[1];
  params->out_width = to.shape[2];
  params->in_pixel_stride = from.row_stride;
  params->in_row_stride = params->in_pixel_stride * params->width;
  params->in_batch_stride = params->in_row_stride * params->height;
  params->out_pixel_stride = to.row_stride;
  params->out_row_stride = params->out_pixel_stride * params->out_width;
  params->out_batch_stride = params->out_row_stride * params->out_height;
}

template <typename Tap>
TensorId TapsOf(Lowering& lowering, const std::vector<Tap>& table) {
  void* data = nullptr;
  const auto size = static_cast<int64_t>(table.size() * sizeof(Tap));
  const TensorId id = lowering.Weights(DType::kU8, Shape{size}, &data);
  std::memcpy(data, table.data(), static_cast<size_t>(size));
  return id;
}

Result<bool> LowerNearestOfBytes(const Node& node, const ResizeAxes& axes, Lowering& lowering) {
  if (axes[0].interpolation != kernel::Interpolation::kNearest) return false;
  const std::vector<bytes::Tap> y_taps = bytes::AxisTable(axes[0]), x_taps = bytes::AxisTable(axes[1]);
  if (y_taps.empty() || x_taps.empty()) return false;
  const TensorId in = lowering.TensorOf(node.input(0));
  const TensorId out = lowering.TensorOf(node.output());
  bytes::Params params{};
  FillParams(lowering.tensor(in), lowering.tensor(out), &params);
  params.in_type = params.out_type = node.input(0)->type.dtype;
  params.nearest = 1;
  kernels::Choice choice{};
  if (!bytes::Choose(lowering.isa(), &params, &choice).ok()) return false;
  lowering.AddKernel(node, choice, params, {out, in, TapsOf(lowering, y_taps), TapsOf(lowering, x_taps)});
  return true;
}

}  // namespace

Result<bool> LowerResize(const Node& node, Lowering& lowering) {
  const DType type = node.input(0)->type.dtype;
  const std::optional<ResizeAxes> axes = ReadResizeAxes(node);
  if (!axes) return false;
  if (Is8Bit(type)) return LowerNearestOfBytes(node, *axes, lowering);
  if (type != DType::kF32) return false;
  TensorId taps[2];
  int64_t tap_count[2];
  for (size_t i = 0; i < 2; ++i) taps[i] = TapsOf(lowering, kernel::AxisTable((*axes)[i], &tap_count[i]));
  const TensorId in = lowering.TensorOf(node.input(0));
  const TensorId out = lowering.TensorOf(node.output());
  kernel::Params params{};
  FillParams(lowering.tensor(in), lowering.tensor(out), &params);
  params.y_taps = tap_count[0];
  params.x_taps = tap_count[1];
  kernels::Choice choice{};
  if (!kernel::Choose(lowering.isa(), params, &choice).ok()) return false;
  lowering.AddKernel(node, choice, params, {out, in, taps[0], taps[1]});
  return true;
}

Result<bool> LowerQuantizedResize(const Node& node, Lowering& lowering) {
  const Shape in_shape = node.input(0)->type.ToShape();
  if (in_shape.elements() == 0 || node.output()->type.ToShape().elements() == 0) return false;
  const TensorId in = lowering.TensorOf(node.input(0));
  const TensorId out = lowering.TensorOf(node.output());
  const ops::Quantization x = ops::QuantizationOf(node.attributes, "x");
  const ops::QuantizedOutput y = ops::QuantizedOutputOf(node.attributes);
  bytes::Params params{};
  FillParams(lowering.tensor(in), lowering.tensor(out), &params);
  params.in_type = node.input(0)->type.dtype;
  params.out_type = y.type;
  params.ratio = ops::RatioOf(x.scale, y.quantization.scale);
  params.x_zero = x.zero_point;
  params.y_zero = y.quantization.zero_point;
  params.low = y.low;
  params.high = y.high;
  kernels::Choice choice{};
  if (!bytes::Choose(lowering.isa(), &params, &choice).ok()) return false;
  lowering.AddKernel(node, choice, params,
                     {out, in, lowering.DenseInput(node.input(1)), lowering.DenseInput(node.input(2))});
  return true;
}

}  // namespace whet
