#include "fleet/tuf/repository_edit.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/hex.h"
#include "base/utc_time.h"
#include "fleet/json/json.h"
#include "fleet/tuf/canonical_json.h"
#include "fleet/tuf/names.h"
#include "fleet/tuf/store.h"
#include "fleet/tuf/target_verifier.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

Status MakeFolders(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Error(Code::kIo, "cannot make the folder: %s", error.message().c_str()).At(folder);
  return OkStatus();
}

const RoleKeys& TopLevelKeys(const RootMetadata& root, std::string_view role) {
  return root.roles.find(role)->second;
}

Json MetaFileJson(int64_t version, std::string_view text) {
  return {{"version", version}, {"length", text.size()}, {"hashes", {{"sha256", Sha256Hex(text)}}}};
}

}  // namespace

MetadataLimits EditorLimits() {
  MetadataLimits limits;
  limits.max_bytes = kMaxEditedBytes;
  return limits;
}

RepositoryEdit::RepositoryEdit(std::string folder, const KeyStore& keys, const RepositoryOptions& options,
                               int lock)
    : folder_(std::move(folder)), keys_(&keys), options_(&options), lock_(lock) {
  now_ = options.clock ? options.clock()
                       : std::chrono::duration_cast<std::chrono::seconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
}

RepositoryEdit::RepositoryEdit(RepositoryEdit&& other) noexcept
    : folder_(std::move(other.folder_)),
      keys_(other.keys_),
      options_(other.options_),
      lock_(std::exchange(other.lock_, -1)),
      now_(other.now_),
      is_new_(other.is_new_),
      root_(std::move(other.root_)),
      targets_(std::move(other.targets_)),
      snapshot_(std::move(other.snapshot_)),
      timestamp_(std::move(other.timestamp_)),
      next_root_(std::move(other.next_root_)),
      next_targets_(std::move(other.next_targets_)),
      changes_(std::move(other.changes_)) {}

RepositoryEdit::~RepositoryEdit() {
  if (lock_ >= 0) ::close(lock_);  // which gives the lock back
}

Result<RepositoryEdit> RepositoryEdit::Lock(const std::string& folder, const KeyStore& keys,
                                            const RepositoryOptions& options) {
  const std::string path = folder + "/.lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return Error(Code::kIo, "cannot open the lock: %s", std::strerror(errno)).At(path);
  while (::flock(fd, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    const int error = errno;
    ::close(fd);
    return Error(Code::kIo, "cannot take the lock: %s", std::strerror(error)).At(path);
  }
  return RepositoryEdit(folder, keys, options, fd);
}

Result<RepositoryEdit> RepositoryEdit::Begin(const std::string& folder, const KeyStore& keys,
                                             const RepositoryOptions& options) {
  if (!std::filesystem::exists(folder + "/metadata/1.root.json")) {
    return Error(Code::kNotFound, "holds no repository (there is no metadata/1.root.json)").At(folder);
  }
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, Lock(folder, keys, options));
  WHET_RETURN_IF_ERROR(edit.LoadAll().At(folder));
  return edit;
}

Result<RepositoryEdit> RepositoryEdit::BeginNew(const std::string& folder, const KeyStore& keys,
                                                const RepositoryOptions& options) {
  WHET_RETURN_IF_ERROR(MakeFolders(folder + "/metadata"));
  WHET_RETURN_IF_ERROR(MakeFolders(folder + "/targets"));
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, Lock(folder, keys, options));
  if (std::filesystem::exists(folder + "/metadata/1.root.json")) {
    return Error(Code::kInvalidArgument, "holds a repository already").At(folder);
  }
  edit.is_new_ = true;
  return edit;
}

Result<std::string> RepositoryEdit::ReadMetadata(const std::string& name) const {
  return ReadSmallFile(folder_ + "/metadata/" + name, kMaxEditedBytes);
}

Status RepositoryEdit::LoadAll() {
  // The folder's own first root is where trust begins: whoever can change that owns the repository.
  RootMetadata before;
  for (int64_t version = 1;; ++version) {
    const std::string name = std::to_string(version) + ".root.json";
    auto text = ReadMetadata(name);
    if (!text.ok()) {
      if (text.status().code() == Code::kNotFound && version > 1) break;
      return text.TakeStatus();
    }
    auto root = ParseRoot(*text, EditorLimits());
    if (!root.ok()) return root.TakeStatus().At(name);
    WHET_RETURN_IF_ERROR(VerifyThreshold(*root, root->keys, TopLevelKeys(*root, kRootRole)).At(name));
    if (version > 1) {
      WHET_RETURN_IF_ERROR(VerifyThreshold(*root, root_.keys, TopLevelKeys(root_, kRootRole)).At(name));
    }
    if (root->version != version) return Error(Code::kBadFile, "has another version inside").At(name);
    before = std::exchange(root_, std::move(*root));
  }
  // A root that changes these keys may be there while they have not signed yet: the power failed in between.
  const auto verify = [&](const SignedMetadata& metadata, std::string_view role) {
    Status status = VerifyThreshold(metadata, root_.keys, TopLevelKeys(root_, role));
    if (status.ok() || before.version == 0) return status;
    return VerifyThreshold(metadata, before.keys, TopLevelKeys(before, role)).ok() ? OkStatus()
                                                                                   : std::move(status);
  };
  WHET_ASSIGN_OR_RETURN(const std::string timestamp, ReadMetadata("timestamp.json"));
  WHET_ASSIGN_OR_RETURN(timestamp_, ParseTimestamp(timestamp, EditorLimits()));
  WHET_RETURN_IF_ERROR(verify(timestamp_, kTimestampRole).At("timestamp.json"));
  const std::string snapshot_name = std::to_string(timestamp_.snapshot.version) + ".snapshot.json";
  WHET_ASSIGN_OR_RETURN(const std::string snapshot, ReadMetadata(snapshot_name));
  WHET_RETURN_IF_ERROR(VerifyLengthAndHashes(snapshot, timestamp_.snapshot).At(snapshot_name));
  WHET_ASSIGN_OR_RETURN(snapshot_, ParseSnapshot(snapshot, EditorLimits()));
  WHET_RETURN_IF_ERROR(verify(snapshot_, kSnapshotRole).At(snapshot_name));
  WHET_ASSIGN_OR_RETURN(const std::string targets, ReadListed(kTargetsRole));
  WHET_ASSIGN_OR_RETURN(targets_, ParseTargets(targets, EditorLimits()));
  WHET_RETURN_IF_ERROR(verify(targets_, kTargetsRole).At("targets"));
  next_root_ = root_;
  next_targets_ = targets_;
  return OkStatus();
}

bool RepositoryEdit::Has(std::string_view role) const {
  return snapshot_.meta.contains(std::string(role) + ".json");
}

Result<std::string> RepositoryEdit::ReadListed(std::string_view role) const {
  const auto listed = snapshot_.meta.find(std::string(role) + ".json");
  if (listed == snapshot_.meta.end()) {
    return Error(Code::kNotFound, "nothing is published in the role '%s' yet", std::string(role).c_str());
  }
  const std::string name = std::to_string(listed->second.version) + "." + RoleFileName(role);
  WHET_ASSIGN_OR_RETURN(std::string text, ReadMetadata(name));
  WHET_RETURN_IF_ERROR(VerifyLengthAndHashes(text, listed->second).At(name));
  return text;
}

Result<TargetsMetadata> RepositoryEdit::Load(std::string_view role) const {
  const auto delegation = std::ranges::find(targets_.delegations, role, &Delegation::name);
  if (delegation == targets_.delegations.end()) {
    return Error(Code::kNotFound, "targets.json delegates to no role '%s' ('whet tuf delegate' makes one)",
                 std::string(role).c_str());
  }
  WHET_ASSIGN_OR_RETURN(const std::string text, ReadListed(role));
  auto metadata = ParseTargets(text, EditorLimits());
  if (!metadata.ok()) return metadata.TakeStatus().At(role);
  WHET_RETURN_IF_ERROR(VerifyThreshold(*metadata, targets_.delegated_keys, delegation->keys).At(role));
  return metadata;
}

int64_t RepositoryEdit::Lifetime(std::string_view role) const {
  const RepositoryLifetimes& lifetimes = options_->lifetimes;
  if (role == kRootRole) return lifetimes.root;
  if (role == kSnapshotRole) return lifetimes.snapshot;
  if (role == kTimestampRole) return lifetimes.timestamp;
  if (role == kDeltasRole) return lifetimes.deltas;
  if (role.starts_with("rollouts.")) return lifetimes.rollouts;
  return lifetimes.targets;
}

Json RepositoryEdit::NewBody(std::string_view role) const {
  Json body = {{"spec_version", "1.0.31"}, {"version", 0}};
  if (role == kRootRole) {
    body["_type"] = "root";
    body["consistent_snapshot"] = true;
    body["keys"] = Json::object();
    body["roles"] = Json::object();
  } else if (role == kSnapshotRole || role == kTimestampRole) {
    body["_type"] = std::string(role);
    body["meta"] = Json::object();
  } else {
    body["_type"] = "targets";
    body["targets"] = Json::object();
  }
  return body;
}

Result<Json*> RepositoryEdit::Change(std::string_view role) {
  if (const auto found = changes_.find(role); found != changes_.end()) return &found->second.body;
  Json body = NewBody(role);
  std::string text;
  if (!is_new_) {
    if (role == kRootRole) {
      WHET_ASSIGN_OR_RETURN(text, ReadMetadata(std::to_string(root_.version) + ".root.json"));
    } else if (role == kSnapshotRole) {
      WHET_ASSIGN_OR_RETURN(text, ReadMetadata(std::to_string(snapshot_.version) + ".snapshot.json"));
    } else if (role == kTimestampRole) {
      WHET_ASSIGN_OR_RETURN(text, ReadMetadata("timestamp.json"));
    } else if (Has(role)) {
      // What Load has checked; the keys may be about to change, so those of the state on disk count.
      if (!IsTopLevelRole(role)) {
        auto checked = Load(role);
        if (!checked.ok()) return checked.TakeStatus();
      }
      WHET_ASSIGN_OR_RETURN(text, ReadListed(role));
    }
  }
  if (!text.empty()) {
    WHET_ASSIGN_OR_RETURN(Json document, ParseJson(text, {kMaxEditedBytes}));
    body = std::move(document["signed"]);
  }
  return &changes_.emplace(std::string(role), Edited{.body = std::move(body)}).first->second.body;
}

Status RepositoryEdit::SetSigned(std::string_view role, std::string_view text) {
  WHET_ASSIGN_OR_RETURN(Json document, ParseJson(text, {kMaxEditedBytes}));
  changes_.insert_or_assign(std::string(role),
                            Edited{.body = std::move(document["signed"]), .text = std::string(text)});
  return OkStatus();
}

Status RepositoryEdit::SetDrafted(std::string_view role, std::string_view text) {
  Edited change;
  SignedMetadata next;
  if (role == kRootRole) {
    WHET_ASSIGN_OR_RETURN(next, ParseRoot(text, EditorLimits()));
  } else {
    WHET_ASSIGN_OR_RETURN(next, ParseTargets(text, EditorLimits()));
  }
  WHET_ASSIGN_OR_RETURN(const Json* const now, Change(role));
  const auto due = (*now)["version"].get<int64_t>() + 1;
  if (next.version != due) {
    return Error(
        Code::kInvalidArgument,
        "version %lld of the role '%s' was drafted, but version %lld is due: something else was changed in "
        "between; make the change again and have it signed",
        static_cast<long long>(next.version), std::string(role).c_str(), static_cast<long long>(due));
  }
  if (next.expires <= now_) {
    return Error(Code::kInvalidArgument, "the draft of the role '%s' has expired; make the change again",
                 std::string(role).c_str());
  }
  WHET_ASSIGN_OR_RETURN(Json document, ParseJson(text, {kMaxEditedBytes}));
  change.body = std::move(document["signed"]);
  change.is_drafted = true;
  change.signatures = std::move(next.signatures);
  changes_.insert_or_assign(std::string(role), std::move(change));
  return OkStatus();
}

Status RepositoryEdit::Draft(const std::string& folder) {
  std::error_code error;
  if (std::filesystem::exists(folder, error) && !std::filesystem::is_empty(folder, error)) {
    return Error(Code::kInvalidArgument, "is not empty: a change is drafted in a folder of its own")
        .At(folder);
  }
  WHET_RETURN_IF_ERROR(MakeFolders(folder));
  for (auto& [role, change] : changes_) {
    // What online keys sign when the change is made.
    if (role == kSnapshotRole || role == kTimestampRole) continue;
    change.body["version"] = change.body["version"].get<int64_t>() + 1;
    change.body["expires"] = FormatUtcTime(now_ + Lifetime(role));
    WHET_ASSIGN_OR_RETURN(const std::string text, CanonicalJson(change.body));
    WHET_RETURN_IF_ERROR(
        WriteFileAtomically(folder + "/" + RoleFileName(role), std::as_bytes(std::span(text))));
  }
  return OkStatus();
}

Status RepositoryEdit::NextKeys(std::string_view role, KeyMap& keys, RoleKeys& role_keys) const {
  if (IsTopLevelRole(role)) {
    keys = next_root_.keys;
    role_keys = TopLevelKeys(next_root_, role);
    return OkStatus();
  }
  const auto delegation = std::ranges::find(next_targets_.delegations, role, &Delegation::name);
  if (delegation == next_targets_.delegations.end()) {
    return Error(Code::kNotFound, "targets.json delegates to no role '%s' ('whet tuf delegate' makes one)",
                 std::string(role).c_str());
  }
  keys = next_targets_.delegated_keys;
  role_keys = delegation->keys;
  return OkStatus();
}

Result<std::string> RepositoryEdit::Sign(std::string_view role, Edited& change) {
  Json& body = change.body;
  if (!change.is_drafted) {
    body["version"] = body["version"].get<int64_t>() + 1;
    body["expires"] = FormatUtcTime(now_ + Lifetime(role));
  }
  WHET_ASSIGN_OR_RETURN(const std::string canonical, CanonicalJson(body));
  // Root, and targets, decide about keys: their own new content counts.
  if (role == kRootRole) {
    WHET_ASSIGN_OR_RETURN(
        next_root_, ParseRoot(Json{{"signatures", Json::array()}, {"signed", body}}.dump(), EditorLimits()));
  } else if (role == kTargetsRole) {
    WHET_ASSIGN_OR_RETURN(
        next_targets_,
        ParseTargets(Json{{"signatures", Json::array()}, {"signed", body}}.dump(), EditorLimits()));
  }
  KeyMap all_keys;
  RoleKeys role_keys;
  WHET_RETURN_IF_ERROR(NextKeys(role, all_keys, role_keys));
  std::vector<std::string> signers = role_keys.key_ids;
  // Who has not seen the new root yet goes by the old keys.
  if (IsTopLevelRole(role) && !is_new_) {
    for (const std::string& id : TopLevelKeys(root_, role).key_ids) {
      if (std::ranges::find(signers, id) == signers.end()) signers.push_back(id);
    }
  }
  SignedMetadata check;
  check.canonical = canonical;
  Json signatures = Json::array();
  for (const std::string& id : signers) {
    const auto drafted = std::ranges::find(change.signatures, id, &Signature::key_id);
    if (const SigningKey* key = keys_->Find(id)) {
      check.signatures.push_back({id, key->Sign(canonical)});
    } else if (drafted != change.signatures.end()) {
      check.signatures.push_back(*drafted);
    } else {
      continue;
    }
    signatures.push_back({{"keyid", id}, {"sig", ToHex(check.signatures.back().bytes)}});
  }
  const Status enough = VerifyThreshold(check, all_keys, role_keys);
  if (!enough.ok()) {
    return Error(
        Code::kInvalidArgument,
        "too few keys of the role '%s' are at hand to sign it (%llu must): give more key files, or have "
        "their holders sign a draft ('whet key sign')",
        std::string(role).c_str(), static_cast<unsigned long long>(role_keys.threshold));
  }
  if (role == kRootRole && !is_new_ &&
      !VerifyThreshold(check, root_.keys, TopLevelKeys(root_, kRootRole)).ok()) {
    return Error(Code::kInvalidArgument,
                 "a new root must also be signed by the keys that are trusted so far (%llu of them): give "
                 "more key files, or have their holders sign a draft ('whet key sign')",
                 static_cast<unsigned long long>(TopLevelKeys(root_, kRootRole).threshold));
  }
  return Json{{"signatures", std::move(signatures)}, {"signed", body}}.dump();
}

Status RepositoryEdit::WriteMetadata(const std::string& name, std::string_view text) const {
  return WriteFileAtomically(folder_ + "/metadata/" + name, std::as_bytes(std::span(text)));
}

Status RepositoryEdit::WriteTarget(std::string_view path, std::string_view sha256,
                                   const std::string& source_file) {
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(source_file));
  const std::string_view bytes(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  return WriteTargetBytes(path, sha256, bytes).At(source_file);
}

Status RepositoryEdit::WriteTargetBytes(std::string_view path, std::string_view sha256,
                                        std::string_view bytes) {
  if (!IsSafeTargetPath(path)) {
    return Error(Code::kInvalidArgument,
                 "'%s' is not a target's name: it is a relative path without '.' and '..'",
                 std::string(path).c_str());
  }
  if (Sha256Hex(bytes) != sha256) {
    return Error(Code::kBadFile, "does not have the SHA-256 that is signed for '%s'",
                 std::string(path).c_str());
  }
  const std::string file = folder_ + "/targets/" + HashedTargetPath(path, sha256);
  TargetFile target;
  target.length = bytes.size();
  target.hashes.emplace("sha256", sha256);
  WHET_ASSIGN_OR_RETURN(const bool is_there, FileIsTarget(file, target));
  if (is_there) return OkStatus();
  WHET_RETURN_IF_ERROR(MakeFolders(file.substr(0, file.rfind('/'))));
  return WriteFileAtomically(file, std::as_bytes(std::span(bytes)));
}

Status RepositoryEdit::Commit() {
  if (changes_.empty()) return OkStatus();
  return CommitAlways(/*new_snapshot=*/true);
}

Status RepositoryEdit::CommitAlways(bool new_snapshot) {
  struct File {
    std::string name;
    std::string text;
  };
  std::vector<File> files;  // in the order in which they are written
  std::optional<File> new_root;
  std::map<std::string, Json> listed;
  const auto sign = [&](std::string_view role) -> Status {
    const auto found = changes_.find(role);
    if (found == changes_.end()) return OkStatus();
    Edited& change = found->second;
    if (change.text.empty()) {
      WHET_ASSIGN_OR_RETURN(change.text, Sign(role, change));
    }
    File file{std::to_string(change.body["version"].get<int64_t>()) + "." + RoleFileName(role), change.text};
    if (role == kRootRole) {
      new_root = std::move(file);
      return OkStatus();
    }
    listed[std::string(role) + ".json"] = MetaFileJson(change.body["version"].get<int64_t>(), change.text);
    files.push_back(std::move(file));
    return OkStatus();
  };
  // Whoever hands out keys goes first. Snapshot and timestamp are dealt with below.
  WHET_RETURN_IF_ERROR(sign(kRootRole));
  WHET_RETURN_IF_ERROR(sign(kTargetsRole));
  for (const auto& [role, change] : changes_) {
    if (!IsTopLevelRole(role)) WHET_RETURN_IF_ERROR(sign(role));
  }
  if (!listed.empty() || new_root) new_snapshot = true;
  WHET_ASSIGN_OR_RETURN(Json* const timestamp, Change(kTimestampRole));
  if (new_snapshot) {
    WHET_ASSIGN_OR_RETURN(Json* const snapshot, Change(kSnapshotRole));
    for (auto& [name, entry] : listed) (*snapshot)["meta"][name] = std::move(entry);
    WHET_ASSIGN_OR_RETURN(std::string text, Sign(kSnapshotRole, changes_.find(kSnapshotRole)->second));
    const auto version = (*snapshot)["version"].get<int64_t>();
    (*timestamp)["meta"]["snapshot.json"] = MetaFileJson(version, text);
    files.push_back({std::to_string(version) + ".snapshot.json", std::move(text)});
  }
  WHET_ASSIGN_OR_RETURN(const std::string timestamp_text,
                        Sign(kTimestampRole, changes_.find(kTimestampRole)->second));

  for (const File& file : files) WHET_RETURN_IF_ERROR(WriteMetadata(file.name, file.text));
  // A root is seen as soon as it is there. If the old keys have signed the rest too, the rest goes first, and
  // no reader ever sees a root whose keys have not signed; if they could not, the root must not wait for a
  // power cut.
  bool root_last = false;
  if (new_root && !is_new_) {
    auto signed_by_old = ParseTimestamp(timestamp_text, EditorLimits());
    root_last = signed_by_old.ok() &&
                VerifyThreshold(*signed_by_old, root_.keys, TopLevelKeys(root_, kTimestampRole)).ok();
  }
  // Of a new repository, the first root is what makes it one.
  if (is_new_) root_last = true;
  if (new_root && !root_last) WHET_RETURN_IF_ERROR(WriteMetadata(new_root->name, new_root->text));
  WHET_RETURN_IF_ERROR(WriteMetadata("timestamp.json", timestamp_text));
  if (new_root && root_last) WHET_RETURN_IF_ERROR(WriteMetadata(new_root->name, new_root->text));
  return OkStatus();
}

}  // namespace whet::fleet
