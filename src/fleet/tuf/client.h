// A client of a TUF repository: section 5 of the specification ("detailed client workflow") step by step.
//
// Trust begins with a root.json that comes by another way (ClientInit). After that nothing is believed that a
// threshold of the right keys did not sign, that is older than what was seen before, that does not belong
// together, or that has expired.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "fleet/http/fetch.h"
#include "fleet/tuf/metadata.h"
#include "fleet/tuf/store.h"

namespace whet::fleet {

struct ClientLimits {
  size_t max_root_bytes = 512000;
  size_t max_timestamp_bytes = 16384;
  size_t max_snapshot_bytes = 2000000;  // where the timestamp gives no length; it may not give more either
  size_t max_targets_bytes = 5000000;   // likewise with the snapshot
  int max_root_rotations = 1024;        // of one refresh
  int max_delegations = 32;             // roles visited in one search
};

struct ClientOptions {
  std::string metadata_url;  // ".../metadata"
  std::string targets_url;   // ".../targets"; only for downloads
  std::string bearer_token;  // of a repository that wants one
  ClientLimits limits;
  // Seconds since 1970; the system's clock if empty.
  std::function<int64_t()> clock;
};

// Makes `root` what is trusted first: checks that it is a root that its own keys signed, and saves its bytes.
// Replaces whatever was trusted before.
Status ClientInit(MetadataStore& store, std::string_view root);

// Not thread-safe. `store` and `fetcher` must outlive it. An error leaves what is trusted as good as it was:
// the next Refresh begins anew from what is stored.
class Client {
 public:
  Client(ClientOptions options, MetadataStore& store, Fetcher& fetcher);

  // Brings root, timestamp, snapshot and targets up to date (5.1 to 5.6) and saves each as soon as it is
  // trusted.
  Status Refresh();

  // After Refresh: what is known of a target, searching through delegations and fetching their metadata as
  // needed (5.6.7). kNotFound if nobody who may speaks of it.
  Result<TargetFile> FindTarget(std::string_view path);

  // After Refresh, the targets of one role that targets.json itself delegates to by `role`'s name, verified
  // like FindTarget's. For listing.
  Result<TargetsMetadata> LoadDelegatedRole(std::string_view role);

  // Where a target's bytes are to be had.
  std::string TargetUrl(const TargetFile& target) const;

  // Fetches a target (5.7) to the file `path`, which comes into being only when length and hashes are right.
  // Does nothing if the file is the target already.
  Status Download(const TargetFile& target, const std::string& path);

  // What Refresh trusts now; null before.
  const RootMetadata* root() const { return root_.get(); }
  const TargetsMetadata* targets() const { return targets_.get(); }
  const SnapshotMetadata* snapshot() const { return snapshot_.get(); }
  const TimestampMetadata* timestamp() const { return timestamp_.get(); }

 private:
  Status LoadRoot();
  Status UpdateRoot();
  Status AcceptRoot(const std::string& text);
  Status UpdateTimestamp();
  Status UpdateSnapshot();
  Status UpdateTargets();
  // A role's metadata by its delegator's keys, from the store if that is current, else fetched, checked and
  // saved.
  Result<TargetsMetadata> LoadTargets(std::string_view role, const KeyMap& keys, const RoleKeys& role_keys);
  Status CheckTargets(std::string_view text, const MetaFile& expected, const KeyMap& keys,
                      const RoleKeys& role_keys, TargetsMetadata& out) const;
  Result<std::string> FetchMetadata(const std::string& name, size_t max_bytes);
  Status CheckExpiry(const SignedMetadata& metadata) const;
  int64_t Now() const;
  std::string MetadataName(std::string_view role, int64_t version) const;

  ClientOptions options_;
  MetadataStore& store_;
  Fetcher& fetcher_;
  int64_t start_time_ = 0;  // fixed for one Refresh and the searches after it (5.1)
  std::unique_ptr<RootMetadata> root_;
  std::unique_ptr<TimestampMetadata> timestamp_;
  std::unique_ptr<SnapshotMetadata> snapshot_;
  std::unique_ptr<TargetsMetadata> targets_;
};

}  // namespace whet::fleet
