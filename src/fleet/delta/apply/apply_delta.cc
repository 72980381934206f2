#include "fleet/delta/apply/apply_delta.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/file.h"

namespace whet::fleet {
namespace {

class FileApplier final : public DeltaApplier {
 public:
  FileApplier(BaseFile base, AtomicFile result, const DeltaExpectation& expected)
      : base_(std::move(base)),
        result_(std::move(result)),
        decoder_(
            expected,
            [this](uint64_t offset, std::span<std::byte> bytes) { return base_.ReadAt(offset, bytes); },
            [this](std::span<const std::byte> bytes) { return result_.Write(bytes); }) {}

  Status Write(std::span<const std::byte> bytes) override { return decoder_.Write(bytes); }
  Status Finish() override {
    WHET_RETURN_IF_ERROR(decoder_.Finish());
    return result_.Commit();
  }

 private:
  BaseFile base_;
  AtomicFile result_;
  DeltaDecoder decoder_;
};

}  // namespace

Result<BaseFile> BaseFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info{};
  if (fd < 0 || ::fstat(fd, &info) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    return Error(error == ENOENT ? Code::kNotFound : Code::kIo, "cannot open the file: %s",
                 std::strerror(error))
        .At(path);
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(fd);
    return Error(Code::kInvalidArgument, "is not a regular file").At(path);
  }
  return BaseFile(fd, static_cast<uint64_t>(info.st_size), path);
}

BaseFile::BaseFile(BaseFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), size_(other.size_), path_(std::move(other.path_)) {}

BaseFile::~BaseFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status BaseFile::ReadAt(uint64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error(Code::kIo, "cannot read the file: %s", std::strerror(errno)).At(path_);
    if (count == 0) return Error(Code::kIo, "the file became shorter while it was read").At(path_);
    offset += static_cast<uint64_t>(count);
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return {};
}

Result<std::unique_ptr<DeltaApplier>> DeltaApplier::Create(const std::string& base_path,
                                                           const std::string& result_path,
                                                           const Sha256& result_sha256,
                                                           uint64_t result_bytes) {
  WHET_ASSIGN_OR_RETURN(BaseFile base, BaseFile::Open(base_path));
  WHET_ASSIGN_OR_RETURN(AtomicFile result, AtomicFile::Create(result_path));
  DeltaExpectation expected;
  expected.base_bytes = base.size();
  expected.result_sha256 = result_sha256;
  expected.result_bytes = result_bytes;
  return std::unique_ptr<DeltaApplier>(new FileApplier(std::move(base), std::move(result), expected));
}

Status ApplyDelta(const std::string& base_path, const std::string& delta_path, const std::string& result_path,
                  const Sha256& result_sha256, uint64_t result_bytes) {
  WHET_ASSIGN_OR_RETURN(const BaseFile delta, BaseFile::Open(delta_path));
  WHET_ASSIGN_OR_RETURN(const auto applier,
                        DeltaApplier::Create(base_path, result_path, result_sha256, result_bytes));
  std::array<std::byte, 4096> buffer;
  for (uint64_t at = 0; at < delta.size();) {
    const auto bytes = std::span(buffer).first(std::min<uint64_t>(buffer.size(), delta.size() - at));
    WHET_RETURN_IF_ERROR(delta.ReadAt(at, bytes));
    Status status = applier->Write(bytes);
    if (!status.ok()) return std::move(status).At(delta_path);
    at += bytes.size();
  }
  Status status = applier->Finish();
  if (!status.ok()) return std::move(status).At(delta_path);
  return {};
}

Result<DeltaHeader> ReadDeltaHeader(const std::string& delta_path) {
  WHET_ASSIGN_OR_RETURN(const BaseFile delta, BaseFile::Open(delta_path));
  if (delta.size() < sizeof(DeltaHeader))
    return Error(Code::kBadFile, "is not a delta (.wdelta)").At(delta_path);
  DeltaHeader header{};
  WHET_RETURN_IF_ERROR(delta.ReadAt(0, std::as_writable_bytes(std::span(&header, 1))));
  Status status = CheckDeltaHeader(header);
  if (!status.ok()) return std::move(status).At(delta_path);
  return header;
}

}  // namespace whet::fleet
