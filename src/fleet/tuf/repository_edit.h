// One transaction on a repository's folder: what repository.cc's operations are made of.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "fleet/json/nlohmann.h"
#include "fleet/tuf/metadata.h"
#include "fleet/tuf/repository.h"
#include "fleet/tuf/signing_key.h"

namespace whet::fleet {

// What those who write metadata accept of it: their own, so more than a client does.
inline constexpr size_t kMaxEditedBytes = size_t{16} << 20;
MetadataLimits EditorLimits();

class RepositoryEdit {
 public:
  // Takes the lock, waiting for it, and checks root, timestamp, snapshot and targets.
  static Result<RepositoryEdit> Begin(const std::string& folder, const KeyStore& keys,
                                      const RepositoryOptions& options);
  // The same for a folder in which there is nothing yet.
  static Result<RepositoryEdit> BeginNew(const std::string& folder, const KeyStore& keys,
                                         const RepositoryOptions& options);
  RepositoryEdit(RepositoryEdit&& other) noexcept;
  RepositoryEdit& operator=(RepositoryEdit&&) = delete;
  ~RepositoryEdit();

  const RootMetadata& root() const { return root_; }
  const TargetsMetadata& targets() const { return targets_; }
  const SnapshotMetadata& snapshot() const { return snapshot_; }
  const TimestampMetadata& timestamp() const { return timestamp_; }
  int64_t now() const { return now_; }

  // Whether the snapshot lists the role (not for root, snapshot, timestamp).
  bool Has(std::string_view role) const;
  // A role's metadata as it is on disk, checked. Delegated roles only.
  Result<TargetsMetadata> Load(std::string_view role) const;
  // The "signed" object to change; what is changed is signed anew on Commit. Roles that do not exist begin
  // empty.
  Result<nlohmann::json*> Change(std::string_view role);
  // A role's next version that is signed already.
  Status SetSigned(std::string_view role, std::string_view text);
  // A role's next version as it was drafted, with the signatures that it has so far. The keys at hand add
  // theirs; on Commit there must be enough.
  Status SetDrafted(std::string_view role, std::string_view text);
  // Writes what others have to sign into a folder (key_change.h), and nothing into the repository.
  Status Draft(const std::string& folder);
  // A target's bytes: from a file, or as they are. Their place is named by `sha256`, which is checked.
  Status WriteTarget(std::string_view path, std::string_view sha256, const std::string& source_file);
  Status WriteTargetBytes(std::string_view path, std::string_view sha256, std::string_view bytes);
  // Signs and writes what changed, then snapshot and timestamp. Nothing that readers see changes before the
  // end of it.
  Status Commit();
  // Commit with a new timestamp (and, if asked, snapshot) even when nothing changed.
  Status CommitAlways(bool new_snapshot);

 private:
  struct Edited {
    nlohmann::json body;
    std::string text = {};  // not empty: signed already, to be written as it is
    bool is_drafted = false;
    std::vector<Signature> signatures = {};  // of a draft
  };

  RepositoryEdit(std::string folder, const KeyStore& keys, const RepositoryOptions& options, int lock);
  static Result<RepositoryEdit> Lock(const std::string& folder, const KeyStore& keys,
                                     const RepositoryOptions& options);
  Status LoadAll();
  Result<std::string> ReadMetadata(const std::string& name) const;
  Result<std::string> ReadListed(std::string_view role) const;
  nlohmann::json NewBody(std::string_view role) const;
  int64_t Lifetime(std::string_view role) const;
  // The keys of `role` as they will be after this transaction.
  Status NextKeys(std::string_view role, KeyMap& keys, RoleKeys& role_keys) const;
  // Signs with every key at hand that `role` has or had; an error if that, with what a draft has, is fewer
  // than the threshold.
  Result<std::string> Sign(std::string_view role, Edited& change);
  Status WriteMetadata(const std::string& name, std::string_view text) const;

  std::string folder_;
  const KeyStore* keys_;
  const RepositoryOptions* options_;
  int lock_ = -1;
  int64_t now_ = 0;
  bool is_new_ = false;
  RootMetadata root_;  // as on disk
  TargetsMetadata targets_;
  SnapshotMetadata snapshot_;
  TimestampMetadata timestamp_;
  RootMetadata next_root_;  // after this transaction
  TargetsMetadata next_targets_;
  std::map<std::string, Edited, std::less<>> changes_;
};

}  // namespace whet::fleet
