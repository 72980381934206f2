#include "model_file/index_deflate.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

namespace whet {
namespace {

constexpr int kLevel = 9;
constexpr int kMemoryLevel = 5;

// By operator new, so that what counts that counts this too.
voidpf Allocate(voidpf, uInt items, uInt size) { return ::operator new(size_t{items} * size, std::nothrow); }
void Release(voidpf, voidpf memory) { ::operator delete(memory); }

z_stream NewStream() {
  z_stream stream{};
  stream.zalloc = Allocate;
  stream.zfree = Release;
  return stream;
}

Bytef* AsBytef(std::byte* bytes) { return reinterpret_cast<Bytef*>(bytes); }

Status Failed(int status) {
  return Error(Code::kOutOfMemory, "the index cannot be compressed (zlib says %d)", status);
}

}  // namespace

struct IndexDeflater::Stream {
  z_stream zlib = NewStream();
  std::array<std::byte, 512> out;
};

void IndexDeflater::Free::operator()(Stream* stream) const {
  deflateEnd(&stream->zlib);
  delete stream;
}

Result<IndexDeflater> IndexDeflater::Create(Sink sink) {
  std::unique_ptr<Stream, Free> stream(new Stream);
  const int status =
      deflateInit2(&stream->zlib, kLevel, Z_DEFLATED, kIndexWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY);
  if (status != Z_OK) return Failed(status);
  return IndexDeflater(std::move(stream), std::move(sink));
}

Status IndexDeflater::Write(std::span<const std::byte> bytes) {
  constexpr size_t kMost = size_t{1} << 30;  // zlib counts in 32 bits
  for (; bytes.size() > kMost; bytes = bytes.subspan(kMost)) {
    WHET_RETURN_IF_ERROR(Run(bytes.first(kMost), Z_NO_FLUSH));
  }
  return Run(bytes, Z_NO_FLUSH);
}

Status IndexDeflater::Finish() { return Run({}, Z_FINISH); }

Status IndexDeflater::Run(std::span<const std::byte> bytes, int flush) {
  z_stream& zlib = stream_->zlib;
  zlib.next_in = AsBytef(const_cast<std::byte*>(bytes.data()));
  zlib.avail_in = static_cast<uInt>(bytes.size());
  int status = Z_OK;
  do {
    zlib.next_out = AsBytef(stream_->out.data());
    zlib.avail_out = static_cast<uInt>(stream_->out.size());
    status = deflate(&zlib, flush);
    // Nothing to do is no failure.
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) return Failed(status);
    WHET_RETURN_IF_ERROR(sink_(std::span(stream_->out).first(stream_->out.size() - zlib.avail_out)));
  } while (zlib.avail_out == 0);
  if (flush == Z_FINISH && status != Z_STREAM_END) return Failed(status);
  return {};
}

struct IndexInflater::Stream {
  z_stream zlib = NewStream();
  std::array<std::byte, 512> in;
};

void IndexInflater::Free::operator()(Stream* stream) const {
  inflateEnd(&stream->zlib);
  delete stream;
}

Result<IndexInflater> IndexInflater::Create(Source source) {
  std::unique_ptr<Stream, Free> stream(new Stream);
  const int status = inflateInit2(&stream->zlib, kIndexWindowBits);
  if (status != Z_OK) {
    return Error(Code::kOutOfMemory, "the index cannot be decompressed (zlib says %d)", status);
  }
  return IndexInflater(std::move(stream), std::move(source));
}

Status IndexInflater::Read(std::span<std::byte> bytes) {
  z_stream& zlib = stream_->zlib;
  while (!bytes.empty()) {
    if (zlib.avail_in == 0) {
      WHET_ASSIGN_OR_RETURN(const size_t count, source_(stream_->in));
      zlib.next_in = AsBytef(stream_->in.data());
      zlib.avail_in = static_cast<uInt>(count);
    }
    const size_t wanted = std::min(bytes.size(), size_t{1} << 30);
    zlib.next_out = AsBytef(bytes.data());
    zlib.avail_out = static_cast<uInt>(wanted);
    const int status = inflate(&zlib, Z_NO_FLUSH);
    const size_t made = wanted - zlib.avail_out;
    bytes = bytes.subspan(made);
    if (bytes.empty()) return {};
    if (status != Z_OK) return Error(Code::kBadFile, "is damaged: its compressed index cannot be read");
  }
  return {};
}

void IndexInflater::Restart() {
  inflateReset(&stream_->zlib);
  stream_->zlib.avail_in = 0;
}

}  // namespace whet
