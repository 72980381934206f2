#include "data/decoders.h"

#include <algorithm>
#include <cmath>

namespace whet::data {
namespace {

std::string DimsText(const Values& values) {
  std::string text;
  for (int64_t dim : values.dims) {
    if (!text.empty()) text += 'x';
    text += std::to_string(dim);
  }
  return text.empty() ? "scalar" : text;
}

Status BadShape(const char* what, const Values& values) {
  return Error(Code::kInvalidArgument,
               "the output of shape %s cannot be %s; name the outputs in the settings",
               DimsText(values).c_str(), what);
}

float Sigmoid(float x) { return 1.0f / (1.0f + std::exp(-std::clamp(x, -100.0f, 100.0f))); }

Box ToCorners(const float* v, BoxFormat format) {
  switch (format) {
    case BoxFormat::kCorners: return {v[0], v[1], v[2], v[3]};
    case BoxFormat::kCornersYx: return {v[1], v[0], v[3], v[2]};
    case BoxFormat::kCenter: return {v[0] - v[2] / 2, v[1] - v[3] / 2, v[0] + v[2] / 2, v[1] + v[3] / 2};
    case BoxFormat::kCenterYx: return {v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2};
  }
  return {};
}

// The centres of all anchors in input pixels, in the order in which MediaPipe's detectors put them out: grid
// by grid, row by row, all of a cell together.
Result<std::vector<Point>> AnchorCenters(const DetectorPostprocess& settings, const ImagePlacement& placement,
                                         size_t expected) {
  std::vector<Point> centers;
  for (size_t grid = 0; grid < settings.strides.size(); ++grid) {
    const int stride = settings.strides[grid];
    const int columns = (placement.input_width + stride - 1) / stride;
    const int rows = (placement.input_height + stride - 1) / stride;
    const double total = static_cast<double>(columns) * rows * settings.anchors[grid];
    if (static_cast<double>(centers.size()) + total > static_cast<double>(expected)) {
      return Error(Code::kInvalidArgument,
                   "strides and anchors give more than the model's %zu boxes for an input of %dx%d", expected,
                   placement.input_width, placement.input_height);
    }
    for (int y = 0; y < rows; ++y) {
      for (int x = 0; x < columns; ++x) {
        const Point center{(static_cast<float>(x) + 0.5f) * static_cast<float>(placement.input_width) /
                               static_cast<float>(columns),
                           (static_cast<float>(y) + 0.5f) * static_cast<float>(placement.input_height) /
                               static_cast<float>(rows)};
        centers.insert(centers.end(), static_cast<size_t>(settings.anchors[grid]), center);
      }
    }
  }
  if (centers.size() != expected) {
    return Error(Code::kInvalidArgument,
                 "strides and anchors give %zu boxes for an input of %dx%d, the model %zu", centers.size(),
                 placement.input_width, placement.input_height, expected);
  }
  return centers;
}

}  // namespace

Result<std::vector<Detection>> DecodeAnchorsOrBoxes(const DetectorPostprocess& settings, const Values& boxes,
                                                    const Values& scores, const ImagePlacement& placement) {
  if (boxes.dims.size() != 2 || boxes.dims[1] < 4 + 2 * settings.keypoints) return BadShape("boxes", boxes);
  const auto count = static_cast<size_t>(boxes.dims[0]);
  const auto width = static_cast<size_t>(boxes.dims[1]);
  if (count == 0 || scores.data.size() % count != 0 || scores.data.empty()) {
    return Error(Code::kInvalidArgument, "there are %zu boxes but %zu scores", count, scores.data.size());
  }
  const size_t classes = scores.data.size() / count;
  std::vector<Point> centers;
  if (settings.decoder == Decoder::kAnchors) {
    WHET_ASSIGN_OR_RETURN(centers, AnchorCenters(settings, placement, count));
  }
  const float unit_x = settings.normalized ? static_cast<float>(placement.input_width) : 1.0f;
  const float unit_y = settings.normalized ? static_cast<float>(placement.input_height) : 1.0f;
  const bool yx = settings.format == BoxFormat::kCornersYx || settings.format == BoxFormat::kCenterYx;
  std::vector<Detection> detections;
  for (size_t i = 0; i < count; ++i) {
    for (size_t c = 0; c < classes; ++c) {
      if (static_cast<int>(c) == settings.background) continue;
      float score = scores.data[i * classes + c];
      if (settings.sigmoid) score = Sigmoid(score);
      if (!(score >= settings.threshold)) continue;
      Detection detection;
      detection.score = score;
      detection.label = static_cast<int>(c);
      if (settings.background >= 0 && static_cast<int>(c) > settings.background) --detection.label;
      const float* values = boxes.data.data() + i * width;
      const Point center = centers.empty() ? Point{} : centers[i];
      const Box box = ToCorners(values, settings.format);
      detection.box = {box.left * unit_x + center.x, box.top * unit_y + center.y,
                       box.right * unit_x + center.x, box.bottom * unit_y + center.y};
      for (int k = 0; k < settings.keypoints; ++k) {
        const float* point = values + 4 + 2 * k;
        detection.points.push_back(
            {point[yx ? 1 : 0] * unit_x + center.x, point[yx ? 0 : 1] * unit_y + center.y});
      }
      detections.push_back(std::move(detection));
    }
  }
  return detections;
}

Result<std::vector<Detection>> DecodeYolo(const DetectorPostprocess& settings, const Values& output,
                                          const ImagePlacement& placement) {
  const int64_t head = settings.objectness ? 5 : 4;
  if (output.dims.size() != 2 || std::min(output.dims[0], output.dims[1]) <= head) {
    return BadShape("a YOLO head", output);
  }
  // There are more boxes than numbers per box, which tells the two layouts apart.
  const bool transposed = output.dims[0] < output.dims[1];
  const int64_t count = transposed ? output.dims[1] : output.dims[0];
  const int64_t width = transposed ? output.dims[0] : output.dims[1];
  Values boxes{{count, 4}, std::vector<float>(static_cast<size_t>(count * 4))};
  Values scores{{count, width - head}, std::vector<float>(static_cast<size_t>(count * (width - head)))};
  const auto at = [&](int64_t box, int64_t column) {
    return output.data[static_cast<size_t>(transposed ? column * count + box : box * width + column)];
  };
  DetectorPostprocess finished = settings;
  finished.decoder = Decoder::kBoxes;
  finished.sigmoid = false;
  finished.keypoints = 0;
  const auto activate = [&](float x) { return settings.sigmoid ? Sigmoid(x) : x; };
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t c = 0; c < 4; ++c) boxes.data[static_cast<size_t>(i * 4 + c)] = at(i, c);
    const float object = settings.objectness ? activate(at(i, 4)) : 1.0f;
    for (int64_t c = head; c < width; ++c) {
      scores.data[static_cast<size_t>(i * (width - head) + c - head)] = object * activate(at(i, c));
    }
  }
  return DecodeAnchorsOrBoxes(finished, boxes, scores, placement);
}

Result<std::vector<Detection>> DecodeLines(const DetectorPostprocess& settings, const Values& offsets,
                                           const Values& scores, const ImagePlacement& placement) {
  if (offsets.dims.size() != 3 || offsets.dims[2] != 4) return BadShape("the ends of line segments", offsets);
  const int64_t rows = offsets.dims[0];
  const int64_t columns = offsets.dims[1];
  if (scores.data.size() != static_cast<size_t>(rows * columns)) return BadShape("their scores", scores);
  if (scores.data.empty()) return std::vector<Detection>();
  const float scale_x = static_cast<float>(placement.input_width) / static_cast<float>(columns);
  const float scale_y = static_cast<float>(placement.input_height) / static_cast<float>(rows);
  std::vector<Detection> lines;
  for (int64_t y = 0; y < rows; ++y) {
    for (int64_t x = 0; x < columns; ++x) {
      const auto i = static_cast<size_t>(y * columns + x);
      const float score = settings.sigmoid ? Sigmoid(scores.data[i]) : scores.data[i];
      if (!(score >= settings.threshold)) continue;
      const float* offset = offsets.data.data() + i * 4;
      const float length = std::hypot(offset[2] - offset[0], offset[3] - offset[1]);
      if (!(length >= settings.min_length)) continue;
      Detection line;
      line.score = score;
      for (int end = 0; end < 2; ++end) {
        line.points.push_back({(static_cast<float>(x) + offset[end * 2]) * scale_x,
                               (static_cast<float>(y) + offset[end * 2 + 1]) * scale_y});
      }
      line.box = {std::min(line.points[0].x, line.points[1].x), std::min(line.points[0].y, line.points[1].y),
                  std::max(line.points[0].x, line.points[1].x), std::max(line.points[0].y, line.points[1].y)};
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

}  // namespace whet::data
