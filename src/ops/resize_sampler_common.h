// Which input positions, with which weights, make up each position of Resize's output along one dimension.
// Source: ONNX's description of Resize.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/attributes.h"

namespace whet::ops {

// What happens along one dimension.
struct ResizeAxis {
  int64_t in = 0, out = 0;
  double scale = 1;
  double start = 0, end = 1;  // the region of interest, of tf_crop_and_resize
};

// One output position: the weighted sum of `weights` from input position `first` on, positions beyond the
// ends read as the ends.
struct ResizeTaps {
  int64_t first = 0;
  std::vector<double> weights;
  bool outside = false;  // tf_crop_and_resize: the extrapolation value instead
};

// Reads the node's attributes, which must outlive it.
class ResizeSampler {
 public:
  explicit ResizeSampler(const Attributes& attributes)
      : mode_(attributes.String("mode", "nearest")),
        coordinates_(attributes.String("coordinate_transformation_mode", "half_pixel")),
        nearest_(attributes.String("nearest_mode", "round_prefer_floor")),
        cubic_a_(attributes.Float("cubic_coeff_a", -0.75)),
        exclude_outside_(attributes.Int("exclude_outside") != 0),
        antialias_(attributes.Int("antialias") != 0) {}

  bool IsIdentity(const ResizeAxis& axis) const {
    return axis.in == axis.out && axis.scale == 1 &&
           (coordinates_ != "tf_crop_and_resize" || (axis.start == 0 && axis.end == 1)) &&
           coordinates_ != "tf_half_pixel_for_nn";
  }

  // What output position `i` is made of.
  ResizeTaps At(const ResizeAxis& axis, int64_t i) const;

  bool nearest() const { return mode_ == "nearest"; }

 private:
  int64_t Nearest(double x) const;

  std::string_view mode_, coordinates_, nearest_;
  double cubic_a_;
  bool exclude_outside_, antialias_;
};

}  // namespace whet::ops
