#include "fleet/tuf/client.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "base/file.h"
#include "fleet/tuf/names.h"
#include "fleet/tuf/target_verifier.h"

namespace whet::fleet {
namespace {

// A key of `before` that is not in `after` was taken away.
bool LosesKeys(const RoleKeys& before, const RoleKeys& after) {
  return std::ranges::any_of(before.key_ids, [&](const std::string& id) {
    return std::ranges::find(after.key_ids, id) == after.key_ids.end();
  });
}

// What the store has, if it is of a reasonable size: what is larger was not written by this client.
Result<std::optional<std::string>> LoadStored(MetadataStore& store, std::string_view role, size_t max_bytes) {
  auto text = store.Load(role, max_bytes);
  if (!text.ok() && text.status().code() == Code::kLimitExceeded) return std::optional<std::string>();
  return text;
}

size_t MaxBytesOf(const MetaFile& file, size_t max_bytes) {
  return file.length ? std::min<uint64_t>(*file.length, max_bytes) : max_bytes;
}

const RoleKeys& KeysOf(const RootMetadata& root, std::string_view role) {
  return root.roles.find(role)->second;
}

}  // namespace

Status ClientInit(MetadataStore& store, std::string_view root) {
  auto parsed = ParseRoot(root);
  if (!parsed.ok()) return parsed.TakeStatus().At("root");
  WHET_RETURN_IF_ERROR(VerifyThreshold(*parsed, parsed->keys, KeysOf(*parsed, kRootRole)).At("root"));
  // What another root vouched for is not to be believed, whatever its version.
  WHET_RETURN_IF_ERROR(store.Remove(kTimestampRole));
  WHET_RETURN_IF_ERROR(store.Remove(kSnapshotRole));
  WHET_RETURN_IF_ERROR(store.Remove(kTargetsRole));
  return store.Save(kRootRole, root);
}

Client::Client(ClientOptions options, MetadataStore& store, Fetcher& fetcher)
    : options_(std::move(options)), store_(store), fetcher_(fetcher) {}

int64_t Client::Now() const {
  if (options_.clock) return options_.clock();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

Result<std::string> Client::FetchMetadata(const std::string& name, size_t max_bytes) {
  FetchRequest request;
  request.url = JoinUrl(options_.metadata_url, name);
  request.max_bytes = max_bytes;
  request.bearer_token = options_.bearer_token;
  auto text = FetchText(fetcher_, request);
  if (!text.ok()) return text.TakeStatus().At(name);
  return text;
}

std::string Client::MetadataName(std::string_view role, int64_t version) const {
  return root_->consistent_snapshot ? std::to_string(version) + "." + RoleFileName(role) : RoleFileName(role);
}

Status Client::CheckExpiry(const SignedMetadata& metadata) const {
  if (metadata.expires > start_time_) return OkStatus();
  return Error(Code::kBadFile,
               "version %lld has expired: either the repository is not kept up, or somebody withholds newer "
               "metadata, or this "
               "machine's clock is wrong",
               static_cast<long long>(metadata.version));
}

Status Client::Refresh() {
  start_time_ = Now();  // 5.1
  targets_.reset();
  WHET_RETURN_IF_ERROR(LoadRoot().At("root"));  // 5.2
  WHET_RETURN_IF_ERROR(UpdateRoot().At("root"));
  WHET_RETURN_IF_ERROR(UpdateTimestamp().At("timestamp"));
  WHET_RETURN_IF_ERROR(UpdateSnapshot().At("snapshot"));
  return UpdateTargets().At("targets");
}

Status Client::LoadRoot() {
  WHET_ASSIGN_OR_RETURN(const auto text, store_.Load(kRootRole, options_.limits.max_root_bytes));
  if (!text) return Error(Code::kNotFound, "there is no trusted root yet; give the client one first (init)");
  WHET_ASSIGN_OR_RETURN(RootMetadata root, ParseRoot(*text));
  WHET_RETURN_IF_ERROR(VerifyThreshold(root, root.keys, KeysOf(root, kRootRole)));
  root_ = std::make_unique<RootMetadata>(std::move(root));
  return OkStatus();
}

Status Client::UpdateRoot() {
  for (int fetched = 0; fetched < options_.limits.max_root_rotations; ++fetched) {
    const std::string name = std::to_string(root_->version + 1) + ".root.json";
    auto text = FetchMetadata(name, options_.limits.max_root_bytes);  // 5.3.3
    if (!text.ok()) {
      // Object stores say "forbidden" of what is not there.
      const Code code = text.status().code();
      if (code == Code::kNotFound || code == Code::kInvalidArgument) break;
      return text.TakeStatus();
    }
    WHET_RETURN_IF_ERROR(AcceptRoot(*text).At(name));
  }
  return CheckExpiry(*root_);  // 5.3.10
}

Status Client::AcceptRoot(const std::string& text) {
  WHET_ASSIGN_OR_RETURN(RootMetadata next, ParseRoot(text));
  // 5.3.4: both the keys that were trusted so far and the new ones.
  WHET_RETURN_IF_ERROR(
      VerifyThreshold(next, root_->keys, KeysOf(*root_, kRootRole)).At("by the trusted root"));
  WHET_RETURN_IF_ERROR(VerifyThreshold(next, next.keys, KeysOf(next, kRootRole)));
  if (next.version != root_->version + 1) {  // 5.3.5
    return Error(Code::kBadFile, "has the version %lld instead of %lld", static_cast<long long>(next.version),
                 static_cast<long long>(root_->version) + 1);
  }
  // 5.3.11, before the new root is saved: if the power fails in between, the old root makes this be done
  // again.
  if (LosesKeys(KeysOf(*root_, kTimestampRole), KeysOf(next, kTimestampRole)) ||
      LosesKeys(KeysOf(*root_, kSnapshotRole), KeysOf(next, kSnapshotRole))) {
    WHET_RETURN_IF_ERROR(store_.Remove(kTimestampRole));
    WHET_RETURN_IF_ERROR(store_.Remove(kSnapshotRole));
  }
  WHET_RETURN_IF_ERROR(store_.Save(kRootRole, text));  // 5.3.8
  root_ = std::make_unique<RootMetadata>(std::move(next));
  return OkStatus();
}

Status Client::UpdateTimestamp() {
  timestamp_.reset();
  const RoleKeys& keys = KeysOf(*root_, kTimestampRole);
  WHET_ASSIGN_OR_RETURN(const auto stored,
                        LoadStored(store_, kTimestampRole, options_.limits.max_timestamp_bytes));
  if (stored) {
    auto trusted = ParseTimestamp(*stored);
    // What the present root does not vouch for says nothing any more.
    if (trusted.ok() && VerifyThreshold(*trusted, root_->keys, keys).ok()) {
      timestamp_ = std::make_unique<TimestampMetadata>(std::move(*trusted));
    }
  }
  FetchRequest request;
  request.url = JoinUrl(options_.metadata_url, "timestamp.json");
  request.max_bytes = options_.limits.max_timestamp_bytes;
  request.bearer_token = options_.bearer_token;
  std::string text;
  WHET_ASSIGN_OR_RETURN(const FetchResponse response,
                        fetcher_.Fetch(request, [&text](uint64_t, std::span<const std::byte> bytes) {
                          text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
                          return OkStatus();
                        }));
  WHET_RETURN_IF_ERROR(RequireSuccess(request, response));  // 5.4.1
  WHET_ASSIGN_OR_RETURN(TimestampMetadata next, ParseTimestamp(text));
  WHET_RETURN_IF_ERROR(VerifyThreshold(next, root_->keys, keys));  // 5.4.2
  if (timestamp_) {                                                // 5.4.3
    if (next.version < timestamp_->version) {
      return Error(Code::kBadFile, "version %lld is older than version %lld, which is trusted (rollback)",
                   static_cast<long long>(next.version), static_cast<long long>(timestamp_->version));
    }
    if (next.version == timestamp_->version) return CheckExpiry(*timestamp_);
    if (next.snapshot.version < timestamp_->snapshot.version) {
      return Error(Code::kBadFile, "names version %lld of the snapshot after version %lld (rollback)",
                   static_cast<long long>(next.snapshot.version),
                   static_cast<long long>(timestamp_->snapshot.version));
    }
  }
  WHET_RETURN_IF_ERROR(CheckExpiry(next));                  // 5.4.4
  WHET_RETURN_IF_ERROR(store_.Save(kTimestampRole, text));  // 5.4.5
  timestamp_ = std::make_unique<TimestampMetadata>(std::move(next));
  return OkStatus();
}

Status Client::UpdateSnapshot() {
  snapshot_.reset();
  const MetaFile& expected = timestamp_->snapshot;
  const RoleKeys& keys = KeysOf(*root_, kSnapshotRole);
  std::unique_ptr<SnapshotMetadata> trusted;
  WHET_ASSIGN_OR_RETURN(const auto stored,
                        LoadStored(store_, kSnapshotRole, options_.limits.max_snapshot_bytes));
  if (stored) {
    auto parsed = ParseSnapshot(*stored);
    if (parsed.ok() && VerifyThreshold(*parsed, root_->keys, keys).ok()) {
      trusted = std::make_unique<SnapshotMetadata>(std::move(*parsed));
    }
  }
  if (trusted && trusted->version == expected.version && VerifyLengthAndHashes(*stored, expected).ok()) {
    WHET_RETURN_IF_ERROR(CheckExpiry(*trusted));
    snapshot_ = std::move(trusted);
    return OkStatus();
  }
  WHET_ASSIGN_OR_RETURN(const std::string text,  // 5.5.1
                        FetchMetadata(MetadataName(kSnapshotRole, expected.version),
                                      MaxBytesOf(expected, options_.limits.max_snapshot_bytes)));
  WHET_RETURN_IF_ERROR(VerifyLengthAndHashes(text, expected));  // 5.5.2
  WHET_ASSIGN_OR_RETURN(SnapshotMetadata next, ParseSnapshot(text));
  WHET_RETURN_IF_ERROR(VerifyThreshold(next, root_->keys, keys));  // 5.5.3
  if (next.version != expected.version) {                          // 5.5.4
    return Error(Code::kBadFile, "has the version %lld, but the timestamp names version %lld (mix and match)",
                 static_cast<long long>(next.version), static_cast<long long>(expected.version));
  }
  if (trusted) {  // 5.5.5
    for (const auto& [name, file] : trusted->meta) {
      const auto found = next.meta.find(name);
      if (found == next.meta.end()) {
        return Error(Code::kBadFile, "no longer lists '%s'", name.c_str());
      }
      if (found->second.version < file.version) {
        return Error(Code::kBadFile, "lists version %lld of '%s' after version %lld (rollback)",
                     static_cast<long long>(found->second.version), name.c_str(),
                     static_cast<long long>(file.version));
      }
    }
  }
  WHET_RETURN_IF_ERROR(CheckExpiry(next));                 // 5.5.6
  WHET_RETURN_IF_ERROR(store_.Save(kSnapshotRole, text));  // 5.5.7
  snapshot_ = std::make_unique<SnapshotMetadata>(std::move(next));
  return OkStatus();
}

Status Client::UpdateTargets() {
  auto loaded = LoadTargets(kTargetsRole, root_->keys, KeysOf(*root_, kTargetsRole));
  if (!loaded.ok()) return loaded.TakeStatus();
  targets_ = std::make_unique<TargetsMetadata>(std::move(*loaded));
  return OkStatus();
}

Status Client::CheckTargets(std::string_view text, const MetaFile& expected, const KeyMap& keys,
                            const RoleKeys& role_keys, TargetsMetadata& out) const {
  WHET_RETURN_IF_ERROR(VerifyLengthAndHashes(text, expected));  // 5.6.2
  WHET_ASSIGN_OR_RETURN(out, ParseTargets(text));
  WHET_RETURN_IF_ERROR(VerifyThreshold(out, keys, role_keys));  // 5.6.3
  if (out.version != expected.version) {                        // 5.6.4
    return Error(Code::kBadFile, "has the version %lld, but the snapshot lists version %lld (mix and match)",
                 static_cast<long long>(out.version), static_cast<long long>(expected.version));
  }
  return CheckExpiry(out);  // 5.6.5
}

Result<TargetsMetadata> Client::LoadTargets(std::string_view role, const KeyMap& keys,
                                            const RoleKeys& role_keys) {
  const auto listed = snapshot_->meta.find(std::string(role) + ".json");
  if (listed == snapshot_->meta.end()) return Error(Code::kBadFile, "is not listed in the snapshot");
  const MetaFile& expected = listed->second;
  TargetsMetadata metadata;
  WHET_ASSIGN_OR_RETURN(const auto stored, LoadStored(store_, role, options_.limits.max_targets_bytes));
  if (stored && CheckTargets(*stored, expected, keys, role_keys, metadata).ok()) return metadata;
  WHET_ASSIGN_OR_RETURN(const std::string text,  // 5.6.1
                        FetchMetadata(MetadataName(role, expected.version),
                                      MaxBytesOf(expected, options_.limits.max_targets_bytes)));
  metadata = {};
  WHET_RETURN_IF_ERROR(CheckTargets(text, expected, keys, role_keys, metadata));
  WHET_RETURN_IF_ERROR(store_.Save(role, text));  // 5.6.6
  return metadata;
}

Result<TargetFile> Client::FindTarget(std::string_view path) {
  if (!targets_) return Error(Code::kInvalidArgument, "the client has not been refreshed");
  if (!IsSafeTargetPath(path)) {
    return Error(Code::kInvalidArgument,
                 "'%s' is not a target's name: it is a relative path without '.' and '..'",
                 std::string(path).c_str());
  }
  // 5.6.7: depth first, delegations in their order. A stack of roles to visit, the next one last.
  struct Visit {
    Delegation delegation;
    std::shared_ptr<const KeyMap> keys;  // of the delegator
  };
  std::vector<Visit> to_visit;
  std::set<std::string, std::less<>> visited;
  const auto push_delegations = [&](const TargetsMetadata& role) {
    std::vector<Delegation> matching = MatchingDelegations(role, path);
    // A terminating delegation is the last word on what it matches: nothing that would have come later
    // counts.
    const auto end = std::ranges::find(matching, true, &Delegation::terminating);
    if (end != matching.end()) {
      matching.erase(end + 1, matching.end());
      to_visit.clear();
    }
    const auto keys = std::make_shared<const KeyMap>(role.delegated_keys);
    for (auto delegation = matching.rbegin(); delegation != matching.rend(); ++delegation) {
      to_visit.push_back({std::move(*delegation), keys});
    }
  };
  if (const auto found = targets_->targets.find(path); found != targets_->targets.end()) return found->second;
  push_delegations(*targets_);
  while (!to_visit.empty() && visited.size() < static_cast<size_t>(options_.limits.max_delegations)) {
    const Visit visit = std::move(to_visit.back());
    to_visit.pop_back();
    if (!visited.insert(visit.delegation.name).second) continue;
    auto role = LoadTargets(visit.delegation.name, *visit.keys, visit.delegation.keys);
    if (!role.ok()) return role.TakeStatus().At("role '" + visit.delegation.name + "'");
    if (const auto found = role->targets.find(path); found != role->targets.end()) return found->second;
    push_delegations(*role);
  }
  return Error(Code::kNotFound, "no role that may speak of '%s' does", std::string(path).c_str());
}

Result<TargetsMetadata> Client::LoadDelegatedRole(std::string_view role) {
  if (!targets_) return Error(Code::kInvalidArgument, "the client has not been refreshed");
  const auto delegation = std::ranges::find(targets_->delegations, role, &Delegation::name);
  if (delegation == targets_->delegations.end()) {
    return Error(Code::kNotFound, "targets.json delegates to no role '%s'", std::string(role).c_str());
  }
  auto loaded = LoadTargets(role, targets_->delegated_keys, delegation->keys);
  if (!loaded.ok()) return loaded.TakeStatus().At("role '" + std::string(role) + "'");
  // A role's word counts only for the paths that it was given.
  std::erase_if(loaded->targets, [&](const auto& entry) {
    const auto matching = MatchingDelegations(*targets_, entry.first);
    return std::ranges::find(matching, role, &Delegation::name) == matching.end();
  });
  return loaded;
}

std::string Client::TargetUrl(const TargetFile& target) const {
  std::string path = target.path;
  if (root_ && root_->consistent_snapshot) {
    auto hash = target.hashes.find("sha256");
    if (hash == target.hashes.end()) hash = target.hashes.begin();
    path = HashedTargetPath(path, hash->second);
  }
  return JoinUrl(options_.targets_url, PercentEncode(path, /*keep_slashes=*/true));
}

Status Client::Download(const TargetFile& target, const std::string& path) {
  WHET_ASSIGN_OR_RETURN(const bool is_there, FileIsTarget(path, target));
  if (is_there) return OkStatus();
  WHET_ASSIGN_OR_RETURN(TargetVerifier verifier, TargetVerifier::Create(target));
  WHET_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  FetchRequest request;
  request.url = TargetUrl(target);
  request.max_bytes = target.length;
  request.bearer_token = options_.bearer_token;
  auto response = fetcher_.Fetch(request, [&](uint64_t, std::span<const std::byte> bytes) {
    WHET_RETURN_IF_ERROR(verifier.Update(bytes));
    return file.Write(bytes);
  });
  if (!response.ok()) return response.TakeStatus().At(target.path);
  WHET_RETURN_IF_ERROR(RequireSuccess(request, *response).At(target.path));
  WHET_RETURN_IF_ERROR(verifier.Finish().At(target.path));
  return file.Commit();
}

}  // namespace whet::fleet
