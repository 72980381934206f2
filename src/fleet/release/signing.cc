#include "fleet/release/signing.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/hex.h"
#include "fleet/json/json.h"
#include "fleet/json/nlohmann.h"
#include "fleet/tuf/names.h"
#include "fleet/tuf/store.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxRoleBytes = size_t{5} << 20;

std::string RolePath(const std::string& folder) { return folder + "/role.json"; }

// role.json and the signatures beside it, as one metadata file.
Result<std::string> ReadEnvelope(const std::string& folder) {
  WHET_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(RolePath(folder), kMaxRoleBytes));
  auto body = ParseJson(text, {kMaxRoleBytes});
  if (!body.ok()) return body.TakeStatus().At(RolePath(folder));
  Json signatures = Json::array();
  std::error_code error;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/signatures", error)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path().string());
  }
  std::ranges::sort(paths);
  for (const std::string& path : paths) {
    WHET_ASSIGN_OR_RETURN(const std::string signature_text, ReadSmallFile(path, 65536));
    auto signature = ParseJson(signature_text, {65536, 4});
    if (!signature.ok()) return signature.TakeStatus().At(path);
    signatures.push_back(std::move(*signature));
  }
  Json envelope = {{"signatures", std::move(signatures)}, {"signed", std::move(*body)}};
  return envelope.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// That role.json vouches for the release's files as they are.
Status CheckVouches(const TargetsMetadata& role, const ReleaseFolder& release) {
  for (const ReleaseFolder::File& file : release.files) {
    const auto found = role.targets.find(file.target);
    if (found == role.targets.end() || found->second.length != file.bytes ||
        found->second.hashes != decltype(found->second.hashes){{"sha256", file.sha256}}) {
      return Error(Code::kBadFile,
                   "does not vouch for '%s' as it is: remove role.json and signatures/ and sign again",
                   file.target.c_str());
    }
  }
  return OkStatus();
}

// That role.json is what follows from the repository and the release.
Status CheckFollows(const TargetsMetadata& role, const ReleaseFolder& release, const Repository& repository,
                    const std::string& role_name) {
  TargetsMetadata published;
  auto loaded = repository.Role(role_name);
  if (loaded.ok()) {
    published = std::move(*loaded);
  } else if (loaded.status().code() != Code::kNotFound) {
    return loaded.TakeStatus();
  }
  if (role.version != published.version + 1) {
    return Error(Code::kInvalidArgument,
                 "is version %lld of the role, but version %lld is due: remove role.json and signatures/ and "
                 "sign again",
                 static_cast<long long>(role.version), static_cast<long long>(published.version + 1));
  }
  for (const auto& [path, target] : role.targets) {
    const auto found = published.targets.find(path);
    const bool is_published = found != published.targets.end() && found->second.hashes == target.hashes &&
                              found->second.length == target.length;
    const bool is_new =
        std::ranges::find(release.files, path, &ReleaseFolder::File::target) != release.files.end();
    if (!is_published && !is_new) {
      return Error(
          Code::kInvalidArgument,
          "also vouches for '%s', which is neither published as such nor of this release: do not sign it",
          path.c_str());
    }
  }
  return OkStatus();
}

SignedRelease Summary(const std::string& role_name, const TargetsMetadata& role) {
  SignedRelease summary;
  summary.role = role_name;
  summary.role_version = role.version;
  summary.targets = role.targets.size();
  for (const Signature& signature : role.signatures) summary.key_ids.push_back(signature.key_id);
  return summary;
}

Result<TargetsMetadata> ReadRole(const std::string& folder) {
  WHET_ASSIGN_OR_RETURN(const std::string envelope, ReadEnvelope(folder));
  auto role = ParseTargets(envelope);
  if (!role.ok()) return role.TakeStatus().At(RolePath(folder));
  return role;
}

}  // namespace

Result<SignedRelease> SignRelease(const std::string& folder, const KeyStore& keys,
                                  const Repository* repository) {
  if (keys.keys().empty()) return Error(Code::kInvalidArgument, "no key was given to sign with");
  WHET_ASSIGN_OR_RETURN(const ReleaseFolder release, OpenReleaseFolder(folder));
  const std::string role_name = ModelsRole(release.release.family);
  if (!std::filesystem::exists(RolePath(folder))) {
    if (!repository) {
      return Error(Code::kInvalidArgument,
                   "the first signer must give the repository, so that what is published already is signed "
                   "along with it");
    }
    std::vector<NewTarget> additions;
    for (const ReleaseFolder::File& file : release.files) {
      additions.push_back({file.target, file.bytes, file.sha256, file.custom});
    }
    WHET_ASSIGN_OR_RETURN(const std::string body, repository->PrepareRole(role_name, additions));
    WHET_RETURN_IF_ERROR(WriteFileAtomically(RolePath(folder), std::as_bytes(std::span(body))));
  }
  WHET_ASSIGN_OR_RETURN(const TargetsMetadata role, ReadRole(folder));
  WHET_RETURN_IF_ERROR(CheckVouches(role, release).At(RolePath(folder)));
  if (repository)
    WHET_RETURN_IF_ERROR(CheckFollows(role, release, *repository, role_name).At(RolePath(folder)));
  std::error_code error;
  std::filesystem::create_directories(folder + "/signatures", error);
  for (const auto& [id, key] : keys.keys()) {
    const std::string text = Json{{"keyid", id}, {"sig", ToHex(key.Sign(role.canonical))}}.dump() + "\n";
    WHET_RETURN_IF_ERROR(
        WriteFileAtomically(folder + "/signatures/" + id + ".json", std::as_bytes(std::span(text))));
  }
  WHET_ASSIGN_OR_RETURN(const TargetsMetadata now_signed, ReadRole(folder));
  return Summary(role_name, now_signed);
}

Result<SignedRelease> PublishRelease(const std::string& folder, Repository& repository) {
  WHET_ASSIGN_OR_RETURN(const ReleaseFolder release, OpenReleaseFolder(folder));
  if (!std::filesystem::exists(RolePath(folder))) {
    return Error(Code::kInvalidArgument, "is not signed yet ('whet sign' does that)").At(folder);
  }
  WHET_ASSIGN_OR_RETURN(const TargetsMetadata role, ReadRole(folder));
  WHET_RETURN_IF_ERROR(CheckVouches(role, release).At(RolePath(folder)));
  WHET_ASSIGN_OR_RETURN(const std::string envelope, ReadEnvelope(folder));
  std::map<std::string, std::string> sources;
  for (const ReleaseFolder::File& file : release.files) sources.emplace(file.target, file.path);
  const std::string role_name = ModelsRole(release.release.family);
  WHET_RETURN_IF_ERROR(repository.PublishRole(role_name, envelope, sources));
  return Summary(role_name, role);
}

}  // namespace whet::fleet
