#include "data/preprocess.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace whet::data {
namespace {

std::string DimsText(const std::vector<int64_t>& dims) {
  std::string text;
  for (int64_t dim : dims) {
    if (!text.empty()) text += 'x';
    text += dim < 0 ? "?" : std::to_string(dim);
  }
  return text.empty() ? "scalar" : text;
}

bool IsChannelCount(int64_t dim) { return dim == 1 || dim == 3 || dim == 4; }

// The model's dimensions by their meaning; -1 where free.
struct Axes {
  int64_t batch = 1;
  int64_t channels = -1;
  int64_t height = -1;
  int64_t width = -1;
  Layout layout = Layout::kNhwc;
  bool has_batch = true;
};

Result<Axes> FindAxes(const ImagePreprocess& settings, const InputSpec& input) {
  std::vector<int64_t> dims = input.dims;
  Axes axes;
  axes.has_batch = dims.size() == 4;
  if (dims.size() == 3) dims.insert(dims.begin(), 1);
  if (dims.size() != 4) {
    return Error(Code::kInvalidArgument,
                 "a picture cannot be fed to an input of shape %s, which has not 3 or 4 dimensions",
                 DimsText(input.dims).c_str());
  }
  axes.layout = settings.layout;
  if (axes.layout == Layout::kAuto) {
    const bool first = IsChannelCount(dims[1]);
    const bool last = IsChannelCount(dims[3]);
    if (!first && !last) {
      return Error(Code::kInvalidArgument,
                   "which dimension of the input's shape %s is the colour cannot be told; give layout=nhwc "
                   "or layout=nchw",
                   DimsText(input.dims).c_str());
    }
    // A dimension of 1 may as well be a side of one pixel, so one of 3 or 4 tells more.
    axes.layout = first && (!last || dims[1] > 1 || dims[3] == 1) ? Layout::kNchw : Layout::kNhwc;
  }
  const bool nchw = axes.layout == Layout::kNchw;
  axes.batch = dims[0] < 0 ? 1 : dims[0];
  axes.channels = nchw ? dims[1] : dims[3];
  axes.height = nchw ? dims[2] : dims[1];
  axes.width = nchw ? dims[3] : dims[2];
  return axes;
}

// A side of the next whole size; absurd ones become a size that Image::Create refuses.
int ToSide(double value) {
  return static_cast<int>(std::lround(std::clamp(value, 1.0, 2.0 * static_cast<double>(kMaxImagePixels))));
}

int RoundToMultiple(double value, int multiple) {
  return static_cast<int>(
      std::min<int64_t>(int64_t{ToSide(value / multiple)} * multiple, 2 * kMaxImagePixels));
}

Status ChooseSize(const Image& image, const ImagePreprocess& settings, const InputSpec& input,
                  const Axes& axes, int* width, int* height) {
  constexpr int64_t kMaxSide = 1 << 16;
  if (settings.width > 0) {
    *width = settings.width;
    *height = settings.height;
  } else if (axes.width > 0 && axes.height > 0) {
    if (axes.width > kMaxSide || axes.height > kMaxSide) {
      return Error(Code::kLimitExceeded, "an input of shape %s is too large for a picture",
                   DimsText(input.dims).c_str());
    }
    *width = static_cast<int>(axes.width);
    *height = static_cast<int>(axes.height);
  } else {
    // One given side keeps the aspect ratio; otherwise the picture's own size, limited.
    double scale = 1;
    if (axes.height > 0) scale = static_cast<double>(axes.height) / image.height;
    if (axes.width > 0) scale = static_cast<double>(axes.width) / image.width;
    const int longer = std::max(image.width, image.height);
    if (axes.height <= 0 && axes.width <= 0 && settings.max_side > 0) {
      scale = std::min(1.0, static_cast<double>(settings.max_side) / longer);
    }
    *width = axes.width > 0 ? static_cast<int>(axes.width)
                            : RoundToMultiple(image.width * scale, settings.multiple);
    *height = axes.height > 0 ? static_cast<int>(axes.height)
                              : RoundToMultiple(image.height * scale, settings.multiple);
  }
  if ((axes.width > 0 && axes.width != *width) || (axes.height > 0 && axes.height != *height)) {
    return Error(Code::kInvalidArgument, "a size of %dx%d was asked for, but the model's input is %s", *width,
                 *height, DimsText(input.dims).c_str());
  }
  return {};
}

Result<Image> Place(const Image& image, const ImagePreprocess& settings, int width, int height,
                    ImagePlacement* placement) {
  *placement = {image.width, image.height, width, height, 1, 1, 0, 0};
  const double full_x = static_cast<double>(width) / image.width;
  const double full_y = static_cast<double>(height) / image.height;
  if (settings.fit == Fit::kStretch) {
    placement->scale_x = full_x;
    placement->scale_y = full_y;
    return Resize(image, width, height, settings.interpolation);
  }
  const bool letterbox = settings.fit == Fit::kLetterbox;
  const double scale =
      letterbox ? std::min(full_x, full_y) : std::max(full_x, full_y) / static_cast<double>(settings.crop);
  const int inner_width = ToSide(image.width * scale);
  const int inner_height = ToSide(image.height * scale);
  WHET_ASSIGN_OR_RETURN(const Image inner, Resize(image, inner_width, inner_height, settings.interpolation));
  const bool corner = letterbox && settings.align_corner;
  const int x = corner ? 0 : (inner_width - width) / 2;
  const int y = corner ? 0 : (inner_height - height) / 2;
  placement->scale_x = static_cast<double>(inner_width) / image.width;
  placement->scale_y = static_cast<double>(inner_height) / image.height;
  placement->offset_x = -x;
  placement->offset_y = -y;
  return Crop(inner, x, y, width, height, static_cast<uint8_t>(settings.pad));
}

float PerChannel(const std::vector<float>& values, int channel, float otherwise) {
  if (values.empty()) return otherwise;
  return values.size() == 1 ? values[0] : values[static_cast<size_t>(channel)];
}

// Real values, in the input's own type.
Result<Array> ToInputType(Array real, const InputSpec& input) {
  if (input.quant_scale != 0 && !IsFloat(input.dtype)) {
    for (float& value : real.as<float>()) {
      value = value / input.quant_scale + static_cast<float>(input.zero_point);
    }
  }
  if (input.dtype == DType::kF32) return real;
  return real.ConvertTo(input.dtype);
}

}  // namespace

Result<ImageInput> Preprocess(const Image& image, const ImagePreprocess& settings, const InputSpec& input) {
  WHET_ASSIGN_OR_RETURN(const Axes axes, FindAxes(settings, input));
  ColorOrder order = settings.order;
  if (order == ColorOrder::kAuto) {
    order = axes.channels == 1   ? ColorOrder::kGrey
            : axes.channels == 4 ? ColorOrder::kRgba
                                 : ColorOrder::kRgb;
  }
  const int channels = order == ColorOrder::kGrey ? 1 : order == ColorOrder::kRgba ? 4 : 3;
  if (axes.channels >= 0 && axes.channels != channels) {
    return Error(Code::kInvalidArgument,
                 "the input of shape %s has %lld channels, but the colour order gives %d",
                 DimsText(input.dims).c_str(), static_cast<long long>(axes.channels), channels);
  }
  for (const std::vector<float>* values : {&settings.mean, &settings.scale}) {
    if (values->size() > 1 && values->size() != static_cast<size_t>(channels)) {
      return Error(Code::kInvalidArgument, "mean and scale have %zu values for %d channels", values->size(),
                   channels);
    }
  }
  int width = 0, height = 0;
  WHET_RETURN_IF_ERROR(ChooseSize(image, settings, input, axes, &width, &height));
  WHET_ASSIGN_OR_RETURN(const Image colored, ConvertChannels(image, channels));
  ImageInput result;
  WHET_ASSIGN_OR_RETURN(const Image placed, Place(colored, settings, width, height, &result.placement));

  const bool nchw = axes.layout == Layout::kNchw;
  Shape shape;
  if (axes.has_batch) shape.push_back(axes.batch);
  if (nchw) shape.push_back(channels);
  shape.push_back(height);
  shape.push_back(width);
  if (!nchw) shape.push_back(channels);
  WHET_ASSIGN_OR_RETURN(Array real, Array::Create(DType::kF32, shape));
  const size_t plane = static_cast<size_t>(width) * static_cast<size_t>(height);
  const size_t picture = plane * static_cast<size_t>(channels);
  for (int64_t b = 0; b < axes.batch; ++b) {
    float* to = real.as<float>().data() + static_cast<size_t>(b) * picture;
    for (int c = 0; c < channels; ++c) {
      const int source = order == ColorOrder::kBgr ? 2 - c : c;
      const float mean = PerChannel(settings.mean, c, 0);
      const float scale = PerChannel(settings.scale, c, 1);
      const size_t step = nchw ? 1 : static_cast<size_t>(channels);
      float* out = to + (nchw ? static_cast<size_t>(c) * plane : static_cast<size_t>(c));
      const uint8_t* from = placed.pixels.data() + source;
      for (size_t i = 0; i < plane; ++i, from += channels, out += step) {
        *out = (static_cast<float>(*from) - mean) * scale;
      }
    }
  }
  WHET_ASSIGN_OR_RETURN(result.array, ToInputType(std::move(real), input));
  return result;
}

Result<std::vector<Array>> Preprocess(const Audio& audio, const AudioPreprocess& settings,
                                      const InputSpec& input) {
  Audio mixed = audio;
  if (settings.mono && audio.channels > 1) {
    WHET_ASSIGN_OR_RETURN(mixed, ToMono(audio));
  }
  WHET_ASSIGN_OR_RETURN(const Audio sound, Resample(mixed, settings.rate));

  // The samples go to the last dimension that is not 1, the channels of a mix that is kept before it.
  Shape shape;
  int sample_axis = -1;
  if (input.dims.size() > kMaxRank) return Error(Code::kInvalidArgument, "the input has too many dimensions");
  for (int64_t dim : input.dims) {
    if (dim != 1) sample_axis = shape.rank();
    shape.push_back(dim < 0 ? 1 : dim);
  }
  if (sample_axis < 0) sample_axis = shape.rank() - 1;
  if (sample_axis < 0) {
    return Error(Code::kInvalidArgument, "a recording cannot be fed to an input of shape %s",
                 DimsText(input.dims).c_str());
  }
  const int64_t given = input.dims[static_cast<size_t>(sample_axis)];
  int64_t frame = settings.frame > 0 ? settings.frame : given > 0 ? given : sound.frames();
  frame = std::max<int64_t>(frame, 1);
  if (given > 0 && given != frame) {
    return Error(Code::kInvalidArgument, "a frame of %lld samples was asked for, but the model's input is %s",
                 static_cast<long long>(frame), DimsText(input.dims).c_str());
  }
  shape[sample_axis] = frame;
  if (sound.channels > 1 && sample_axis > 0 && input.dims[static_cast<size_t>(sample_axis) - 1] < 0) {
    shape[sample_axis - 1] = sound.channels;
  }
  const int64_t count = CheckedElementCount(shape.dims());
  if (count != frame * sound.channels) {
    return Error(Code::kInvalidArgument, "%d channels of sound do not fit an input of shape %s",
                 sound.channels, DimsText(input.dims).c_str());
  }
  const int64_t hop = settings.hop > 0 ? settings.hop : frame;
  constexpr int64_t kMaxSamples = int64_t{1} << 30;
  if (sound.frames() / hop + 1 > kMaxSamples / count) {
    return Error(
        Code::kLimitExceeded, "frames of %lld samples every %lld of %lld are too much; use a larger hop",
        static_cast<long long>(frame), static_cast<long long>(hop), static_cast<long long>(sound.frames()));
  }
  std::vector<Array> frames;
  for (int64_t start = 0; frames.empty() || start < sound.frames(); start += hop) {
    WHET_ASSIGN_OR_RETURN(Array real, Array::Create(DType::kF32, shape));
    const int64_t held = std::clamp<int64_t>(sound.frames() - start, 0, frame);
    for (int c = 0; c < sound.channels; ++c) {
      for (int64_t i = 0; i < held; ++i) {
        real.as<float>()[static_cast<size_t>(c * frame + i)] =
            sound.samples[static_cast<size_t>((start + i) * sound.channels + c)] * settings.scale;
      }
    }
    WHET_ASSIGN_OR_RETURN(Array typed, ToInputType(std::move(real), input));
    frames.push_back(std::move(typed));
  }
  return frames;
}

}  // namespace whet::data
