#include "agent/storage/file_system.h"
#include "base/hex.h"
#include "model_file/sha256.h"

#include <array>
#include <utility>

namespace whet::agent {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<std::string> FileSystem::ReadSmall(const std::string& path, size_t limit) {
  WHET_ASSIGN_OR_RETURN(const uint64_t size, Size(path));
  if (size > limit) {
    return Error(Code::kLimitExceeded, "has %llu bytes; at most %zu are read of such a file",
                 static_cast<unsigned long long>(size), limit)
        .At(path);
  }
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file, Open(path));
  std::string content(static_cast<size_t>(size), '\0');
  WHET_ASSIGN_OR_RETURN(const size_t count,
                        file->Read(std::as_writable_bytes(std::span(content.data(), content.size()))));
  content.resize(count);
  return content;
}

Status FileSystem::WriteDurably(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".new";
  {
    WHET_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file, Create(temporary));
    WHET_RETURN_IF_ERROR(file->Write(content));
    WHET_RETURN_IF_ERROR(file->Sync());
  }
  WHET_RETURN_IF_ERROR(Rename(temporary, path));
  return SyncFolder(FolderOf(path));
}

Result<std::string> FileSystem::Sha256OfFile(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file, Open(path));
  Sha256Hasher hash;
  std::vector<std::byte> buffer(size_t{64} << 10);
  while (true) {
    WHET_ASSIGN_OR_RETURN(const size_t count, file->Read(buffer));
    hash.Update(std::span(buffer.data(), count));
    if (count < buffer.size()) return ToHex(hash.Finish());
  }
}

}  // namespace whet::agent
