#include "data/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace whet::data {
namespace {

gzFile Handle(void* file) { return static_cast<gzFile>(file); }

}  // namespace

Result<GzipReader> GzipReader::Open(const std::string& path) {
  errno = 0;
  gzFile file = ::gzopen(path.c_str(), "rbe");
  if (file == nullptr) {
    const Code code = errno == ENOENT ? Code::kNotFound : errno == 0 ? Code::kOutOfMemory : Code::kIo;
    return Error(code, "cannot open the file: %s", std::strerror(errno == 0 ? ENOMEM : errno)).At(path);
  }
  return GzipReader(file, path);
}

GzipReader::GzipReader(GzipReader&& other) noexcept
    : file_(std::exchange(other.file_, nullptr)), path_(std::move(other.path_)) {}

GzipReader::~GzipReader() {
  if (file_ != nullptr) ::gzclose_r(Handle(file_));
}

Result<size_t> GzipReader::Read(std::span<std::byte> bytes) {
  constexpr size_t kBlock = size_t{1} << 30;  // gzread counts in int
  size_t done = 0;
  while (done < bytes.size()) {
    const auto wanted = static_cast<unsigned>(std::min(bytes.size() - done, kBlock));
    const int got = ::gzread(Handle(file_), bytes.data() + done, wanted);
    // A file that ends before its checksum gives what it has, and only gzerror tells.
    int error = Z_OK;
    const char* text = ::gzerror(Handle(file_), &error);
    if (got < 0 || error != Z_OK) {
      return Error(error == Z_ERRNO ? Code::kIo : Code::kBadFile, "cannot be unpacked: %s",
                   error == Z_BUF_ERROR ? "it ends too early" : text)
          .At(path_);
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace whet::data
