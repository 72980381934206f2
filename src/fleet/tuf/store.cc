#include "fleet/tuf/store.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "base/file.h"
#include "fleet/tuf/names.h"

namespace whet::fleet {

Result<std::string> ReadSmallFile(const std::string& path, size_t max_bytes) {
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  if (file.bytes().size() > max_bytes) {
    return Error(Code::kLimitExceeded, "is %zu bytes; at most %zu are allowed", file.bytes().size(),
                 max_bytes)
        .At(path);
  }
  return std::string(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
}

Result<std::optional<std::string>> FolderMetadataStore::Load(std::string_view role, size_t max_bytes) {
  auto text = ReadSmallFile(folder_ + "/" + RoleFileName(role), max_bytes);
  if (text.ok()) return std::optional<std::string>(std::move(*text));
  if (text.status().code() == Code::kNotFound) return std::optional<std::string>();
  return text.TakeStatus();
}

Status FolderMetadataStore::Save(std::string_view role, std::string_view bytes) {
  return WriteFileAtomically(folder_ + "/" + RoleFileName(role), std::as_bytes(std::span(bytes)));
}

Status FolderMetadataStore::Remove(std::string_view role) {
  const std::string path = folder_ + "/" + RoleFileName(role);
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return OkStatus();
  return Error(Code::kIo, "cannot remove the file: %s", std::strerror(errno)).At(path);
}

}  // namespace whet::fleet
