// The editor of a repository: a folder of static files (docs/fleet.md) that clients read while it is edited.
//
// Every operation is one transaction: it takes the folder's lock (so several processes may edit), checks what
// is there with the same rules as a client (so nothing that was slipped into the folder is ever signed), and
// writes in an order in which a reader sees either all of the old state or all of the new one: targets,
// roles, snapshot, and timestamp.json last. What a power cut leaves behind is not referred to and is written
// over by the next operation.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "fleet/tuf/metadata.h"
#include "fleet/tuf/signing_key.h"

namespace whet::fleet {

// How long metadata is good for once it is signed, in seconds.
struct RepositoryLifetimes {
  int64_t root = 365 * 86400;
  int64_t targets = 365 * 86400;  // and models.*, which are signed offline
  int64_t snapshot = 7 * 86400;
  int64_t timestamp = 86400;
  int64_t rollouts = 86400;
  int64_t deltas = 30 * 86400;
};

struct RepositoryOptions {
  RepositoryLifetimes lifetimes;
  std::function<int64_t()> clock;  // seconds since 1970; the system's if empty
  // Where it is not empty, what changes keys (Create, Delegate, AddKey, RotateKey, SetThreshold, RevokeKey)
  // needs none: it writes what has to be signed into this folder, and nothing into the repository
  // (key_change.h).
  std::string draft_folder;
};

// Who may sign for a role: Ed25519 public keys (64 hexadecimal digits) and how many of them must.
struct RoleSigners {
  std::vector<std::string> public_keys;
  uint64_t threshold = 1;
};

struct RepositoryPlan {
  RoleSigners root;
  RoleSigners targets;
  RoleSigners snapshot;
  RoleSigners timestamp;
  RoleSigners deltas;  // may be empty: no deltas are offered then
};

// What is to be added to a role's targets.
struct NewTarget {
  std::string path;     // "models/detector/1.1.0/int8.whet"
  uint64_t length = 0;  // bytes
  std::string sha256;
  std::string custom;  // JSON text of an object, or empty
};

// Thread-safe: all state is in the folder, and its lock serves threads as well as processes.
class Repository {
 public:
  // Makes the folder's first state; `keys` must hold enough of the plan's keys to sign it. The folder must
  // not hold a repository.
  static Result<Repository> Create(const std::string& folder, std::shared_ptr<const KeyStore> keys,
                                   const RepositoryPlan& plan, RepositoryOptions options = {});
  // `keys` are those that this process may sign with; operations that need others say so.
  static Result<Repository> Open(const std::string& folder, std::shared_ptr<const KeyStore> keys,
                                 RepositoryOptions options = {});

  const std::string& folder() const { return folder_; }

  // Reading. What does not verify is an error.
  Result<RootMetadata> Root() const;
  Result<TargetsMetadata> Targets() const;
  Result<SnapshotMetadata> Snapshot() const;
  Result<TimestampMetadata> Timestamp() const;
  // A role that targets.json delegates to; kNotFound if there is no such delegation, or nothing was published
  // in it yet.
  Result<TargetsMetadata> Role(std::string_view role) const;
  // A target by its path, in whichever role answers for it.
  Result<TargetFile> FindTarget(std::string_view path) const;
  // The file that holds a target's bytes.
  std::string TargetFilePath(const TargetFile& target) const;
  // A target's bytes, checked; for small ones.
  Result<std::string> ReadTarget(std::string_view path, size_t max_bytes = 1 << 20) const;

  // The server's operations, with online keys.
  // Puts `document` (docs/fleet.md, "Rollout document") in the place of rollouts/CHANNEL/FAMILY.json. Every
  // release that it names must be one that models.FAMILY signed. Needs the key of rollouts.CHANNEL, and that
  // of `targets` if the channel is new and `create_channel` says whose key it is to have. Four files are
  // written.
  Status SetRollout(std::string_view channel, std::string_view family, std::string_view document,
                    const RoleSigners* create_channel = nullptr);
  // Takes a delta from the file `source`, named after what it leads from and to (64 hexadecimal digits each).
  // Nothing happens if it is there already.
  Status AddDelta(std::string_view base_sha256, std::string_view result_sha256, const std::string& source);
  // Signs anew every online role (timestamp, snapshot, rollouts.*, deltas) that has lived half of its life.
  // True if anything was written. To be called every few minutes.
  Result<bool> RefreshOnlineRoles();
  // Signs a new timestamp in any case.
  Status RefreshTimestamp();

  // Delegations and keys, with the keys of `targets` or `root`.
  // Lets `role` (models.FAMILY, rollouts.CHANNEL) speak for `paths`, terminating. An existing delegation is
  // replaced.
  Status Delegate(std::string_view role, const std::vector<std::string>& paths, const RoleSigners& signers);
  // Changes the keys of any role. Roles whose keys change are signed anew with what `keys` holds.
  Status AddKey(std::string_view role, std::string_view public_key);
  Status RotateKey(std::string_view role, std::string_view old_key_id, std::string_view new_public_key);
  Status SetThreshold(std::string_view role, uint64_t threshold);
  // Takes a key out of every role. An error if a role would have fewer keys than its threshold.
  Status RevokeKey(std::string_view key_id);

  // Releases, signed offline.
  // The "signed" part, as canonical JSON, of `role`'s next version: what it has now and `additions`. Needs no
  // keys.
  Result<std::string> PrepareRole(std::string_view role, const std::vector<NewTarget>& additions) const;
  // Publishes a role's next version, signed elsewhere: `text` is the whole metadata file. It must be signed
  // by the delegation's threshold, be the next version, leave every published target as it is, and speak only
  // for its own paths. `sources` are the files of the targets that are new, by target path.
  Status PublishRole(std::string_view role, std::string_view text,
                     const std::map<std::string, std::string>& sources);

 private:
  Repository(std::string folder, std::shared_ptr<const KeyStore> keys, RepositoryOptions options);

  std::string folder_;
  std::shared_ptr<const KeyStore> keys_;
  RepositoryOptions options_;
};

}  // namespace whet::fleet
