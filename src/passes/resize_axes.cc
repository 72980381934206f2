#include "passes/resize_axes.h"

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

std::optional<ResizeAxes> ReadResizeAxes(const Node& node) {
  const Value* x = node.input(0);
  if (x->type.rank() != 4 || !x->type.IsStatic() || !node.output()->type.IsStatic()) return std::nullopt;
  if (node.attributes.Has("axes") ||
      node.attributes.String("keep_aspect_ratio_policy", "stretch") != "stretch")
    return std::nullopt;
  const Shape in_shape = x->type.ToShape();
  const Shape out_shape = node.output()->type.ToShape();
  if (in_shape.elements() == 0 || out_shape.elements() == 0) return std::nullopt;
  if (in_shape[0] != out_shape[0] || in_shape[3] != out_shape[3]) return std::nullopt;
  kernel::Axis axis;
  if (!ReadModes(node.attributes, &axis)) return std::nullopt;
  const Value* scales = node.input(3) == nullptr ? node.input(2) : nullptr;
  if (scales != nullptr && (!scales->IsConstant() || scales->constant()->view().elements() != 4))
    return std::nullopt;
  ResizeAxes axes;
  for (int i = 0; i < 2; ++i) {
    axis.size = in_shape[1 + i];
    axis.out_size = out_shape[1 + i];
    axis.scale = scales != nullptr ? static_cast<double>(scales->constant()->view().as<float>()[1 + i])
                                   : static_cast<double>(axis.out_size) / static_cast<double>(axis.size);
    axes[static_cast<size_t>(i)] = axis;
  }
  return axes;
}

}  // namespace whet
