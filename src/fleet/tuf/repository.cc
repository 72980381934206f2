#include "fleet/tuf/repository.h"

#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/hex.h"
#include "base/utc_time.h"
#include "fleet/json/json.h"
#include "fleet/json/nlohmann.h"
#include "fleet/tuf/canonical_json.h"
#include "fleet/tuf/names.h"
#include "fleet/tuf/repository_edit.h"
#include "fleet/tuf/store.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

bool IsSha256(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// docs/fleet.md, "Identifiers": family and channel.
bool IsIdentifier(std::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return is_alphanumeric(text[0]) && std::ranges::all_of(text, [&](char c) {
           return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
         });
}

// Adds the keys to `keys` and returns {"keyids", "threshold"}.
Result<Json> RoleKeysJson(const RoleSigners& signers, Json& keys) {
  if (signers.threshold < 1 || signers.threshold > signers.public_keys.size()) {
    return Error(Code::kInvalidArgument, "a threshold of %llu does not go with %zu keys",
                 static_cast<unsigned long long>(signers.threshold), signers.public_keys.size());
  }
  Json ids = Json::array();
  for (const std::string& public_key : signers.public_keys) {
    auto bytes = FromHex(public_key);
    if (!bytes.ok() || bytes->size() != 32) {
      return Error(Code::kInvalidArgument, "'%s' is not an Ed25519 public key (64 hexadecimal digits)",
                   public_key.c_str());
    }
    Json key = Ed25519KeyJson(public_key);
    WHET_ASSIGN_OR_RETURN(const std::string id, KeyIdOf(key));
    if (std::ranges::find(ids, Json(id)) != ids.end()) {
      return Error(Code::kInvalidArgument, "the key %s is given twice", id.c_str());
    }
    keys[id] = std::move(key);
    ids.push_back(id);
  }
  return Json{{"keyids", std::move(ids)}, {"threshold", signers.threshold}};
}

// The part of a "signed" object that gives out keys: of root, or of targets.
struct KeyTable {
  Json* keys = nullptr;
  std::vector<Json*> roles;  // each with "keyids" and "threshold"
};

// Removes the keys that no role has any more.
void DropUnusedKeys(KeyTable& table) {
  std::set<std::string> used;
  for (const Json* role : table.roles) {
    for (const Json& id : (*role)["keyids"]) used.insert(id.get<std::string>());
  }
  for (auto entry = table.keys->begin(); entry != table.keys->end();) {
    entry = used.contains(entry.key()) ? std::next(entry) : table.keys->erase(entry);
  }
}

Result<KeyTable> RootTable(RepositoryEdit& edit) {
  WHET_ASSIGN_OR_RETURN(Json* const body, edit.Change(kRootRole));
  KeyTable table;
  table.keys = &(*body)["keys"];
  for (Json& role : (*body)["roles"]) table.roles.push_back(&role);
  return table;
}

Result<KeyTable> TargetsTable(RepositoryEdit& edit) {
  WHET_ASSIGN_OR_RETURN(Json* const body, edit.Change(kTargetsRole));
  if (!body->contains("delegations")) {
    (*body)["delegations"] = {{"keys", Json::object()}, {"roles", Json::array()}};
  }
  KeyTable table;
  table.keys = &(*body)["delegations"]["keys"];
  for (Json& role : (*body)["delegations"]["roles"]) table.roles.push_back(&role);
  return table;
}

// The entry that gives `role` its keys, and the table that it stands in.
Result<std::pair<KeyTable, Json*>> EntryOf(RepositoryEdit& edit, std::string_view role) {
  if (IsTopLevelRole(role)) {
    WHET_ASSIGN_OR_RETURN(KeyTable table, RootTable(edit));
    WHET_ASSIGN_OR_RETURN(Json* const body, edit.Change(kRootRole));
    return std::pair(std::move(table), &(*body)["roles"][std::string(role)]);
  }
  WHET_ASSIGN_OR_RETURN(KeyTable table, TargetsTable(edit));
  for (Json* entry : table.roles) {
    if ((*entry)["name"] == Json(std::string(role))) return std::pair(std::move(table), entry);
  }
  return Error(Code::kNotFound, "targets.json delegates to no role '%s' ('whet tuf delegate' makes one)",
               std::string(role).c_str());
}

// Has `role`, whose keys are now those of `entry`, signed anew if what is published is not signed by enough
// of them.
Status SignAnewIfNeeded(RepositoryEdit& edit, std::string_view role, const Json& keys, const Json& entry) {
  // Snapshot and timestamp always follow, and root itself is what changed.
  if (role == kRootRole || role == kSnapshotRole || role == kTimestampRole || !edit.Has(role))
    return OkStatus();
  SignedMetadata published;
  if (role == kTargetsRole) {
    published = edit.targets();
  } else {
    WHET_ASSIGN_OR_RETURN(published, edit.Load(role));
  }
  KeyMap key_map;
  for (const auto& [id, key] : keys.items()) {
    WHET_ASSIGN_OR_RETURN(PublicKey parsed, ParsePublicKey(id, key));
    key_map.emplace(id, std::move(parsed));
  }
  RoleKeys role_keys;
  for (const Json& id : entry["keyids"]) role_keys.key_ids.push_back(id.get<std::string>());
  role_keys.threshold = entry["threshold"].get<uint64_t>();
  if (VerifyThreshold(published, key_map, role_keys).ok()) return OkStatus();
  WHET_ASSIGN_OR_RETURN(Json* const unused, edit.Change(role));
  (void)unused;
  return OkStatus();
}

Json TargetJson(uint64_t length, std::string_view sha256) {
  return {{"length", length}, {"hashes", {{"sha256", std::string(sha256)}}}};
}

Status DelegateIn(RepositoryEdit& edit, std::string_view role, const std::vector<std::string>& paths,
                  const RoleSigners& signers) {
  if (!IsAllowedRoleName(role)) {
    return Error(Code::kInvalidArgument, "'%s' cannot be the name of a delegated role",
                 std::string(role).c_str());
  }
  if (paths.empty()) return Error(Code::kInvalidArgument, "a delegation needs at least one path");
  WHET_ASSIGN_OR_RETURN(KeyTable table, TargetsTable(edit));
  WHET_ASSIGN_OR_RETURN(Json entry, RoleKeysJson(signers, *table.keys));
  entry["name"] = std::string(role);
  entry["paths"] = paths;
  entry["terminating"] = true;
  WHET_RETURN_IF_ERROR(SignAnewIfNeeded(edit, role, *table.keys, entry));
  for (Json* existing : table.roles) {
    if ((*existing)["name"] != entry["name"]) continue;
    *existing = std::move(entry);
    DropUnusedKeys(table);
    return OkStatus();
  }
  WHET_ASSIGN_OR_RETURN(Json* const body, edit.Change(kTargetsRole));
  (*body)["delegations"]["roles"].push_back(std::move(entry));
  return OkStatus();
}

// Every release that a rollout document names must be one that models/FAMILY signed.
Status CheckReleases(const RepositoryEdit& edit, std::string_view family, const Json& document) {
  const std::string role = ModelsRole(family);
  for (const char* which : {"stable", "candidate"}) {
    const auto release = document.find(which);
    if (release == document.end() || release->is_null()) continue;
    if (!release->is_object()) return Error(Code::kInvalidArgument, "'%s' is not an object", which);
    WHET_ASSIGN_OR_RETURN(const std::string version, JsonString(*release, "version"));
    WHET_ASSIGN_OR_RETURN(const std::string sha256, JsonString(*release, "release_sha256"));
    WHET_ASSIGN_OR_RETURN(const TargetsMetadata models, edit.Load(role));
    const auto target =
        models.targets.find("models/" + std::string(family) + "/" + version + "/release.json");
    const bool is_signed = target != models.targets.end() && target->second.hashes.contains("sha256") &&
                           target->second.hashes.find("sha256")->second == sha256;
    if (!is_signed) {
      return Error(Code::kInvalidArgument, "the %s release, version %s, is not one that '%s' signed", which,
                   version.c_str(), role.c_str());
    }
  }
  return OkStatus();
}

// The end of an operation that changes keys.
Status Finish(RepositoryEdit& edit, const RepositoryOptions& options) {
  return options.draft_folder.empty() ? edit.Commit() : edit.Draft(options.draft_folder);
}

}  // namespace

Repository::Repository(std::string folder, std::shared_ptr<const KeyStore> keys, RepositoryOptions options)
    : folder_(std::move(folder)), keys_(std::move(keys)), options_(std::move(options)) {}

Result<Repository> Repository::Create(const std::string& folder, std::shared_ptr<const KeyStore> keys,
                                      const RepositoryPlan& plan, RepositoryOptions options) {
  Repository repository(folder, std::move(keys), std::move(options));
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit,
                        RepositoryEdit::BeginNew(folder, *repository.keys_, repository.options_));
  WHET_ASSIGN_OR_RETURN(Json* const root, edit.Change(kRootRole));
  for (const auto& [role, signers] :
       {std::pair(kRootRole, &plan.root), std::pair(kTargetsRole, &plan.targets),
        std::pair(kSnapshotRole, &plan.snapshot), std::pair(kTimestampRole, &plan.timestamp)}) {
    WHET_ASSIGN_OR_RETURN((*root)["roles"][std::string(role)], RoleKeysJson(*signers, (*root)["keys"]));
  }
  WHET_ASSIGN_OR_RETURN(Json* const targets, edit.Change(kTargetsRole));
  (void)targets;
  if (!plan.deltas.public_keys.empty()) {
    WHET_RETURN_IF_ERROR(DelegateIn(edit, kDeltasRole, {"deltas/*"}, plan.deltas));
  }
  WHET_RETURN_IF_ERROR(Finish(edit, repository.options_));
  return repository;
}

Result<Repository> Repository::Open(const std::string& folder, std::shared_ptr<const KeyStore> keys,
                                    RepositoryOptions options) {
  Repository repository(folder, std::move(keys), std::move(options));
  auto edit = RepositoryEdit::Begin(folder, *repository.keys_, repository.options_);
  if (!edit.ok()) return edit.TakeStatus();
  return repository;
}

Result<RootMetadata> Repository::Root() const {
  WHET_ASSIGN_OR_RETURN(const RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  return edit.root();
}

Result<TargetsMetadata> Repository::Targets() const {
  WHET_ASSIGN_OR_RETURN(const RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  return edit.targets();
}

Result<SnapshotMetadata> Repository::Snapshot() const {
  WHET_ASSIGN_OR_RETURN(const RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  return edit.snapshot();
}

Result<TimestampMetadata> Repository::Timestamp() const {
  WHET_ASSIGN_OR_RETURN(const RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  return edit.timestamp();
}

Result<TargetsMetadata> Repository::Role(std::string_view role) const {
  WHET_ASSIGN_OR_RETURN(const RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  return edit.Load(role);
}

Result<TargetFile> Repository::FindTarget(std::string_view path) const {
  WHET_ASSIGN_OR_RETURN(const RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  if (const auto found = edit.targets().targets.find(path); found != edit.targets().targets.end()) {
    return found->second;
  }
  for (const Delegation& delegation : MatchingDelegations(edit.targets(), path)) {
    if (edit.Has(delegation.name)) {
      WHET_ASSIGN_OR_RETURN(const TargetsMetadata role, edit.Load(delegation.name));
      if (const auto found = role.targets.find(path); found != role.targets.end()) return found->second;
    }
    if (delegation.terminating) break;
  }
  return Error(Code::kNotFound, "the repository has no target '%s'", std::string(path).c_str());
}

std::string Repository::TargetFilePath(const TargetFile& target) const {
  auto hash = target.hashes.find("sha256");
  if (hash == target.hashes.end()) hash = target.hashes.begin();
  return folder_ + "/targets/" + HashedTargetPath(target.path, hash->second);
}

Result<std::string> Repository::ReadTarget(std::string_view path, size_t max_bytes) const {
  WHET_ASSIGN_OR_RETURN(const TargetFile target, FindTarget(path));
  const std::string file = TargetFilePath(target);
  WHET_ASSIGN_OR_RETURN(std::string bytes, ReadSmallFile(file, max_bytes));
  MetaFile expected;
  expected.length = target.length;
  expected.hashes = target.hashes;
  WHET_RETURN_IF_ERROR(VerifyLengthAndHashes(bytes, expected).At(file));
  return bytes;
}

Status Repository::SetRollout(std::string_view channel, std::string_view family, std::string_view document,
                              const RoleSigners* create_channel) {
  if (!IsIdentifier(channel) || !IsIdentifier(family)) {
    return Error(Code::kInvalidArgument,
                 "channels and families are named with 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a "
                 "letter or digit");
  }
  WHET_ASSIGN_OR_RETURN(const Json parsed, ParseJson(document, {65536, 8}));
  if (!parsed.is_object()) return Error(Code::kInvalidArgument, "a rollout document is a JSON object");
  const std::string role = RolloutsRole(channel);
  const std::string folder = "rollouts/" + std::string(channel);
  const std::string path = folder + "/" + std::string(family) + ".json";
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  WHET_RETURN_IF_ERROR(CheckReleases(edit, family, parsed));
  const bool is_delegated = std::ranges::find(edit.targets().delegations, role, &Delegation::name) !=
                            edit.targets().delegations.end();
  if (!is_delegated && create_channel)
    WHET_RETURN_IF_ERROR(DelegateIn(edit, role, {folder + "/*"}, *create_channel));
  WHET_ASSIGN_OR_RETURN(Json* const body, edit.Change(role));
  const std::string sha256 = Sha256Hex(document);
  (*body)["targets"][path] = TargetJson(document.size(), sha256);
  WHET_RETURN_IF_ERROR(edit.WriteTargetBytes(path, sha256, document));
  return edit.Commit();
}

Status Repository::AddDelta(std::string_view base_sha256, std::string_view result_sha256,
                            const std::string& source) {
  if (!IsSha256(base_sha256) || !IsSha256(result_sha256)) {
    return Error(Code::kInvalidArgument,
                 "a delta is named by two SHA-256 of 64 lower-case hexadecimal digits");
  }
  const std::string path = "deltas/" + std::string(base_sha256.substr(0, 16)) + "-" +
                           std::string(result_sha256.substr(0, 16)) + ".wdelta";
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(source));
  const std::string_view bytes(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  const std::string sha256 = Sha256Hex(bytes);
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  WHET_ASSIGN_OR_RETURN(Json* const body, edit.Change(kDeltasRole));
  if ((*body)["targets"].contains(path)) return OkStatus();
  Json target = TargetJson(bytes.size(), sha256);
  target["custom"] = {{"base", std::string(base_sha256)}, {"result", std::string(result_sha256)}};
  (*body)["targets"][path] = std::move(target);
  WHET_RETURN_IF_ERROR(edit.WriteTargetBytes(path, sha256, bytes));
  return edit.Commit();
}

Result<bool> Repository::RefreshOnlineRoles() {
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  const auto is_old = [&](const SignedMetadata& metadata, int64_t lifetime) {
    return metadata.expires - edit.now() < lifetime / 2;
  };
  bool any_role = false;
  for (const Delegation& delegation : edit.targets().delegations) {
    const bool is_rollouts = delegation.name.starts_with("rollouts.");
    if ((!is_rollouts && delegation.name != kDeltasRole) || !edit.Has(delegation.name)) continue;
    const bool has_key = std::ranges::any_of(
        delegation.keys.key_ids, [&](const std::string& id) { return keys_->Find(id) != nullptr; });
    if (!has_key) continue;  // another server's
    WHET_ASSIGN_OR_RETURN(const TargetsMetadata role, edit.Load(delegation.name));
    if (!is_old(role, is_rollouts ? options_.lifetimes.rollouts : options_.lifetimes.deltas)) continue;
    WHET_ASSIGN_OR_RETURN(Json* const body, edit.Change(delegation.name));
    (void)body;
    any_role = true;
  }
  const bool new_snapshot = any_role || is_old(edit.snapshot(), options_.lifetimes.snapshot);
  if (!new_snapshot && !is_old(edit.timestamp(), options_.lifetimes.timestamp)) return false;
  WHET_RETURN_IF_ERROR(edit.CommitAlways(new_snapshot));
  return true;
}

Status Repository::RefreshTimestamp() {
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  return edit.CommitAlways(/*new_snapshot=*/false);
}

Status Repository::Delegate(std::string_view role, const std::vector<std::string>& paths,
                            const RoleSigners& signers) {
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  WHET_RETURN_IF_ERROR(DelegateIn(edit, role, paths, signers));
  return Finish(edit, options_);
}

Status Repository::AddKey(std::string_view role, std::string_view public_key) {
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  WHET_ASSIGN_OR_RETURN(const auto found, EntryOf(edit, role));
  const auto& [table, entry] = found;
  RoleSigners signers{{std::string(public_key)}, 1};
  WHET_ASSIGN_OR_RETURN(const Json added, RoleKeysJson(signers, *table.keys));
  const Json& id = added["keyids"][0];
  if (std::ranges::find((*entry)["keyids"], id) != (*entry)["keyids"].end()) {
    return Error(Code::kInvalidArgument, "the role '%s' has the key %s already", std::string(role).c_str(),
                 id.get<std::string>().c_str());
  }
  (*entry)["keyids"].push_back(id);
  WHET_RETURN_IF_ERROR(SignAnewIfNeeded(edit, role, *table.keys, *entry));
  return Finish(edit, options_);
}

Status Repository::RotateKey(std::string_view role, std::string_view old_key_id,
                             std::string_view new_public_key) {
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  WHET_ASSIGN_OR_RETURN(auto found, EntryOf(edit, role));
  auto& [table, entry] = found;
  Json& ids = (*entry)["keyids"];
  const auto old_id = std::ranges::find(ids, Json(std::string(old_key_id)));
  if (old_id == ids.end()) {
    return Error(Code::kNotFound, "the role '%s' has no key %s", std::string(role).c_str(),
                 std::string(old_key_id).c_str());
  }
  WHET_ASSIGN_OR_RETURN(const Json added, RoleKeysJson({{std::string(new_public_key)}, 1}, *table.keys));
  if (std::ranges::find(ids, added["keyids"][0]) != ids.end()) {
    return Error(Code::kInvalidArgument, "the role '%s' has the new key already", std::string(role).c_str());
  }
  *old_id = added["keyids"][0];
  DropUnusedKeys(table);
  WHET_RETURN_IF_ERROR(SignAnewIfNeeded(edit, role, *table.keys, *entry));
  return Finish(edit, options_);
}

Status Repository::SetThreshold(std::string_view role, uint64_t threshold) {
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  WHET_ASSIGN_OR_RETURN(const auto found, EntryOf(edit, role));
  const auto& [table, entry] = found;
  if (threshold < 1 || threshold > (*entry)["keyids"].size()) {
    return Error(Code::kInvalidArgument, "the role '%s' has %zu keys, so its threshold is 1 to %zu",
                 std::string(role).c_str(), (*entry)["keyids"].size(), (*entry)["keyids"].size());
  }
  (*entry)["threshold"] = threshold;
  WHET_RETURN_IF_ERROR(SignAnewIfNeeded(edit, role, *table.keys, *entry));
  return Finish(edit, options_);
}

Status Repository::RevokeKey(std::string_view key_id) {
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  std::vector<std::string> roles;
  const std::string id(key_id);
  const auto has_key = [&](const RoleKeys& keys) {
    return std::ranges::find(keys.key_ids, id) != keys.key_ids.end();
  };
  for (const auto& [name, keys] : edit.root().roles) {
    if (has_key(keys)) roles.push_back(name);
  }
  for (const Delegation& delegation : edit.targets().delegations) {
    if (has_key(delegation.keys)) roles.push_back(delegation.name);
  }
  if (roles.empty()) return Error(Code::kNotFound, "no role has the key %s", id.c_str());
  for (const std::string& role : roles) {
    WHET_ASSIGN_OR_RETURN(auto found, EntryOf(edit, role));
    auto& [table, entry] = found;
    Json& ids = (*entry)["keyids"];
    ids.erase(std::ranges::find(ids, Json(id)));
    if (ids.size() < (*entry)["threshold"].get<size_t>()) {
      return Error(Code::kInvalidArgument,
                   "without the key %s the role '%s' would have fewer keys than must sign: rotate the key "
                   "instead, or give "
                   "the role another key first",
                   id.c_str(), role.c_str());
    }
    WHET_RETURN_IF_ERROR(SignAnewIfNeeded(edit, role, *table.keys, *entry));
  }
  for (const std::string& role : roles) {
    WHET_ASSIGN_OR_RETURN(auto found, EntryOf(edit, role));
    DropUnusedKeys(found.first);
  }
  return Finish(edit, options_);
}

Result<std::string> Repository::PrepareRole(std::string_view role,
                                            const std::vector<NewTarget>& additions) const {
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  if (std::ranges::find(edit.targets().delegations, role, &Delegation::name) ==
      edit.targets().delegations.end()) {
    return Error(Code::kNotFound, "the repository delegates to no role '%s' ('whet tuf delegate' makes one)",
                 std::string(role).c_str());
  }
  WHET_ASSIGN_OR_RETURN(Json* const body, edit.Change(role));
  Json& targets = (*body)["targets"];
  for (const NewTarget& addition : additions) {
    Json target = TargetJson(addition.length, addition.sha256);
    if (!addition.custom.empty()) {
      WHET_ASSIGN_OR_RETURN(target["custom"], ParseJson(addition.custom, {65536, 8}));
    }
    if (targets.contains(addition.path) && targets[addition.path] != target) {
      return Error(Code::kInvalidArgument,
                   "'%s' is published already, with other content: choose another version",
                   addition.path.c_str());
    }
    targets[addition.path] = std::move(target);
  }
  (*body)["version"] = (*body)["version"].get<int64_t>() + 1;
  (*body)["expires"] = FormatUtcTime(edit.now() + options_.lifetimes.targets);
  return CanonicalJson(*body);
}

Status Repository::PublishRole(std::string_view role, std::string_view text,
                               const std::map<std::string, std::string>& sources) {
  WHET_ASSIGN_OR_RETURN(const TargetsMetadata next, ParseTargets(text));
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, RepositoryEdit::Begin(folder_, *keys_, options_));
  const auto delegation = std::ranges::find(edit.targets().delegations, role, &Delegation::name);
  if (delegation == edit.targets().delegations.end()) {
    return Error(Code::kNotFound, "the repository delegates to no role '%s' ('whet tuf delegate' makes one)",
                 std::string(role).c_str());
  }
  WHET_RETURN_IF_ERROR(VerifyThreshold(next, edit.targets().delegated_keys, delegation->keys).At(role));
  TargetsMetadata now;
  if (edit.Has(role)) {
    WHET_ASSIGN_OR_RETURN(now, edit.Load(role));
  }
  if (next.version != now.version + 1) {
    return Error(Code::kInvalidArgument,
                 "version %lld of the role '%s' was signed, but version %lld is due: something else was "
                 "published in between; "
                 "sign again",
                 static_cast<long long>(next.version), std::string(role).c_str(),
                 static_cast<long long>(now.version + 1));
  }
  if (next.expires <= edit.now())
    return Error(Code::kInvalidArgument, "what was signed has expired; sign again");
  for (const auto& [path, target] : now.targets) {
    const auto found = next.targets.find(path);
    if (found != next.targets.end() &&
        (found->second.hashes != target.hashes || found->second.length != target.length)) {
      return Error(Code::kInvalidArgument, "'%s' is published already, with other content", path.c_str());
    }
  }
  for (const auto& [path, target] : next.targets) {
    const bool is_own = std::ranges::any_of(
        delegation->paths, [&](const std::string& pattern) { return MatchesPattern(pattern, path); });
    if (!is_own) {
      return Error(Code::kInvalidArgument, "the role '%s' may not speak for '%s'", std::string(role).c_str(),
                   path.c_str());
    }
    if (now.targets.contains(path)) continue;
    const auto source = sources.find(path);
    const auto sha256 = target.hashes.find("sha256");
    if (source == sources.end() || sha256 == target.hashes.end()) {
      return Error(Code::kInvalidArgument, "'%s' is signed, but its file is not here", path.c_str());
    }
    WHET_RETURN_IF_ERROR(edit.WriteTarget(path, sha256->second, source->second));
  }
  WHET_RETURN_IF_ERROR(edit.SetSigned(role, text));
  return edit.Commit();
}

}  // namespace whet::fleet
