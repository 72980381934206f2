// The text form of DetectorPostprocess.

#include "data/postprocess.h"
#include "data/settings.h"

namespace whet::data {
namespace {

constexpr SettingWord<Decoder> kDecoders[] = {{Decoder::kAnchors, "anchors"},
                                              {Decoder::kBoxes, "boxes"},
                                              {Decoder::kYolo, "yolo"},
                                              {Decoder::kHeatmap, "heatmap"},
                                              {Decoder::kLines, "lines"}};
constexpr SettingWord<BoxFormat> kFormats[] = {{BoxFormat::kCorners, "corners"},
                                               {BoxFormat::kCornersYx, "corners_yx"},
                                               {BoxFormat::kCenter, "center"},
                                               {BoxFormat::kCenterYx, "center_yx"}};
constexpr SettingWord<Suppression> kSuppressions[] = {
    {Suppression::kNone, "none"}, {Suppression::kHard, "hard"}, {Suppression::kWeighted, "weighted"}};
constexpr SettingWord<bool> kUnits[] = {{false, "pixel"}, {true, "normalized"}};
constexpr SettingWord<bool> kActivations[] = {{false, "none"}, {true, "sigmoid"}};

DetectorPostprocess DefaultsOf(Decoder decoder) {
  DetectorPostprocess defaults;
  defaults.decoder = decoder;
  const bool finished = decoder == Decoder::kBoxes;
  defaults.format = finished ? BoxFormat::kCorners : BoxFormat::kCenter;
  defaults.normalized = finished;
  return defaults;
}

Status Set(std::string_view key, std::string_view value, DetectorPostprocess* settings) {
  if (key == "decode") return {};  // read first, since it decides the other defaults
  if (key == "boxes") return ParseSetting(value, &settings->boxes);
  if (key == "scores") return ParseSetting(value, &settings->scores);
  if (key == "strides") return ParseSetting(value, &settings->strides);
  if (key == "anchors") return ParseSetting(value, &settings->anchors);
  if (key == "format") return ParseSetting(value, kFormats, &settings->format);
  if (key == "unit") return ParseSetting(value, kUnits, &settings->normalized);
  if (key == "keypoints") return ParseSetting(value, 0, 1024, &settings->keypoints);
  if (key == "activation") return ParseSetting(value, kActivations, &settings->sigmoid);
  if (key == "objectness") return ParseSetting(value, &settings->objectness);
  if (key == "background") return ParseSetting(value, -1, 1 << 20, &settings->background);
  if (key == "threshold") return ParseSetting(value, &settings->threshold);
  if (key == "iou") return ParseSetting(value, &settings->iou);
  if (key == "nms") return ParseSetting(value, kSuppressions, &settings->suppression);
  if (key == "unclip") return ParseSetting(value, &settings->unclip);
  if (key == "box_threshold") return ParseSetting(value, &settings->box_threshold);
  if (key == "min_length") return ParseSetting(value, &settings->min_length);
  if (key == "max") return ParseSetting(value, 1, 1 << 20, &settings->max);
  return UnknownSetting(
      key,
      "decode, boxes, scores, strides, anchors, format, unit, keypoints, activation, objectness, "
      "background, threshold, iou, nms, unclip, box_threshold, min_length, max");
}

Status Check(const DetectorPostprocess& settings) {
  if (settings.decoder != Decoder::kAnchors) return {};
  if (settings.strides.empty() || settings.strides.size() != settings.anchors.size()) {
    return Error(Code::kInvalidArgument, "strides and anchors need one number per grid, but have %zu and %zu",
                 settings.strides.size(), settings.anchors.size());
  }
  for (size_t i = 0; i < settings.strides.size(); ++i) {
    if (settings.strides[i] < 1 || settings.anchors[i] < 1 || settings.anchors[i] > 64) {
      return Error(Code::kInvalidArgument, "strides are at least 1 and anchors 1 to 64");
    }
  }
  return {};
}

}  // namespace

Result<DetectorPostprocess> DetectorPostprocess::Parse(std::string_view text) {
  constexpr std::string_view kPlace = "detector postprocessing";
  Result<Settings> settings = ParseSettings(text);
  if (!settings.ok()) return settings.TakeStatus().At(kPlace);
  Decoder decoder = Decoder::kBoxes;
  for (const auto& [key, value] : *settings) {
    if (key != "decode") continue;
    Status status = ParseSetting(value, kDecoders, &decoder);
    if (!status.ok()) return std::move(status).At("decode").At(kPlace);
  }
  DetectorPostprocess result = DefaultsOf(decoder);
  for (const auto& [key, value] : *settings) {
    Status status = Set(key, value, &result);
    if (!status.ok()) return std::move(status).At(key).At(kPlace);
  }
  if (Status status = Check(result); !status.ok()) return std::move(status).At(kPlace);
  return result;
}

std::string DetectorPostprocess::ToString() const {
  const DetectorPostprocess defaults = DefaultsOf(decoder);
  SettingsWriter writer;
  writer.Add("decode", SettingWordOf(decoder, kDecoders));
  if (!boxes.empty()) writer.Add("boxes", boxes);
  if (!scores.empty()) writer.Add("scores", scores);
  if (!strides.empty()) writer.Add("strides", strides);
  if (!anchors.empty()) writer.Add("anchors", anchors);
  if (format != defaults.format) writer.Add("format", SettingWordOf(format, kFormats));
  if (normalized != defaults.normalized) writer.Add("unit", SettingWordOf(normalized, kUnits));
  if (keypoints != defaults.keypoints) writer.Add("keypoints", keypoints);
  if (sigmoid != defaults.sigmoid) writer.Add("activation", SettingWordOf(sigmoid, kActivations));
  if (objectness != defaults.objectness) writer.Add("objectness", objectness ? "yes" : "no");
  if (background != defaults.background) writer.Add("background", background);
  if (threshold != defaults.threshold) writer.Add("threshold", threshold);
  if (iou != defaults.iou) writer.Add("iou", iou);
  if (suppression != defaults.suppression) writer.Add("nms", SettingWordOf(suppression, kSuppressions));
  if (unclip != defaults.unclip) writer.Add("unclip", unclip);
  if (box_threshold != defaults.box_threshold) writer.Add("box_threshold", box_threshold);
  if (min_length != defaults.min_length) writer.Add("min_length", min_length);
  if (max != defaults.max) writer.Add("max", max);
  return writer.Take();
}

}  // namespace whet::data
