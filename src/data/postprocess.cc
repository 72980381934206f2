#include "data/postprocess.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/decoders.h"

namespace whet::data {
namespace {

Values ToValues(const TensorView& view) {
  Values values;
  values.dims.assign(view.shape.begin(), view.shape.end());
  while (values.dims.size() > 2 && values.dims.front() == 1) values.dims.erase(values.dims.begin());
  const auto count = static_cast<size_t>(view.elements());
  values.data.resize(count);
  if (view.dtype == DType::kF32) {
    std::copy_n(view.as<const float>(), count, values.data.begin());
  } else {
    for (size_t i = 0; i < count; ++i) {
      values.data[i] = static_cast<float>(ElementAsDouble(view, static_cast<int64_t>(i)));
    }
  }
  return values;
}

std::string NamesOf(std::span<const NamedView> outputs) {
  std::string names;
  for (const NamedView& output : outputs) {
    if (!names.empty()) names += ", ";
    names += output.name;
  }
  return names;
}

// The named outputs strung together along their first dimension.
Result<Values> Gather(const std::vector<std::string>& names, std::span<const NamedView> outputs) {
  Values all;
  for (const std::string& name : names) {
    const auto found =
        std::find_if(outputs.begin(), outputs.end(), [&](const NamedView& o) { return o.name == name; });
    if (found == outputs.end()) {
      return Error(Code::kNotFound, "the model has no output '%s'; it has: %s", name.c_str(),
                   NamesOf(outputs).c_str());
    }
    Values part = ToValues(found->view);
    if (all.dims.empty()) {
      all = std::move(part);
      continue;
    }
    if (part.dims.size() != all.dims.size() || part.dims.empty() ||
        !std::equal(part.dims.begin() + 1, part.dims.end(), all.dims.begin() + 1)) {
      return Error(Code::kInvalidArgument, "the outputs '%s' and '%s' have different shapes",
                   names[0].c_str(), name.c_str());
    }
    all.dims[0] += part.dims[0];
    all.data.insert(all.data.end(), part.data.begin(), part.data.end());
  }
  return all;
}

// Boxes have at least four numbers each and as many as their keypoints need; whatever else there is holds
// scores.
void TellOutputsApart(const DetectorPostprocess& settings, std::span<const NamedView> outputs,
                      std::vector<std::string>* boxes, std::vector<std::string>* scores) {
  const bool find_boxes = boxes->empty();
  const bool find_scores = scores->empty();
  const int64_t width = 4 + 2 * settings.keypoints;
  const auto named = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const NamedView& output : outputs) {
    const Shape& shape = output.view.shape;
    if (named(*boxes, output.name) || named(*scores, output.name)) continue;
    const bool is_boxes = shape.rank() >= 2 && shape.back() == width;
    if (is_boxes && find_boxes) {
      boxes->push_back(output.name);
    } else if (!is_boxes && find_scores) {
      scores->push_back(output.name);
    }
  }
}

Result<std::vector<Detection>> DecodeInInput(const DetectorPostprocess& settings,
                                             std::span<const NamedView> outputs,
                                             const ImagePlacement& placement) {
  std::vector<std::string> box_names = settings.boxes;
  std::vector<std::string> score_names = settings.scores;
  const bool single = settings.decoder == Decoder::kYolo || settings.decoder == Decoder::kHeatmap;
  if (single) {
    std::vector<std::string> names = box_names.empty() ? score_names : box_names;
    if (names.empty() && !outputs.empty()) names.push_back(outputs[0].name);
    WHET_ASSIGN_OR_RETURN(const Values values, Gather(names, outputs));
    return settings.decoder == Decoder::kYolo ? DecodeYolo(settings, values, placement)
                                              : DecodeHeatmap(settings, values, placement);
  }
  TellOutputsApart(settings, outputs, &box_names, &score_names);
  if (box_names.empty() || score_names.empty()) {
    return Error(Code::kInvalidArgument,
                 "which outputs hold boxes and which scores cannot be told; name them with boxes= and "
                 "scores= (there are: %s)",
                 NamesOf(outputs).c_str());
  }
  WHET_ASSIGN_OR_RETURN(const Values boxes, Gather(box_names, outputs));
  WHET_ASSIGN_OR_RETURN(const Values scores, Gather(score_names, outputs));
  return settings.decoder == Decoder::kLines ? DecodeLines(settings, boxes, scores, placement)
                                             : DecodeAnchorsOrBoxes(settings, boxes, scores, placement);
}

Point ToPhoto(Point point, const ImagePlacement& placement) {
  return {static_cast<float>(placement.PhotoX(static_cast<double>(point.x))),
          static_cast<float>(placement.PhotoY(static_cast<double>(point.y)))};
}

bool IsFinite(const Detection& detection) {
  const Box& box = detection.box;
  bool finite = std::isfinite(box.left) && std::isfinite(box.top) && std::isfinite(box.right) &&
                std::isfinite(box.bottom);
  for (const Point& point : detection.points)
    finite = finite && std::isfinite(point.x) && std::isfinite(point.y);
  return finite;
}

}  // namespace

Result<std::vector<Detection>> Decode(const DetectorPostprocess& settings, std::span<const NamedView> outputs,
                                      const ImagePlacement& placement) {
  Result<std::vector<Detection>> decoded = DecodeInInput(settings, outputs, placement);
  if (!decoded.ok()) return decoded.TakeStatus().At("detector postprocessing");
  std::erase_if(*decoded, [](const Detection& detection) { return !IsFinite(detection); });
  // Two crossing segments are two results though their boxes overlap; regions of a heatmap never do.
  const bool suppresses = settings.decoder != Decoder::kLines && settings.decoder != Decoder::kHeatmap;
  std::vector<Detection> detections = SuppressNonMaxima(
      std::move(*decoded), suppresses ? settings.suppression : Suppression::kNone, settings.iou);
  if (detections.size() > static_cast<size_t>(settings.max))
    detections.resize(static_cast<size_t>(settings.max));
  const auto width = static_cast<float>(placement.photo_width);
  const auto height = static_cast<float>(placement.photo_height);
  for (Detection& detection : detections) {
    const Point first = ToPhoto({detection.box.left, detection.box.top}, placement);
    const Point last = ToPhoto({detection.box.right, detection.box.bottom}, placement);
    detection.box = {std::clamp(first.x, 0.0f, width), std::clamp(first.y, 0.0f, height),
                     std::clamp(last.x, 0.0f, width), std::clamp(last.y, 0.0f, height)};
    for (Point& point : detection.points) point = ToPhoto(point, placement);
  }
  return detections;
}

}  // namespace whet::data
