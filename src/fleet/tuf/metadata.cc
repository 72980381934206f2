#include "fleet/tuf/metadata.h"

#include <algorithm>
#include <set>

#include "base/hex.h"
#include "base/utc_time.h"
#include "fleet/json/json.h"
#include "fleet/json/nlohmann.h"
#include "fleet/tuf/canonical_json.h"
#include "fleet/tuf/names.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxVersion = uint64_t{1} << 53;  // what every JSON reader keeps exactly

Status TooMany(const char* what, size_t max) {
  return Error(Code::kLimitExceeded, "has more than %zu %s", max, what);
}

Result<std::vector<Signature>> ParseSignatures(const Json& list, const MetadataLimits& limits) {
  if (list.size() > limits.max_signatures) return TooMany("signatures", limits.max_signatures);
  std::vector<Signature> signatures;
  std::set<std::string> seen;
  for (const Json& entry : list) {
    if (!entry.is_object()) return Error(Code::kBadFile, "a signature is not an object");
    Signature signature;
    WHET_ASSIGN_OR_RETURN(signature.key_id, JsonString(entry, "keyid"));
    WHET_ASSIGN_OR_RETURN(const std::string text, JsonString(entry, "sig", 16384));
    if (auto bytes = FromHex(text); bytes.ok()) signature.bytes = std::move(*bytes);
    if (!seen.insert(signature.key_id).second) {
      return Error(Code::kBadFile, "has two signatures by the key '%s'", signature.key_id.c_str());
    }
    signatures.push_back(std::move(signature));
  }
  return signatures;
}

// Reads what all roles have into `metadata` and returns the "signed" object of `document`.
Result<const Json*> ParseCommon(const Json& document, std::string_view type, const MetadataLimits& limits,
                                SignedMetadata& metadata) {
  if (!document.is_object()) return Error(Code::kBadFile, "is not a JSON object");
  WHET_ASSIGN_OR_RETURN(const Json* const signature_list, JsonArray(document, "signatures"));
  WHET_ASSIGN_OR_RETURN(metadata.signatures, ParseSignatures(*signature_list, limits));
  WHET_ASSIGN_OR_RETURN(const Json* const body, JsonObject(document, "signed"));
  WHET_ASSIGN_OR_RETURN(metadata.canonical, CanonicalJson(*body));
  WHET_ASSIGN_OR_RETURN(metadata.type, JsonString(*body, "_type"));
  if (metadata.type != type) {
    return Error(Code::kBadFile, "is of the type '%s', not '%s'", metadata.type.c_str(),
                 std::string(type).c_str());
  }
  WHET_ASSIGN_OR_RETURN(const std::string spec, JsonString(*body, "spec_version"));
  if (!spec.starts_with("1.")) {
    return Error(Code::kUnsupported, "follows version %s of the TUF specification; only 1.x is known",
                 spec.c_str());
  }
  WHET_ASSIGN_OR_RETURN(const uint64_t version, JsonUnsigned(*body, "version", kMaxVersion));
  if (version < 1) return Error(Code::kBadFile, "has the version 0; versions begin with 1");
  metadata.version = static_cast<int64_t>(version);
  WHET_ASSIGN_OR_RETURN(const std::string expires, JsonString(*body, "expires"));
  WHET_ASSIGN_OR_RETURN(metadata.expires, ParseUtcTime(expires));
  return body;
}

Result<KeyMap> ParseKeys(const Json& object, const MetadataLimits& limits) {
  if (object.size() > limits.max_keys) return TooMany("keys", limits.max_keys);
  KeyMap keys;
  for (const auto& [id, key] : object.items()) {
    WHET_ASSIGN_OR_RETURN(PublicKey parsed, ParsePublicKey(id, key));
    keys.emplace(id, std::move(parsed));
  }
  return keys;
}

Result<std::vector<std::string>> ParseStrings(const Json& object, const char* name, size_t max) {
  WHET_ASSIGN_OR_RETURN(const Json* const list, JsonArray(object, name));
  if (list->size() > max) return TooMany(name, max);
  std::vector<std::string> strings;
  for (const Json& entry : *list) {
    if (!entry.is_string()) return Error(Code::kBadFile, "'%s' holds something that is not a string", name);
    strings.push_back(entry.get<std::string>());
  }
  return strings;
}

Result<RoleKeys> ParseRoleKeys(const Json& role, const MetadataLimits& limits) {
  if (!role.is_object()) return Error(Code::kBadFile, "a role is not an object");
  RoleKeys keys;
  WHET_ASSIGN_OR_RETURN(keys.key_ids, ParseStrings(role, "keyids", limits.max_keys));
  const std::set<std::string> unique(keys.key_ids.begin(), keys.key_ids.end());
  if (unique.size() != keys.key_ids.size()) return Error(Code::kBadFile, "a role lists the same key twice");
  WHET_ASSIGN_OR_RETURN(keys.threshold, JsonUnsigned(role, "threshold", 1 << 20));
  if (keys.threshold < 1)
    return Error(Code::kBadFile, "a role has the threshold 0; at least one key must sign");
  return keys;
}

Result<std::map<std::string, std::string, std::less<>>> ParseHashes(const Json& object) {
  std::map<std::string, std::string, std::less<>> hashes;
  if (object.empty() || object.size() > 16) return Error(Code::kBadFile, "'hashes' must hold 1 to 16 hashes");
  for (const auto& [algorithm, hash] : object.items()) {
    if (!hash.is_string()) return Error(Code::kBadFile, "a hash is not a string");
    std::string digits = hash.get<std::string>();
    // It becomes part of a file name, so it must be what it says.
    auto bytes = FromHex(digits);
    if (!bytes.ok()) return bytes.TakeStatus();
    if (digits.empty() || digits.size() > 256) return Error(Code::kBadFile, "a hash has a wrong length");
    hashes.emplace(algorithm, std::move(digits));
  }
  return hashes;
}

Result<MetaFile> ParseMetaFile(const Json& entry) {
  if (!entry.is_object()) return Error(Code::kBadFile, "an entry of 'meta' is not an object");
  MetaFile file;
  WHET_ASSIGN_OR_RETURN(const uint64_t version, JsonUnsigned(entry, "version", kMaxVersion));
  if (version < 1) return Error(Code::kBadFile, "an entry of 'meta' has the version 0");
  file.version = static_cast<int64_t>(version);
  if (entry.contains("length")) {
    WHET_ASSIGN_OR_RETURN(file.length, JsonUnsigned(entry, "length"));
  }
  if (entry.contains("hashes")) {
    WHET_ASSIGN_OR_RETURN(const Json* const hashes, JsonObject(entry, "hashes"));
    WHET_ASSIGN_OR_RETURN(file.hashes, ParseHashes(*hashes));
  }
  return file;
}

Result<std::map<std::string, MetaFile, std::less<>>> ParseMeta(const Json& body,
                                                               const MetadataLimits& limits) {
  WHET_ASSIGN_OR_RETURN(const Json* const meta, JsonObject(body, "meta"));
  if (meta->size() > limits.max_roles) return TooMany("roles", limits.max_roles);
  std::map<std::string, MetaFile, std::less<>> files;
  for (const auto& [name, entry] : meta->items()) {
    WHET_ASSIGN_OR_RETURN(MetaFile file, ParseMetaFile(entry));
    files.emplace(name, std::move(file));
  }
  return files;
}

Result<TargetFile> ParseTargetFile(const std::string& path, const Json& entry) {
  if (!entry.is_object()) return Error(Code::kBadFile, "a target is not an object");
  TargetFile target;
  target.path = path;
  WHET_ASSIGN_OR_RETURN(target.length, JsonUnsigned(entry, "length"));
  WHET_ASSIGN_OR_RETURN(const Json* const hashes, JsonObject(entry, "hashes"));
  WHET_ASSIGN_OR_RETURN(target.hashes, ParseHashes(*hashes));
  if (entry.contains("custom")) {
    WHET_ASSIGN_OR_RETURN(const Json* const custom, JsonObject(entry, "custom"));
    WHET_ASSIGN_OR_RETURN(target.custom, CanonicalJson(*custom));
  }
  return target;
}

Result<Delegation> ParseDelegation(const Json& entry, const MetadataLimits& limits) {
  Delegation delegation;
  WHET_ASSIGN_OR_RETURN(delegation.keys, ParseRoleKeys(entry, limits));
  WHET_ASSIGN_OR_RETURN(delegation.name, JsonString(entry, "name"));
  if (!IsAllowedRoleName(delegation.name)) {
    return Error(Code::kBadFile,
                 "delegates to a role whose name is empty, too long, or that of a top-level role");
  }
  if (const auto terminating = entry.find("terminating"); terminating != entry.end()) {
    if (!terminating->is_boolean()) return Error(Code::kBadFile, "'terminating' is not true or false");
    delegation.terminating = terminating->get<bool>();
  }
  const bool has_paths = entry.contains("paths");
  const bool has_prefixes = entry.contains("path_hash_prefixes");
  if (has_paths == has_prefixes) {
    return Error(Code::kBadFile, "a delegation must have either 'paths' or 'path_hash_prefixes'");
  }
  if (has_paths) {
    WHET_ASSIGN_OR_RETURN(delegation.paths, ParseStrings(entry, "paths", limits.max_patterns));
    for (const std::string& pattern : delegation.paths) {
      if (pattern.size() > 1024)
        return Error(Code::kLimitExceeded, "a path pattern is longer than 1024 bytes");
    }
    return delegation;
  }
  WHET_ASSIGN_OR_RETURN(delegation.path_hash_prefixes,
                        ParseStrings(entry, "path_hash_prefixes", limits.max_patterns));
  return delegation;
}

Result<SuccinctDelegation> ParseSuccinct(const Json& entry, const MetadataLimits& limits) {
  SuccinctDelegation succinct;
  WHET_ASSIGN_OR_RETURN(succinct.keys, ParseRoleKeys(entry, limits));
  WHET_ASSIGN_OR_RETURN(const uint64_t bits, JsonUnsigned(entry, "bit_length", 32));
  if (bits < 1) return Error(Code::kBadFile, "'bit_length' is 0; it must be 1 to 32");
  succinct.bit_length = static_cast<int>(bits);
  WHET_ASSIGN_OR_RETURN(succinct.name_prefix, JsonString(entry, "name_prefix"));
  if (!IsAllowedRoleName(succinct.name_prefix + "-ffffffff")) {
    return Error(Code::kBadFile, "delegates to roles whose names are too long");
  }
  return succinct;
}

Status ParseDelegations(const Json& object, const MetadataLimits& limits, TargetsMetadata& targets) {
  WHET_ASSIGN_OR_RETURN(const Json* const keys, JsonObject(object, "keys"));
  WHET_ASSIGN_OR_RETURN(targets.delegated_keys, ParseKeys(*keys, limits));
  const bool has_roles = object.contains("roles");
  const bool has_succinct = object.contains("succinct_roles");
  if (has_roles == has_succinct) {
    return Error(Code::kBadFile, "'delegations' must have either 'roles' or 'succinct_roles'");
  }
  if (has_succinct) {
    WHET_ASSIGN_OR_RETURN(const Json* const succinct, JsonObject(object, "succinct_roles"));
    WHET_ASSIGN_OR_RETURN(targets.succinct, ParseSuccinct(*succinct, limits));
    return OkStatus();
  }
  WHET_ASSIGN_OR_RETURN(const Json* const roles, JsonArray(object, "roles"));
  if (roles->size() > limits.max_roles) return TooMany("delegations", limits.max_roles);
  std::set<std::string> names;
  for (const Json& entry : *roles) {
    WHET_ASSIGN_OR_RETURN(Delegation delegation, ParseDelegation(entry, limits));
    if (!names.insert(delegation.name).second) {
      return Error(Code::kBadFile, "delegates to the role '%s' twice", delegation.name.c_str());
    }
    targets.delegations.push_back(std::move(delegation));
  }
  return OkStatus();
}

// The known hashes of `expected` compared; how many there were.
Result<int> CompareHashes(std::string_view bytes,
                          const std::map<std::string, std::string, std::less<>>& hashes) {
  int known = 0;
  for (const auto& [algorithm, digits] : hashes) {
    std::string actual;
    if (algorithm == "sha256") actual = Sha256Hex(bytes);
    if (algorithm == "sha512") actual = Sha512Hex(bytes);
    if (actual.empty()) continue;
    ++known;
    std::string wanted = digits;
    std::ranges::transform(wanted, wanted.begin(), [](char c) { return c >= 'A' && c <= 'F' ? c + 32 : c; });
    if (actual != wanted)
      return Error(Code::kBadFile, "does not have the %s that was signed for it", algorithm.c_str());
  }
  return known;
}

}  // namespace

Result<RootMetadata> ParseRoot(std::string_view text, const MetadataLimits& limits) {
  WHET_ASSIGN_OR_RETURN(const Json document, ParseJson(text, {limits.max_bytes}));
  RootMetadata root;
  WHET_ASSIGN_OR_RETURN(const Json* const body, ParseCommon(document, kRootRole, limits, root));
  if (const auto consistent = body->find("consistent_snapshot"); consistent != body->end()) {
    if (!consistent->is_boolean()) return Error(Code::kBadFile, "'consistent_snapshot' is not true or false");
    root.consistent_snapshot = consistent->get<bool>();
  }
  WHET_ASSIGN_OR_RETURN(const Json* const keys, JsonObject(*body, "keys"));
  WHET_ASSIGN_OR_RETURN(root.keys, ParseKeys(*keys, limits));
  WHET_ASSIGN_OR_RETURN(const Json* const roles, JsonObject(*body, "roles"));
  if (roles->size() > 16) return TooMany("roles", 16);
  for (const auto& [name, role] : roles->items()) {
    WHET_ASSIGN_OR_RETURN(RoleKeys role_keys, ParseRoleKeys(role, limits));
    root.roles.emplace(name, std::move(role_keys));
  }
  for (const std::string_view name : {kRootRole, kTimestampRole, kSnapshotRole, kTargetsRole}) {
    if (!root.roles.contains(name)) {
      return Error(Code::kBadFile, "has no role '%s'", std::string(name).c_str());
    }
  }
  return root;
}

Result<TimestampMetadata> ParseTimestamp(std::string_view text, const MetadataLimits& limits) {
  WHET_ASSIGN_OR_RETURN(const Json document, ParseJson(text, {limits.max_bytes}));
  TimestampMetadata timestamp;
  WHET_ASSIGN_OR_RETURN(const Json* const body, ParseCommon(document, kTimestampRole, limits, timestamp));
  WHET_ASSIGN_OR_RETURN(auto meta, ParseMeta(*body, limits));
  const auto snapshot = meta.find("snapshot.json");
  if (snapshot == meta.end() || meta.size() != 1) {
    return Error(Code::kBadFile, "must describe snapshot.json and nothing else");
  }
  timestamp.snapshot = std::move(snapshot->second);
  return timestamp;
}

Result<SnapshotMetadata> ParseSnapshot(std::string_view text, const MetadataLimits& limits) {
  WHET_ASSIGN_OR_RETURN(const Json document, ParseJson(text, {limits.max_bytes}));
  SnapshotMetadata snapshot;
  WHET_ASSIGN_OR_RETURN(const Json* const body, ParseCommon(document, kSnapshotRole, limits, snapshot));
  WHET_ASSIGN_OR_RETURN(snapshot.meta, ParseMeta(*body, limits));
  if (!snapshot.meta.contains("targets.json")) return Error(Code::kBadFile, "does not describe targets.json");
  return snapshot;
}

Result<TargetsMetadata> ParseTargets(std::string_view text, const MetadataLimits& limits) {
  WHET_ASSIGN_OR_RETURN(const Json document, ParseJson(text, {limits.max_bytes}));
  TargetsMetadata targets;
  WHET_ASSIGN_OR_RETURN(const Json* const body, ParseCommon(document, kTargetsRole, limits, targets));
  WHET_ASSIGN_OR_RETURN(const Json* const files, JsonObject(*body, "targets"));
  if (files->size() > limits.max_targets) return TooMany("targets", limits.max_targets);
  for (const auto& [path, entry] : files->items()) {
    WHET_ASSIGN_OR_RETURN(TargetFile target, ParseTargetFile(path, entry));
    targets.targets.emplace(path, std::move(target));
  }
  if (body->contains("delegations")) {
    WHET_ASSIGN_OR_RETURN(const Json* const delegations, JsonObject(*body, "delegations"));
    WHET_RETURN_IF_ERROR(ParseDelegations(*delegations, limits, targets));
  }
  return targets;
}

Status VerifyThreshold(const SignedMetadata& metadata, const KeyMap& keys, const RoleKeys& role) {
  std::vector<const PublicKey*> signers;
  for (const Signature& signature : metadata.signatures) {
    if (signers.size() >= role.threshold) break;
    if (std::ranges::find(role.key_ids, signature.key_id) == role.key_ids.end()) continue;
    const auto key = keys.find(signature.key_id);
    if (key == keys.end() || !VerifySignature(key->second, metadata.canonical, signature.bytes)) continue;
    // One key may stand in the metadata under several ids.
    const bool counted = std::ranges::any_of(
        signers, [&](const PublicKey* signer) { return IsSameKey(*signer, key->second); });
    if (!counted) signers.push_back(&key->second);
  }
  if (signers.size() >= role.threshold) return OkStatus();
  return Error(Code::kBadFile, "%zu of its role's keys signed it; %llu must", signers.size(),
               static_cast<unsigned long long>(role.threshold));
}

Status VerifyLengthAndHashes(std::string_view bytes, const MetaFile& expected) {
  if (expected.length && bytes.size() != *expected.length) {
    return Error(Code::kBadFile, "is %zu bytes, but %llu were signed for it", bytes.size(),
                 static_cast<unsigned long long>(*expected.length));
  }
  if (expected.hashes.empty()) return OkStatus();
  WHET_ASSIGN_OR_RETURN(const int known, CompareHashes(bytes, expected.hashes));
  if (known == 0) return Error(Code::kUnsupported, "has only hashes of unknown kinds");
  return OkStatus();
}

std::vector<Delegation> MatchingDelegations(const TargetsMetadata& role, std::string_view target_path) {
  std::vector<Delegation> matching;
  const std::string hash = Sha256Hex(target_path);
  if (role.succinct) {
    const int bits = role.succinct->bit_length;
    uint64_t first32 = 0;
    if (auto bytes = FromHex(std::string_view(hash).substr(0, 8)); bytes.ok()) {
      for (const uint8_t byte : *bytes) first32 = first32 << 8 | byte;
    }
    Delegation bin;
    bin.name = role.succinct->name_prefix +
               Format("-%0*llx", (bits + 3) / 4, static_cast<unsigned long long>(first32 >> (32 - bits)));
    bin.keys = role.succinct->keys;
    bin.terminating = true;
    matching.push_back(std::move(bin));
    return matching;
  }
  for (const Delegation& delegation : role.delegations) {
    const bool matches =
        std::ranges::any_of(
            delegation.paths,
            [&](const std::string& pattern) { return MatchesPattern(pattern, target_path); }) ||
        std::ranges::any_of(delegation.path_hash_prefixes,
                            [&](const std::string& prefix) { return hash.starts_with(prefix); });
    if (matches) matching.push_back(delegation);
  }
  return matching;
}

}  // namespace whet::fleet
