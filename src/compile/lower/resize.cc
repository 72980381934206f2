#include "kernels/resize/resize.h"

#include "compile/lower/lower.h"

namespace whet {
namespace {

namespace kernel = kernels::resize;

bool ReadModes(const Attributes& attributes, kernel::Axis* axis) {
  const std::string_view mode = attributes.String("mode", "nearest");
  if (mode == "nearest") {
    axis->interpolation = kernel::Interpolation::kNearest;
  } else if (mode == "linear") {
    axis->interpolation = kernel::Interpolation::kLinear;
  } else if (mode == "cubic") {
    axis->interpolation = kernel::Interpolation::kCubic;
  } else {
    return false;
  }
  struct NamedCoordinates {
    std::string_view name;
    kernel::Coordinates coordinates;
  };
  // tf_crop_and_resize may extrapolate, which the kernel does not.
  constexpr NamedCoordinates kCoordinates[] = {
      {"half_pixel", kernel::Coordinates::kHalfPixel},
      {"half_pixel_symmetric", kernel::Coordinates::kHalfPixelSymmetric},
      {"pytorch_half_pixel", kernel::Coordinates::kPytorchHalfPixel},
      {"align_corners", kernel::Coordinates::kAlignCorners},
      {"asymmetric", kernel::Coordinates::kAsymmetric},
      {"tf_half_pixel_for_nn", kernel::Coordinates::kTfHalfPixelForNn},
  };
  bool found = false;
  for (const NamedCoordinates& named : kCoordinates) {
    if (named.name != attributes.String("coordinate_transformation_mode", "half_pixel")) continue;
    axis->coordinates = named.coordinates;
    found = true;
  }
  const std::string_view rounding = attributes.String("nearest_mode", "round_prefer_floor");
  axis->rounding = rounding == "floor"               ? kernel::Rounding::kFloor
                   : rounding == "ceil"              ? kernel::Rounding::kCeil
                   : rounding == "round_prefer_ceil" ? kernel::Rounding::kPreferCeil
                                                     : kernel::Rounding::kPreferFloor;
  axis->exclude_outside = attributes.Int("exclude_outside") != 0;
  axis->antialias = attributes.Int("antialias") != 0;
  axis->cubic_a = attributes.Float("cubic_coeff_a", -0.75);
  return found;
}

}  // namespace

Result<bool> LowerResize(const Node& node, Lowering& lowering) {
  const Value* x = node.input(0);
  if (x->type.dtype != DType::kF32 || x->type.rank() != 4) return false;
  if (node.attributes.Has("axes") ||
      node.attributes.String("keep_aspect_ratio_policy", "stretch") != "stretch")
    return false;
  const Shape in_shape = x->type.ToShape();
  const Shape out_shape = node.output()->type.ToShape();
  if (in_shape.elements() == 0 || out_shape.elements() == 0) return false;
  if (in_shape[0] != out_shape[0] || in_shape[3] != out_shape[3]) return false;
  kernel::Axis axis;
  if (!ReadModes(node.attributes, &axis)) return false;
  const Value* scales = node.input(3) == nullptr ? node.input(2) : nullptr;
  if (scales != nullptr && (!scales->IsConstant() || scales->constant()->view().elements() != 4))
    return false;

  TensorId taps[2];
  int64_t tap_count[2];
  for (int i = 0; i < 2; ++i) {
    axis.size = in_shape[1 + i];
    axis.out_size = out_shape[1 + i];
    axis.scale = scales != nullptr ? static_cast<double>(scales->constant()->view().as<float>()[1 + i])
                                   : static_cast<double>(axis.out_size) / static_cast<double>(axis.size);
    const std::vector<kernel::Tap> table = kernel::AxisTable(axis, &tap_count[i]);
    void* data = nullptr;
    const auto bytes = static_cast<int64_t>(table.size() * sizeof(kernel::Tap));
    taps[i] = lowering.Weights(DType::kU8, Shape{bytes}, &data);
    std::memcpy(data, table.data(), static_cast<size_t>(bytes));
  }
  const TensorId in = lowering.TensorOf(x);
  const TensorId out = lowering.TensorOf(node.output());
  kernel::Params params{};
  params.batch = in_shape[0];
  params.channels = in_shape[3];
  params.height = in_shape[1];
  params.width = in_shape[2];
  params.out_height = out_shape[1];
  params.out_width = out_shape[2];
  params.y_taps = tap_count[0];
  params.x_taps = tap_count[1];
  params.in_pixel_stride = lowering.tensor(in).row_stride;
  params.in_row_stride = params.in_pixel_stride * params.width;
  params.in_batch_stride = params.in_row_stride * params.height;
  params.out_pixel_stride = lowering.tensor(out).row_stride;
  params.out_row_stride = params.out_pixel_stride * params.out_width;
  params.out_batch_stride = params.out_row_stride * params.out_height;
  kernels::Choice choice{};
  if (!kernel::Choose(lowering.isa(), params, &choice).ok()) return false;
  lowering.AddKernel(node, choice, params, {out, in, taps[0], taps[1]});
  return true;
}

}  // namespace whet
