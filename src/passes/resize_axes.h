// How a Resize node resamples the two spatial axes, in the kernels' terms.
#pragma once

#include <array>
#include <optional>

#include "ir/graph.h"
#include "kernels/resize/resize.h"

namespace whet {

using ResizeAxes = std::array<kernels::resize::Axis, 2>;  // height, width

// Nothing unless the node resamples height and width of [N, H, W, C] only, in a way that kernels know.
std::optional<ResizeAxes> ReadResizeAxes(const Node& node);

}  // namespace whet
