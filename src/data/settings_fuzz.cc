// Pre- and post-processing as a model's metadata says it: what is read is written and read again the same,
// and can be used on pictures, recordings and outputs, whether they fit together or not.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "data/postprocess.h"
#include "data/preprocess.h"

namespace {

using namespace whet::data;  // NOLINT
using whet::DType;

template <typename Settings>
void CheckSame(const Settings& settings) {
  const auto again = Settings::Parse(settings.ToString());
  if (!again.ok() || !(*again == settings)) __builtin_trap();
}

void UseOnImage(const ImagePreprocess& settings) {
  // Larger ones are allowed, and slow.
  if (settings.width * int64_t{settings.height} > 1 << 16 || settings.multiple > 256) return;
  static const Image picture = *Image::Create(13, 7, 3);
  const InputSpec inputs[] = {{DType::kF32, {1, 16, 20, 3}, 0, 0},
                              {DType::kF32, {1, 3, -1, -1}, 0, 0},
                              {DType::kU8, {-1, -1, -1, 1}, 0.5f, 128},
                              {DType::kI8, {4, 9, 3}, 1e-30f, -128}};
  for (const InputSpec& input : inputs) (void)Preprocess(picture, settings, input).ok();
}

void UseOnAudio(const AudioPreprocess& settings) {
  if (settings.frame > 1 << 16) return;
  static const Audio sound{8000, 2, std::vector<float>(600, 0.5f)};
  for (const auto& dims : {std::vector<int64_t>{1, 512}, {1, -1}, {2, 80}, {}}) {
    (void)Preprocess(sound, settings, InputSpec{DType::kF32, dims, 0, 0}).ok();
  }
}

// Outputs whose numbers are the text's own bytes.
void UseOnOutputs(const DetectorPostprocess& settings, std::string_view text) {
  const ImagePlacement placement{640, 480, 32, 32, 0.05, 0.05, 0, 4};
  for (const auto& shapes : {std::vector<whet::Shape>{{1, 20, 16}, {1, 20, 1}},
                             {{1, 12, 30}},
                             {{1, 8, 8, 9}},
                             {{1, 4, 4, 1}, {1, 4, 4, 4}},
                             {{3}, {0, 4}},
                             {{}}}) {
    std::vector<Array> arrays;
    for (const whet::Shape& shape : shapes) {
      arrays.push_back(std::move(*Array::Create(DType::kF32, shape)));
      size_t at = 0;
      for (float& x : arrays.back().as<float>()) x = static_cast<float>(text[at++ % text.size()]) / 16 - 4;
    }
    const char* const names[] = {"a", "b"};
    std::vector<NamedView> outputs;
    for (size_t i = 0; i < arrays.size(); ++i) outputs.push_back({names[i], arrays[i].view()});
    (void)Decode(settings, outputs, placement).ok();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto image = ImagePreprocess::Parse(text); image.ok()) {
    CheckSame(*image);
    UseOnImage(*image);
  }
  if (const auto audio = AudioPreprocess::Parse(text); audio.ok()) {
    CheckSame(*audio);
    UseOnAudio(*audio);
  }
  if (const auto detector = DetectorPostprocess::Parse(text); detector.ok()) {
    CheckSame(*detector);
    UseOnOutputs(*detector, text);
  }
  return 0;
}
