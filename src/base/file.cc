#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace whet {
namespace {

Status IoError(const std::string& path, const char* action, int error) {
  const Code code = error == ENOENT ? Code::kNotFound : Code::kIo;
  return Error(code, "cannot %s: %s", action, std::strerror(error)).At(path);
}

// The temporary files now open, in storage that a signal handler may read: fixed slots, published last.
struct TemporarySlot {
  std::atomic<int> state{0};  // 0 free, 1 being filled, 2 holds a path
  char path[4096];
};
std::array<TemporarySlot, 16> temporary_slots;

void RememberTemporary(const std::string& path) {
  if (path.size() >= sizeof(TemporarySlot::path)) return;
  for (TemporarySlot& slot : temporary_slots) {
    int expected = 0;
    if (!slot.state.compare_exchange_strong(expected, 1)) continue;
    std::memcpy(slot.path, path.c_str(), path.size() + 1);
    slot.state.store(2);
    return;
  }
}

void ForgetTemporary(const std::string& path) {
  for (TemporarySlot& slot : temporary_slots) {
    if (slot.state.load() == 2 && path == slot.path) slot.state.store(0);
  }
}

}  // namespace

Result<MappedFile> MappedFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return IoError(path, "open the file", errno);
  struct stat info{};
  if (::fstat(fd, &info) != 0) {
    const int error = errno;
    ::close(fd);
    return IoError(path, "read the file's size", error);
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(fd);
    return Error(Code::kInvalidArgument, "is not a regular file").At(path);
  }
  MappedFile file;
  file.path_ = path;
  file.size_ = static_cast<size_t>(info.st_size);
  if (file.size_ > 0) {
    void* mapped = ::mmap(nullptr, file.size_, PROT_READ, MAP_PRIVATE, fd, 0);
    const int error = errno;
    if (mapped == MAP_FAILED) {
      file.size_ = 0;
      ::close(fd);
      return IoError(path, "map the file", error);
    }
    file.data_ = static_cast<const std::byte*>(mapped);
  }
  ::close(fd);
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      path_(std::move(other.path_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

Result<AtomicFile> AtomicFile::Create(const std::string& path) {
  static std::atomic<unsigned> counter{0};
  const std::string temporary =
      path + Format(".%d.%u.tmp", static_cast<int>(::getpid()), counter.fetch_add(1));
  RememberTemporary(temporary);
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) {
    const int error = errno;
    ForgetTemporary(temporary);
    return IoError(path, "create the file", error);
  }
  return AtomicFile(fd, path, temporary);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
  ForgetTemporary(temporary_);
}

Status AtomicFile::Write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return IoError(path_, "write the file", errno);
    }
    size_ += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

Status AtomicFile::AlignTo(uint64_t alignment) {
  static constexpr std::byte kZeros[4096] = {};
  uint64_t missing = (alignment - size_ % alignment) % alignment;
  while (missing > 0) {
    const uint64_t step = missing < sizeof(kZeros) ? missing : sizeof(kZeros);
    WHET_RETURN_IF_ERROR(Write(std::span(kZeros, step)));
    missing -= step;
  }
  return {};
}

Status AtomicFile::Commit() {
  if (::fsync(fd_) != 0) return IoError(path_, "write the file to disk", errno);
  ::close(fd_);
  fd_ = -1;
  const bool renamed = ::rename(temporary_.c_str(), path_.c_str()) == 0;
  const int error = errno;
  if (!renamed) ::unlink(temporary_.c_str());
  ForgetTemporary(temporary_);
  if (!renamed) return IoError(path_, "rename the finished file", error);

  const size_t slash = path_.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
  const int folder_fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd < 0) return {};  // the file itself is whole and on disk; only the folder's entry may lag
  ::fsync(folder_fd);
  ::close(folder_fd);
  return {};
}

void RemoveTemporaryFilesFromSignalHandler() {
  for (TemporarySlot& slot : temporary_slots) {
    if (slot.state.load() == 2) ::unlink(slot.path);
  }
}

Status WriteFileAtomically(const std::string& path, std::span<const std::byte> bytes) {
  WHET_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  WHET_RETURN_IF_ERROR(file.Write(bytes));
  return file.Commit();
}

}  // namespace whet
