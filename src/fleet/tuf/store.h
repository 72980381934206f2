// Where a client keeps the metadata that it trusts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace whet::fleet {

// The agent puts its own file layer behind this.
class MetadataStore {
 public:
  virtual ~MetadataStore() = default;
  // The bytes last saved for `role`, nothing if there are none; more than max_bytes is an error.
  virtual Result<std::optional<std::string>> Load(std::string_view role, size_t max_bytes) = 0;
  // Whole or not at all, and on disk when it returns.
  virtual Status Save(std::string_view role, std::string_view bytes) = 0;
  // No error if there is nothing.
  virtual Status Remove(std::string_view role) = 0;
};

// One file per role, ROLE.json with the role's name percent-encoded, in an existing folder. Not for two
// processes at once.
class FolderMetadataStore final : public MetadataStore {
 public:
  explicit FolderMetadataStore(std::string folder) : folder_(std::move(folder)) {}
  Result<std::optional<std::string>> Load(std::string_view role, size_t max_bytes) override;
  Status Save(std::string_view role, std::string_view bytes) override;
  Status Remove(std::string_view role) override;

 private:
  std::string folder_;
};

// A whole file of at most max_bytes.
Result<std::string> ReadSmallFile(const std::string& path, size_t max_bytes);

}  // namespace whet::fleet
