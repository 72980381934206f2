#include "fleet/tuf/key_change.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/hex.h"
#include "fleet/json/json.h"
#include "fleet/json/nlohmann.h"
#include "fleet/tuf/names.h"
#include "fleet/tuf/repository_edit.h"
#include "fleet/tuf/store.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

std::string SignatureFolder(const std::string& folder, const std::string& role) {
  return folder + "/signatures/" + role;
}

// A role's metadata file, made of what is to be signed and the signatures that there are.
Result<std::string> ReadEnvelope(const std::string& folder, const std::string& role) {
  const std::string path = folder + "/" + RoleFileName(role);
  WHET_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path, kMaxEditedBytes));
  auto body = ParseJson(text, {kMaxEditedBytes});
  if (!body.ok()) return body.TakeStatus().At(path);
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(SignatureFolder(folder, role), error)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path().string());
  }
  std::ranges::sort(files);
  Json signatures = Json::array();
  for (const std::string& file : files) {
    WHET_ASSIGN_OR_RETURN(const std::string signature_text, ReadSmallFile(file, 65536));
    auto signature = ParseJson(signature_text, {65536, 4});
    if (!signature.ok()) return signature.TakeStatus().At(file);
    signatures.push_back(std::move(*signature));
  }
  const Json envelope = {{"signatures", std::move(signatures)}, {"signed", std::move(*body)}};
  return envelope.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A change beside what the repository has.
struct Read {
  std::map<std::string, std::string, std::less<>> envelopes;  // by role
  std::optional<RootMetadata> old_root, new_root;
  std::optional<TargetsMetadata> old_targets, new_targets;

  const RootMetadata& root() const { return new_root ? *new_root : *old_root; }
  const TargetsMetadata& targets() const { return new_targets ? *new_targets : *old_targets; }
};

Result<Read> ReadChange(const std::string& folder, const Repository* repository) {
  Read read;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".json") continue;
    const std::string role = entry.path().stem().string();
    if (role != kRootRole && role != kTargetsRole && !IsAllowedRoleName(role)) {
      return Error(Code::kBadFile, "is no role whose change can be signed").At(entry.path().string());
    }
    WHET_ASSIGN_OR_RETURN(read.envelopes[role], ReadEnvelope(folder, role));
  }
  if (error) return Error(Code::kIo, "cannot read the folder: %s", error.message().c_str()).At(folder);
  if (read.envelopes.empty()) {
    return Error(Code::kNotFound, "holds no change ('whet key' and 'whet tuf' make one with --draft)")
        .At(folder);
  }
  if (const auto root = read.envelopes.find(kRootRole); root != read.envelopes.end()) {
    auto parsed = ParseRoot(root->second, EditorLimits());
    if (!parsed.ok()) return parsed.TakeStatus().At(folder + "/root.json");
    read.new_root = std::move(*parsed);
  }
  if (const auto targets = read.envelopes.find(kTargetsRole); targets != read.envelopes.end()) {
    auto parsed = ParseTargets(targets->second, EditorLimits());
    if (!parsed.ok()) return parsed.TakeStatus().At(folder + "/targets.json");
    read.new_targets = std::move(*parsed);
  }
  if (repository != nullptr) {
    WHET_ASSIGN_OR_RETURN(read.old_root, repository->Root());
    WHET_ASSIGN_OR_RETURN(read.old_targets, repository->Targets());
  } else if (!read.new_root || read.new_root->version != 1 || !read.new_targets) {
    return Error(
               Code::kInvalidArgument,
               "changes a repository that is there: give it, or a copy of its metadata, so that you see what "
               "changes")
        .At(folder);
  }
  return read;
}

std::string Short(const std::string& id) { return id.substr(0, 12); }

// What differs of one role's keys.
void Compare(const std::string& role, const RoleKeys* before, const RoleKeys& after,
             std::vector<std::string>* lines) {
  std::string line;
  const auto has = [](const RoleKeys& keys, const std::string& id) {
    return std::ranges::find(keys.key_ids, id) != keys.key_ids.end();
  };
  for (const std::string& id : after.key_ids) {
    if (before == nullptr || !has(*before, id)) line += ", key " + Short(id) + " comes";
  }
  for (size_t i = 0; before != nullptr && i < before->key_ids.size(); ++i) {
    if (!has(after, before->key_ids[i])) line += ", key " + Short(before->key_ids[i]) + " goes";
  }
  if (before == nullptr || before->threshold != after.threshold || !line.empty()) {
    line += Format(", %llu of %zu must sign", static_cast<unsigned long long>(after.threshold),
                   after.key_ids.size());
  }
  if (!line.empty()) lines->push_back(role + ": " + line.substr(2));
}

const Delegation* Find(const std::optional<TargetsMetadata>& targets, const std::string& role) {
  if (!targets) return nullptr;
  const auto found = std::ranges::find(targets->delegations, role, &Delegation::name);
  return found == targets->delegations.end() ? nullptr : &*found;
}

// What of a role's targets differs: a change of keys leaves them as they are.
void CompareTargets(const TargetsMetadata* before, const TargetsMetadata& after,
                    std::vector<std::string>* lines) {
  const auto same = [](const TargetFile& a, const TargetFile& b) {
    return a.length == b.length && a.hashes == b.hashes && a.custom == b.custom;
  };
  for (const auto& [path, target] : after.targets) {
    const bool stayed = before != nullptr && before->targets.contains(path) &&
                        same(before->targets.find(path)->second, target);
    if (!stayed) lines->push_back("vouches anew for " + path);
  }
  if (before == nullptr) return;
  for (const auto& [path, target] : before->targets) {
    if (!after.targets.contains(path)) lines->push_back("vouches no longer for " + path);
  }
}

std::vector<std::string> Differences(const Read& read, const std::string& role, const TargetsMetadata* before,
                                     const TargetsMetadata* after) {
  std::vector<std::string> lines;
  if (role == kRootRole) {
    for (const auto& [name, keys] : read.new_root->roles) {
      const RoleKeys* old = nullptr;
      if (read.old_root) old = &read.old_root->roles.find(name)->second;
      Compare(name, old, keys, &lines);
    }
  } else {
    CompareTargets(before, *after, &lines);
  }
  if (role == kTargetsRole) {
    for (const Delegation& delegation : read.new_targets->delegations) {
      const Delegation* old = Find(read.old_targets, delegation.name);
      Compare(delegation.name, old != nullptr ? &old->keys : nullptr, delegation.keys, &lines);
      if (old == nullptr || old->paths != delegation.paths) {
        for (const std::string& path : delegation.paths) {
          lines.push_back(delegation.name + ": may speak for " + path);
        }
      }
    }
    for (size_t i = 0; read.old_targets && i < read.old_targets->delegations.size(); ++i) {
      const std::string& name = read.old_targets->delegations[i].name;
      if (Find(read.new_targets, name) == nullptr) lines.push_back(name + ": is delegated to no more");
    }
  }
  if (lines.empty()) lines.emplace_back("signed anew, nothing else");
  return lines;
}

// Whose signatures a role's next version needs: keys, and which of them and how many.
using Need = std::pair<const KeyMap*, const RoleKeys*>;

Result<std::vector<Need>> NeedsOf(const Read& read, const std::string& role) {
  std::vector<Need> needs;
  if (IsTopLevelRole(role)) {
    needs.emplace_back(&read.root().keys, &read.root().roles.find(role)->second);
    if (role == kRootRole && read.old_root) {
      needs.emplace_back(&read.old_root->keys, &read.old_root->roles.find(role)->second);
    }
    return needs;
  }
  const auto& delegations = read.targets().delegations;
  const auto found = std::ranges::find(delegations, role, &Delegation::name);
  if (found == delegations.end()) {
    return Error(Code::kBadFile, "holds the role '%s', which nothing delegates to", role.c_str());
  }
  needs.emplace_back(&read.targets().delegated_keys, &found->keys);
  return needs;
}

Result<KeyChange> Summary(const Read& read, const Repository* repository) {
  KeyChange change;
  for (const auto& [role, envelope] : read.envelopes) {
    KeyChange::Role summary;
    summary.role = role;
    SignedMetadata metadata;
    TargetsMetadata before, after;
    bool has_before = false;
    if (role == kRootRole) {
      metadata = *read.new_root;
    } else {
      WHET_ASSIGN_OR_RETURN(after, ParseTargets(envelope, EditorLimits()));
      metadata = after;
      if (repository != nullptr) {
        auto loaded = role == kTargetsRole ? repository->Targets() : repository->Role(role);
        has_before = loaded.ok();
        if (!loaded.ok() && loaded.status().code() != Code::kNotFound) return loaded.TakeStatus();
        if (loaded.ok()) before = std::move(*loaded);
      }
    }
    summary.version = metadata.version;
    summary.differences = Differences(read, role, has_before ? &before : nullptr, &after);
    WHET_ASSIGN_OR_RETURN(const std::vector<Need> needs, NeedsOf(read, role));
    for (const auto& [keys, role_keys] : needs) {
      uint64_t have = 0;
      for (const Signature& signature : metadata.signatures) {
        const auto key = keys->find(signature.key_id);
        if (std::ranges::find(role_keys->key_ids, signature.key_id) == role_keys->key_ids.end() ||
            key == keys->end() || !VerifySignature(key->second, metadata.canonical, signature.bytes)) {
          continue;
        }
        ++have;
        if (std::ranges::find(summary.signed_by, signature.key_id) == summary.signed_by.end()) {
          summary.signed_by.push_back(signature.key_id);
        }
      }
      if (have < role_keys->threshold) {
        summary.missing = std::max(summary.missing, role_keys->threshold - have);
      }
    }
    change.roles.push_back(std::move(summary));
  }
  return change;
}

Result<std::optional<Repository>> OpenCopy(const std::string& folder) {
  std::optional<Repository> repository;
  if (folder.empty()) return repository;
  WHET_ASSIGN_OR_RETURN(repository, Repository::Open(folder, std::make_shared<KeyStore>()));
  return repository;
}

}  // namespace

bool KeyChange::is_complete() const {
  return std::ranges::all_of(roles, [](const Role& role) { return role.missing == 0; });
}

Result<KeyChange> ReadKeyChange(const std::string& folder, const std::string& repository_folder) {
  WHET_ASSIGN_OR_RETURN(const auto repository, OpenCopy(repository_folder));
  WHET_ASSIGN_OR_RETURN(const Read read, ReadChange(folder, repository ? &*repository : nullptr));
  return Summary(read, repository ? &*repository : nullptr);
}

Result<KeyChange> SignKeyChange(const std::string& folder, const KeyStore& keys,
                                const std::string& repository_folder) {
  WHET_ASSIGN_OR_RETURN(const auto repository, OpenCopy(repository_folder));
  WHET_ASSIGN_OR_RETURN(const Read read, ReadChange(folder, repository ? &*repository : nullptr));
  int signed_roles = 0;
  for (const auto& [role, envelope] : read.envelopes) {
    WHET_ASSIGN_OR_RETURN(const std::vector<Need> needs, NeedsOf(read, role));
    std::string canonical;
    if (role == kRootRole) {
      canonical = read.new_root->canonical;
    } else {
      WHET_ASSIGN_OR_RETURN(const TargetsMetadata metadata, ParseTargets(envelope, EditorLimits()));
      canonical = metadata.canonical;
    }
    for (const auto& [id, key] : keys.keys()) {
      const bool may = std::ranges::any_of(needs, [&id](const Need& need) {
        return std::ranges::find(need.second->key_ids, id) != need.second->key_ids.end();
      });
      if (!may) continue;
      std::error_code error;
      std::filesystem::create_directories(SignatureFolder(folder, role), error);
      const std::string text = Json{{"keyid", id}, {"sig", ToHex(key.Sign(canonical))}}.dump() + "\n";
      WHET_RETURN_IF_ERROR(WriteFileAtomically(SignatureFolder(folder, role) + "/" + id + ".json",
                                               std::as_bytes(std::span(text))));
      ++signed_roles;
    }
  }
  if (signed_roles == 0) {
    return Error(Code::kInvalidArgument, "none of the keys given is one that must sign this change")
        .At(folder);
  }
  return ReadKeyChange(folder, repository_folder);
}

Status ApplyKeyChange(const std::string& folder, const std::string& repository_folder, const KeyStore& keys,
                      const RepositoryOptions& options) {
  const bool is_new = !std::filesystem::exists(repository_folder + "/metadata/1.root.json");
  WHET_ASSIGN_OR_RETURN(const auto repository, OpenCopy(is_new ? "" : repository_folder));
  WHET_ASSIGN_OR_RETURN(const Read read, ReadChange(folder, repository ? &*repository : nullptr));
  WHET_ASSIGN_OR_RETURN(RepositoryEdit edit, is_new
                                                 ? RepositoryEdit::BeginNew(repository_folder, keys, options)
                                                 : RepositoryEdit::Begin(repository_folder, keys, options));
  for (const auto& [role, envelope] : read.envelopes) {
    Status status = edit.SetDrafted(role, envelope);
    if (!status.ok()) return std::move(status).At(folder);
  }
  return edit.Commit();
}

}  // namespace whet::fleet
