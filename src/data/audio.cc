#include "data/audio.h"

#include <samplerate.h>
#include <sndfile.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include "base/file.h"

namespace whet::data {
namespace {

constexpr int kMinRate = 100;
constexpr int kMaxRate = 1 << 20;

struct Memory {
  std::span<const std::byte> bytes;
  sf_count_t position = 0;
};

sf_count_t Length(void* user) { return static_cast<sf_count_t>(static_cast<Memory*>(user)->bytes.size()); }

sf_count_t Seek(sf_count_t offset, int whence, void* user) {
  auto* memory = static_cast<Memory*>(user);
  const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? memory->position : Length(user);
  memory->position =
      std::clamp<sf_count_t>(base + std::clamp<sf_count_t>(offset, -base, Length(user)), 0, Length(user));
  return memory->position;
}

sf_count_t Read(void* target, sf_count_t count, void* user) {
  auto* memory = static_cast<Memory*>(user);
  count = std::clamp<sf_count_t>(count, 0, Length(user) - memory->position);
  std::memcpy(target, memory->bytes.data() + memory->position, static_cast<size_t>(count));
  memory->position += count;
  return count;
}

sf_count_t RefuseWrite(const void*, sf_count_t, void*) { return 0; }

sf_count_t Tell(void* user) { return static_cast<Memory*>(user)->position; }

// Bytes of one sample in the file; 0 for encodings that are not read.
int SampleSize(int format) {
  switch (format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_U8:
    case SF_FORMAT_ULAW:
    case SF_FORMAT_ALAW: return 1;
    case SF_FORMAT_PCM_16: return 2;
    case SF_FORMAT_PCM_24: return 3;
    case SF_FORMAT_PCM_32:
    case SF_FORMAT_FLOAT: return 4;
    case SF_FORMAT_DOUBLE: return 8;
    default: return 0;
  }
}

struct CloseSound {
  void operator()(SNDFILE* file) const { sf_close(file); }
};

Status NoMemory() { return Error(Code::kOutOfMemory, "there is no memory for the sound"); }

}  // namespace

bool LooksLikeWav(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.size() >= 12 && text.substr(8, 4) == "WAVE" &&
         (text.starts_with("RIFF") || text.starts_with("RIFX") || text.starts_with("RF64"));
}

Result<Audio> DecodeWav(std::span<const std::byte> bytes) {
  if (!LooksLikeWav(bytes)) return Error(Code::kBadFile, "is not a WAV file; convert it to one");
  Memory memory{bytes, 0};
  SF_VIRTUAL_IO io{Length, Seek, Read, RefuseWrite, Tell};
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, CloseSound> file(sf_open_virtual(&io, SFM_READ, &info, &memory));
  if (file == nullptr) return Error(Code::kBadFile, "is a broken WAV file: %s", sf_strerror(nullptr));
  const int sample_size = SampleSize(info.format);
  if (sample_size == 0) {
    return Error(Code::kUnsupported, "is a WAV file of a compressed encoding; convert it to PCM");
  }
  if (info.samplerate < kMinRate || info.samplerate > kMaxRate || info.channels < 1) {
    return Error(Code::kBadFile, "claims %d channels at %d samples a second", info.channels, info.samplerate);
  }
  const auto held = static_cast<sf_count_t>(bytes.size()) / sample_size / info.channels;
  if (info.frames < 0 || info.frames > held) {
    return Error(Code::kBadFile, "claims %lld samples, but its %zu bytes cannot hold them",
                 static_cast<long long>(info.frames), bytes.size());
  }
  Audio audio;
  audio.rate = info.samplerate;
  audio.channels = info.channels;
  try {
    audio.samples.resize(static_cast<size_t>(info.frames) * static_cast<size_t>(info.channels));
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
  sf_count_t got = 0;
  while (got < info.frames) {
    const sf_count_t n =
        sf_readf_float(file.get(), audio.samples.data() + got * info.channels, info.frames - got);
    if (n <= 0)
      return Error(Code::kBadFile, "ends after %lld of %lld samples", static_cast<long long>(got),
                   static_cast<long long>(info.frames));
    got += n;
  }
  return audio;
}

Result<Audio> ReadWav(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  Result<Audio> audio = DecodeWav(file.bytes());
  if (!audio.ok()) return audio.TakeStatus().At(path);
  return audio;
}

Result<Audio> ToMono(const Audio& audio) {
  Audio mono;
  mono.rate = audio.rate;
  mono.channels = 1;
  const auto channels = static_cast<size_t>(audio.channels);
  try {
    mono.samples.resize(static_cast<size_t>(audio.frames()));
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
  for (size_t i = 0; i < mono.samples.size(); ++i) {
    float sum = 0;
    for (size_t c = 0; c < channels; ++c) sum += audio.samples[i * channels + c];
    mono.samples[i] = sum / static_cast<float>(channels);
  }
  return mono;
}

Result<Audio> Resample(const Audio& audio, int rate) {
  if (rate < kMinRate || rate > kMaxRate) {
    return Error(Code::kInvalidArgument, "a sample rate of %d is not between %d and %d", rate, kMinRate,
                 kMaxRate);
  }
  if (rate == audio.rate || audio.samples.empty()) {
    Audio copy = audio;
    copy.rate = rate;
    return copy;
  }
  const double ratio = static_cast<double>(rate) / audio.rate;
  if (src_is_valid_ratio(ratio) == 0) {
    return Error(Code::kInvalidArgument, "cannot go from %d to %d samples a second: more than 256 times",
                 audio.rate, rate);
  }
  const int64_t wanted = (audio.frames() * rate + audio.rate / 2) / audio.rate;
  Audio result;
  result.rate = rate;
  result.channels = audio.channels;
  try {
    result.samples.resize(static_cast<size_t>(wanted * audio.channels));
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
  SRC_DATA job{};
  job.data_in = audio.samples.data();
  job.input_frames = static_cast<long>(audio.frames());
  job.data_out = result.samples.data();
  job.output_frames = static_cast<long>(wanted);
  job.src_ratio = ratio;
  // Whatever of the last few samples the filter's tail does not reach stays silent.
  if (const int error = src_simple(&job, SRC_SINC_MEDIUM_QUALITY, audio.channels); error != 0) {
    return Error(Code::kInternal, "cannot change the sample rate: %s", src_strerror(error));
  }
  return result;
}

}  // namespace whet::data
