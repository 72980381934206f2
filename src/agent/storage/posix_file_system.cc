#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agent/storage/file_system.h"

namespace whet::agent {
namespace {

Status Failed(const std::string& path, const char* action) {
  const int error = errno;
  return Error(error == ENOENT ? Code::kNotFound : Code::kIo, "cannot %s: %s", action, std::strerror(error))
      .At(path);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

class PosixWritableFile : public WritableFile {
 public:
  PosixWritableFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Status Write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Failed(path_, "write the file");
      bytes = bytes.subspan(static_cast<size_t>(count));
    }
    return {};
  }

  Status Sync() override {
    return ::fsync(fd_.get()) == 0 ? Status() : Failed(path_, "write the file to disk");
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class PosixReadableFile : public ReadableFile {
 public:
  PosixReadableFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Result<size_t> Read(std::span<std::byte> buffer) override {
    size_t total = 0;
    while (total < buffer.size()) {
      const ssize_t count = ::read(fd_.get(), buffer.data() + total, buffer.size() - total);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Failed(path_, "read the file");
      if (count == 0) break;
      total += static_cast<size_t>(count);
    }
    return total;
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class Posix : public FileSystem {
 public:
  Result<std::unique_ptr<WritableFile>> Create(const std::string& path) override {
    return OpenForWriting(path, O_TRUNC);
  }
  Result<std::unique_ptr<WritableFile>> Append(const std::string& path) override {
    return OpenForWriting(path, O_APPEND);
  }

  Result<std::unique_ptr<ReadableFile>> Open(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return Failed(path, "open the file");
    return std::unique_ptr<ReadableFile>(std::make_unique<PosixReadableFile>(fd, path));
  }

  Result<uint64_t> Size(const std::string& path) override {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return Failed(path, "read the file's size");
    return static_cast<uint64_t>(info.st_size);
  }

  Status Rename(const std::string& from, const std::string& to) override {
    return ::rename(from.c_str(), to.c_str()) == 0 ? Status() : Failed(from, "rename the file");
  }

  Status Remove(const std::string& path) override {
    return ::unlink(path.c_str()) == 0 || errno == ENOENT ? Status() : Failed(path, "remove the file");
  }

  Status MakeFolder(const std::string& path) override {
    return ::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST ? Status() : Failed(path, "make the folder");
  }

  Status SyncFile(const std::string& path) override { return SyncName(path, 0); }
  Status SyncFolder(const std::string& path) override { return SyncName(path, O_DIRECTORY); }

  Result<std::vector<std::string>> List(const std::string& path) override {
    DIR* folder = ::opendir(path.c_str());
    if (folder == nullptr) return Failed(path, "open the folder");
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(folder)) {
      if (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN)
        names.emplace_back(static_cast<const char*>(entry->d_name));
    }
    ::closedir(folder);
    return names;
  }

  Result<uint64_t> FreeBytes(const std::string& path) override {
    struct statvfs info{};
    if (::statvfs(path.c_str(), &info) != 0) return Failed(path, "read the free space");
    return uint64_t{info.f_bavail} * info.f_frsize;
  }

 private:
  static Result<std::unique_ptr<WritableFile>> OpenForWriting(const std::string& path, int flag) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flag, 0644);
    if (fd < 0) return Failed(path, "create the file");
    return std::unique_ptr<WritableFile>(std::make_unique<PosixWritableFile>(fd, path));
  }

  static Status SyncName(const std::string& path, int flag) {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flag));
    if (!fd.ok()) return Failed(path, "open it");
    return ::fsync(fd.get()) == 0 ? Status() : Failed(path, "write it to disk");
  }
};

}  // namespace

FileSystem& PosixFileSystem() {
  static Posix posix;
  return posix;
}

}  // namespace whet::agent
