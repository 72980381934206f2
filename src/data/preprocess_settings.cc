// The text form of ImagePreprocess and AudioPreprocess.

#include "data/preprocess.h"
#include "data/settings.h"

namespace whet::data {
namespace {

constexpr SettingWord<Fit> kFits[] = {
    {Fit::kStretch, "stretch"}, {Fit::kLetterbox, "letterbox"}, {Fit::kCrop, "crop"}};
constexpr SettingWord<ColorOrder> kOrders[] = {{ColorOrder::kAuto, "auto"},
                                               {ColorOrder::kRgb, "rgb"},
                                               {ColorOrder::kBgr, "bgr"},
                                               {ColorOrder::kGrey, "grey"},
                                               {ColorOrder::kRgba, "rgba"}};
constexpr SettingWord<Layout> kLayouts[] = {
    {Layout::kAuto, "auto"}, {Layout::kNhwc, "nhwc"}, {Layout::kNchw, "nchw"}};
constexpr SettingWord<bool> kAligns[] = {{false, "center"}, {true, "corner"}};

constexpr int kMaxSide = 1 << 16;

Status ParseSize(std::string_view text, ImagePreprocess* settings) {
  const size_t x = text.find('x');
  if (x == std::string_view::npos) {
    return Error(Code::kInvalidArgument, "'%s' is not of the form WxH", std::string(text).c_str());
  }
  WHET_RETURN_IF_ERROR(ParseSetting(text.substr(0, x), 1, kMaxSide, &settings->width));
  return ParseSetting(text.substr(x + 1), 1, kMaxSide, &settings->height);
}

Status ParseChannels(std::string_view text, std::vector<float>* values) {
  WHET_RETURN_IF_ERROR(ParseSetting(text, values));
  if (values->size() > 4) return Error(Code::kInvalidArgument, "more than 4 values; one per channel");
  return {};
}

Status SetImage(std::string_view key, std::string_view value, ImagePreprocess* settings) {
  if (key == "size") return ParseSize(value, settings);
  if (key == "max_side") return ParseSetting(value, 0, kMaxSide, &settings->max_side);
  if (key == "multiple") return ParseSetting(value, 1, 4096, &settings->multiple);
  if (key == "resize") return ParseSetting(value, kFits, &settings->fit);
  if (key == "crop") {
    WHET_RETURN_IF_ERROR(ParseSetting(value, &settings->crop));
    if (settings->crop < 0.01f || settings->crop > 1) {
      return Error(Code::kInvalidArgument, "not between 0.01 and 1");
    }
    return {};
  }
  if (key == "align") return ParseSetting(value, kAligns, &settings->align_corner);
  if (key == "pad") return ParseSetting(value, 0, 255, &settings->pad);
  if (key == "interp") {
    if (InterpolationFromName(value, &settings->interpolation)) return {};
    return Error(Code::kInvalidArgument, "'%s' is not one of nearest, bilinear, antialias, area, bicubic",
                 std::string(value).c_str());
  }
  if (key == "order") return ParseSetting(value, kOrders, &settings->order);
  if (key == "mean") return ParseChannels(value, &settings->mean);
  if (key == "scale") return ParseChannels(value, &settings->scale);
  if (key == "layout") return ParseSetting(value, kLayouts, &settings->layout);
  return UnknownSetting(
      key, "size, max_side, multiple, resize, crop, align, pad, interp, order, mean, scale, layout");
}

Status SetAudio(std::string_view key, std::string_view value, AudioPreprocess* settings) {
  if (key == "rate") return ParseSetting(value, 100, 1 << 20, &settings->rate);
  if (key == "mono") return ParseSetting(value, &settings->mono);
  if (key == "scale") return ParseSetting(value, &settings->scale);
  if (key == "frame") return ParseSetting(value, 0, 1 << 24, &settings->frame);
  if (key == "hop") return ParseSetting(value, 0, 1 << 24, &settings->hop);
  return UnknownSetting(key, "rate, mono, scale, frame, hop");
}

}  // namespace

Result<ImagePreprocess> ImagePreprocess::Parse(std::string_view text, const ImagePreprocess& defaults) {
  ImagePreprocess result = defaults;
  WHET_ASSIGN_OR_RETURN(const Settings settings, ParseSettings(text));
  for (const auto& [key, value] : settings) {
    Status status = SetImage(key, value, &result);
    if (!status.ok()) return std::move(status).At("image preprocessing: " + key);
  }
  return result;
}

std::string ImagePreprocess::ToString() const {
  const ImagePreprocess defaults;
  SettingsWriter writer;
  if (width > 0) writer.Add("size", std::to_string(width) + "x" + std::to_string(height));
  if (max_side != defaults.max_side) writer.Add("max_side", max_side);
  if (multiple != defaults.multiple) writer.Add("multiple", multiple);
  if (fit != defaults.fit) writer.Add("resize", SettingWordOf(fit, kFits));
  if (crop != defaults.crop) writer.Add("crop", crop);
  if (align_corner != defaults.align_corner) writer.Add("align", SettingWordOf(align_corner, kAligns));
  if (pad != defaults.pad) writer.Add("pad", pad);
  if (interpolation != defaults.interpolation) writer.Add("interp", InterpolationName(interpolation));
  if (order != defaults.order) writer.Add("order", SettingWordOf(order, kOrders));
  if (!mean.empty()) writer.Add("mean", mean);
  if (!scale.empty()) writer.Add("scale", scale);
  if (layout != defaults.layout) writer.Add("layout", SettingWordOf(layout, kLayouts));
  return writer.Take();
}

Result<AudioPreprocess> AudioPreprocess::Parse(std::string_view text, const AudioPreprocess& defaults) {
  AudioPreprocess result = defaults;
  WHET_ASSIGN_OR_RETURN(const Settings settings, ParseSettings(text));
  for (const auto& [key, value] : settings) {
    Status status = SetAudio(key, value, &result);
    if (!status.ok()) return std::move(status).At("audio preprocessing: " + key);
  }
  return result;
}

std::string AudioPreprocess::ToString() const {
  const AudioPreprocess defaults;
  SettingsWriter writer;
  if (rate != defaults.rate) writer.Add("rate", rate);
  if (mono != defaults.mono) writer.Add("mono", mono ? "yes" : "no");
  if (scale != defaults.scale) writer.Add("scale", scale);
  if (frame != defaults.frame) writer.Add("frame", frame);
  if (hop != defaults.hop) writer.Add("hop", hop);
  return writer.Take();
}

}  // namespace whet::data
