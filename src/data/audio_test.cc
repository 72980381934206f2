#include "data/audio.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>

namespace whet::data {
namespace {

using testing::ElementsAre;
using testing::FloatEq;
using testing::HasSubstr;

std::string Le(uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 255);
  return text;
}

// A WAV file of one fmt and one data chunk; format 1 is PCM, 3 is float.
std::string Wav(int format, int channels, int rate, int bits, const std::string& data) {
  const int frame = channels * bits / 8;
  std::string body = "WAVEfmt " + Le(16, 4) + Le(static_cast<uint32_t>(format), 2) +
                     Le(static_cast<uint32_t>(channels), 2) + Le(static_cast<uint32_t>(rate), 4) +
                     Le(static_cast<uint32_t>(rate * frame), 4) + Le(static_cast<uint32_t>(frame), 2) +
                     Le(static_cast<uint32_t>(bits), 2) + "data" + Le(static_cast<uint32_t>(data.size()), 4) +
                     data;
  return "RIFF" + Le(static_cast<uint32_t>(body.size()), 4) + body;
}

Result<Audio> Decode(const std::string& file) { return DecodeWav(std::as_bytes(std::span(file))); }

TEST(Wav, ReadsEveryDepth) {
  struct Case {
    int format, bits;
    std::string data;
  };
  const float half[] = {0.5f, -1.0f};
  const Case kCases[] = {{1, 8, std::string("\xc0\0", 2)},
                         {1, 16, std::string("\0\x40\0\x80", 4)},
                         {1, 24, std::string("\0\0\x40\0\0\x80", 6)},
                         {1, 32, std::string("\0\0\0\x40\0\0\0\x80", 8)},
                         {3, 32, {reinterpret_cast<const char*>(half), 8}}};
  for (const Case& c : kCases) {
    Result<Audio> audio = Decode(Wav(c.format, 1, 16000, c.bits, c.data));
    ASSERT_TRUE(audio.ok()) << c.bits << ": " << audio.status().ToString();
    EXPECT_EQ(audio->rate, 16000);
    EXPECT_THAT(audio->samples, ElementsAre(FloatEq(0.5f), FloatEq(-1.0f))) << c.bits;
  }
}

TEST(Wav, MixesChannels) {
  Result<Audio> audio = Decode(Wav(1, 2, 8000, 16, std::string("\0\x40\0\0\0\0\0\xc0", 8)));
  ASSERT_TRUE(audio.ok()) << audio.status().ToString();
  EXPECT_EQ(audio->frames(), 2);
  EXPECT_THAT(ToMono(*audio)->samples, ElementsAre(FloatEq(0.25f), FloatEq(-0.25f)));
}

TEST(Wav, RefusesWhatIsNotOne) {
  EXPECT_THAT(Decode("").status().ToString(), HasSubstr("not a WAV"));
  EXPECT_THAT(Decode("RIFF1234AVI LIST").status().ToString(), HasSubstr("not a WAV"));
  EXPECT_FALSE(Decode(std::string("RIFF\xff\xff\xff\xffWAVE")).ok());
  EXPECT_FALSE(Decode(Wav(1, 0, 16000, 16, std::string(64, '\0'))).ok());
  EXPECT_FALSE(Decode(Wav(1, 1, 0, 16, std::string(64, '\0'))).ok());
}

TEST(Wav, AClaimBeyondTheFileAllocatesNothingForIt) {
  std::string file = Wav(1, 1, 16000, 16, std::string(64, '\0'));
  const size_t size = file.find("data") + 4;
  std::memcpy(&file[size], "\xf0\xff\xff\x7f", 4);
  Result<Audio> audio = Decode(file);
  EXPECT_LE(audio.ok() ? audio->samples.capacity() : 0, 32u);
}

TEST(Resample, KeepsATone) {
  Audio tone{48000, 1, {}};
  for (int i = 0; i < 48000; ++i)
    tone.samples.push_back(0.5f * std::sin(2 * 3.14159265f * 440 * static_cast<float>(i) / 48000));
  Result<Audio> low = Resample(tone, 16000);
  ASSERT_TRUE(low.ok());
  ASSERT_EQ(low->frames(), 16000);
  for (size_t i = 1000; i < 15000; ++i) {
    EXPECT_NEAR(low->samples[i], 0.5f * std::sin(2 * 3.14159265f * 440 * static_cast<float>(i) / 16000),
                0.01f);
  }
}

TEST(Resample, RefusesAbsurdRates) {
  const Audio audio{16000, 1, {0, 0}};
  EXPECT_FALSE(Resample(audio, 0).ok());
  EXPECT_FALSE(Resample(audio, 1 << 30).ok());
  EXPECT_EQ(Resample(audio, 16000)->frames(), 2);
}

}  // namespace
}  // namespace whet::data
