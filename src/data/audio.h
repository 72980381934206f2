// Sound: reading WAV files and changing the sample rate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace whet::data {

// Samples are -1 to 1, channels interleaved.
struct Audio {
  int rate = 0;
  int channels = 0;
  std::vector<float> samples;

  int64_t frames() const { return channels == 0 ? 0 : static_cast<int64_t>(samples.size()) / channels; }
};

bool LooksLikeWav(std::span<const std::byte> bytes);

// RIFF, RIFX and RF64 files of PCM (8, 16, 24, 32 bits), float (32, 64) and A- and mu-law samples.
Result<Audio> DecodeWav(std::span<const std::byte> bytes);
Result<Audio> ReadWav(const std::string& path);

// The mean of the channels.
Result<Audio> ToMono(const Audio& audio);
// Band-limited (windowed sinc); the length becomes frames * rate / audio.rate, rounded.
Result<Audio> Resample(const Audio& audio, int rate);

}  // namespace whet::data
