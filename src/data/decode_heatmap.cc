#include <algorithm>
#include <cstdint>

#include "data/decoders.h"

namespace whet::data {
namespace {

struct Region {
  int64_t left, top, right, bottom;  // inclusive
  double sum = 0;
  int64_t pixels = 0;
};

// The pixels that hang together with (x, y), horizontally, vertically or diagonally.
Region Flood(const Values& map, float threshold, int64_t x, int64_t y, std::vector<bool>* seen,
             std::vector<int64_t>* stack) {
  const int64_t rows = map.dims[0];
  const int64_t columns = map.dims[1];
  Region region{x, y, x, y};
  stack->assign(1, y * columns + x);
  (*seen)[static_cast<size_t>(stack->back())] = true;
  while (!stack->empty()) {
    const int64_t at = stack->back();
    stack->pop_back();
    const int64_t px = at % columns;
    const int64_t py = at / columns;
    region.left = std::min(region.left, px);
    region.right = std::max(region.right, px);
    region.top = std::min(region.top, py);
    region.bottom = std::max(region.bottom, py);
    region.sum += static_cast<double>(map.data[static_cast<size_t>(at)]);
    ++region.pixels;
    for (int64_t ny = std::max<int64_t>(py - 1, 0); ny <= std::min(py + 1, rows - 1); ++ny) {
      for (int64_t nx = std::max<int64_t>(px - 1, 0); nx <= std::min(px + 1, columns - 1); ++nx) {
        const auto next = static_cast<size_t>(ny * columns + nx);
        if ((*seen)[next] || !(map.data[next] > threshold)) continue;
        (*seen)[next] = true;
        stack->push_back(static_cast<int64_t>(next));
      }
    }
  }
  return region;
}

}  // namespace

Result<std::vector<Detection>> DecodeHeatmap(const DetectorPostprocess& settings, const Values& values,
                                             const ImagePlacement& placement) {
  Values map = values;
  if (map.dims.size() == 3 && map.dims[2] == 1) map.dims.pop_back();
  if (map.dims.size() != 2) {
    return Error(Code::kInvalidArgument, "a heatmap has two dimensions beside those of 1, not %zu",
                 map.dims.size());
  }
  if (map.data.empty()) return std::vector<Detection>();
  const float scale_x = static_cast<float>(placement.input_width) / static_cast<float>(map.dims[1]);
  const float scale_y = static_cast<float>(placement.input_height) / static_cast<float>(map.dims[0]);
  std::vector<Detection> detections;
  std::vector<bool> seen(map.data.size());
  std::vector<int64_t> stack;
  for (int64_t y = 0; y < map.dims[0]; ++y) {
    for (int64_t x = 0; x < map.dims[1]; ++x) {
      const auto i = static_cast<size_t>(y * map.dims[1] + x);
      if (seen[i] || !(map.data[i] > settings.threshold)) continue;
      const Region region = Flood(map, settings.threshold, x, y, &seen, &stack);
      const auto mean = static_cast<float>(region.sum / static_cast<double>(region.pixels));
      const auto width = static_cast<float>(region.right - region.left + 1);
      const auto height = static_cast<float>(region.bottom - region.top + 1);
      // Specks of one or two pixels are noise of the threshold.
      if (mean < settings.box_threshold || std::min(width, height) < 3) continue;
      const float grow = width * height * settings.unclip / (2 * (width + height));
      Detection detection;
      detection.score = mean;
      detection.box = {(static_cast<float>(region.left) - grow) * scale_x,
                       (static_cast<float>(region.top) - grow) * scale_y,
                       (static_cast<float>(region.right + 1) + grow) * scale_x,
                       (static_cast<float>(region.bottom + 1) + grow) * scale_y};
      detections.push_back(std::move(detection));
    }
  }
  return detections;
}

}  // namespace whet::data
