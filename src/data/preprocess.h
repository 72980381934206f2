// From a photograph or a recording to the tensor that a model expects.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/array.h"
#include "data/audio.h"
#include "data/image.h"
#include "data/resize.h"

namespace whet::data {

enum class Fit {
  kStretch,    // to the size, whatever the aspect ratio
  kLetterbox,  // the whole picture fits, the rest is padded
  kCrop,       // the picture fills the size, what is over is cut off evenly
};
enum class ColorOrder { kAuto, kRgb, kBgr, kGrey, kRgba };
enum class Layout { kAuto, kNhwc, kNchw };

// Stored with a model and typed on the command line as text, for example
//   resize=letterbox,interp=bilinear,order=rgb,mean=127.5,scale=0.007843138,layout=nhwc
// Keys, with their defaults:
//   size=WxH          to resize to; not given: what the model's input says, or, where that is free, the
//   picture's
//                     own size after the two next settings
//   max_side=0        with a free size: shrink so that the longer side is at most this (0: no limit)
//   multiple=1        with a free size: round each side to a multiple of this, at least one
//   resize=stretch    stretch | letterbox | crop
//   crop=1            with resize=crop: the part of the filled size that is kept (224 of 256: 0.875)
//   align=center      center | corner: where a letterboxed picture lies
//   pad=0             value of letterbox pixels, 0 to 255
//   interp=bilinear   nearest | bilinear | antialias | area | bicubic
//   order=auto        rgb | bgr | grey | rgba; auto: by the number of the model's channels
//   mean=0 scale=1    per channel, or one for all: the tensor holds (pixel - mean) * scale, pixels being 0 to
//   255 layout=auto       nhwc | nchw; auto: by which dimension is 1, 3 or 4
struct ImagePreprocess {
  int width = 0;
  int height = 0;
  int max_side = 0;
  int multiple = 1;
  Fit fit = Fit::kStretch;
  float crop = 1;
  bool align_corner = false;
  int pad = 0;
  Interpolation interpolation = Interpolation::kBilinear;
  ColorOrder order = ColorOrder::kAuto;
  std::vector<float> mean;   // empty: 0
  std::vector<float> scale;  // empty: 1
  Layout layout = Layout::kAuto;

  // Keys that are not in the text keep their value in `defaults`.
  static Result<ImagePreprocess> Parse(std::string_view text, const ImagePreprocess& defaults);
  static Result<ImagePreprocess> Parse(std::string_view text) { return Parse(text, {}); }
  // Only what differs from the defaults; Parse(ToString()) gives the same back.
  std::string ToString() const;
  bool operator==(const ImagePreprocess&) const = default;
};

// Where the picture lies in the model's input: input = photo * scale + offset, in pixels.
struct ImagePlacement {
  int photo_width = 0;
  int photo_height = 0;
  int input_width = 0;
  int input_height = 0;
  double scale_x = 1;
  double scale_y = 1;
  double offset_x = 0;
  double offset_y = 0;

  double PhotoX(double input_x) const { return (input_x - offset_x) / scale_x; }
  double PhotoY(double input_y) const { return (input_y - offset_y) / scale_y; }
};

// What a model says of the input that is to be filled.
struct InputSpec {
  DType dtype = DType::kF32;
  std::vector<int64_t> dims;  // -1 where free
  // A quantized input holds real / quant_scale + zero_point; 0 if it is not quantized.
  float quant_scale = 0;
  int zero_point = 0;
};

struct ImageInput {
  Array array;
  ImagePlacement placement;
};

// Rank 3 (no batch) or 4; a batch of more than one repeats the picture.
Result<ImageInput> Preprocess(const Image& image, const ImagePreprocess& settings, const InputSpec& input);

// Keys, with their defaults:
//   rate=16000   samples a second
//   mono=yes     mix the channels to one
//   scale=1      factor on samples of -1 to 1 (32768 for models that take the values of 16-bit samples)
//   frame=0      samples of one run (0: what the model's input says, or all)
//   hop=0        samples from the start of one frame to that of the next (0: frame)
struct AudioPreprocess {
  int rate = 16000;
  bool mono = true;
  float scale = 1;
  int frame = 0;
  int hop = 0;

  static Result<AudioPreprocess> Parse(std::string_view text, const AudioPreprocess& defaults);
  static Result<AudioPreprocess> Parse(std::string_view text) { return Parse(text, {}); }
  std::string ToString() const;
  bool operator==(const AudioPreprocess&) const = default;
};

// One array per run, each shaped like the model's input with the samples in its last dimension that is not 1
// (channels before it if not mono). The last frame is filled up with silence.
Result<std::vector<Array>> Preprocess(const Audio& audio, const AudioPreprocess& settings,
                                      const InputSpec& input);

}  // namespace whet::data
