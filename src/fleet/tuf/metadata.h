// The metadata of TUF 1.0 (https://theupdateframework.github.io/specification/): its types, read strictly and
// under limits, and the check that a threshold of a role's keys signed it. Fields that the specification does
// not know are covered by the signatures and otherwise ignored.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "fleet/tuf/key.h"

namespace whet::fleet {

inline constexpr std::string_view kRootRole = "root";
inline constexpr std::string_view kTimestampRole = "timestamp";
inline constexpr std::string_view kSnapshotRole = "snapshot";
inline constexpr std::string_view kTargetsRole = "targets";

// What one metadata file may hold; more of it is an error.
struct MetadataLimits {
  size_t max_bytes = size_t{5} << 20;
  size_t max_signatures = 256;
  size_t max_keys = 1024;
  size_t max_roles = 65536;     // in a snapshot, and delegated by one role
  size_t max_targets = 100000;  // of one role
  size_t max_patterns = 4096;   // of one delegation
};

struct Signature {
  std::string key_id;
  std::vector<uint8_t> bytes;  // empty if the text was not hexadecimal: it verifies under no key
};

struct RoleKeys {
  std::vector<std::string> key_ids;  // each once
  uint64_t threshold = 1;
};

using KeyMap = std::map<std::string, PublicKey, std::less<>>;

// What every file has: the signed text in canonical form, and who signed it.
struct SignedMetadata {
  std::string canonical;
  std::vector<Signature> signatures;  // key ids are unique
  std::string type;
  int64_t version = 0;  // at least 1
  int64_t expires = 0;  // seconds since 1970
};

struct RootMetadata : SignedMetadata {
  bool consistent_snapshot = false;
  KeyMap keys;
  std::map<std::string, RoleKeys, std::less<>> roles;  // the four top-level roles are there
};

struct MetaFile {
  int64_t version = 0;
  std::optional<uint64_t> length;
  std::map<std::string, std::string, std::less<>> hashes;  // algorithm, hexadecimal digits
};

struct TimestampMetadata : SignedMetadata {
  MetaFile snapshot;
};

struct SnapshotMetadata : SignedMetadata {
  std::map<std::string, MetaFile, std::less<>> meta;  // "targets.json", "models.detector.json", …
};

struct TargetFile {
  std::string path;
  uint64_t length = 0;
  std::map<std::string, std::string, std::less<>> hashes;
  std::string custom;  // JSON text of the object; empty if there is none
};

struct Delegation {
  std::string name;
  RoleKeys keys;
  bool terminating = false;
  std::vector<std::string> paths;               // patterns
  std::vector<std::string> path_hash_prefixes;  // lower-case hexadecimal digits
};

// 2^bit_length roles "PREFIX-0a", one for each value of the first bits of SHA-256(target path) (TAP 15).
struct SuccinctDelegation {
  RoleKeys keys;
  int bit_length = 0;  // 1 to 32
  std::string name_prefix;
};

struct TargetsMetadata : SignedMetadata {
  std::map<std::string, TargetFile, std::less<>> targets;  // by path
  KeyMap delegated_keys;
  std::vector<Delegation> delegations;
  std::optional<SuccinctDelegation> succinct;
};

Result<RootMetadata> ParseRoot(std::string_view text, const MetadataLimits& limits = {});
Result<TimestampMetadata> ParseTimestamp(std::string_view text, const MetadataLimits& limits = {});
Result<SnapshotMetadata> ParseSnapshot(std::string_view text, const MetadataLimits& limits = {});
Result<TargetsMetadata> ParseTargets(std::string_view text, const MetadataLimits& limits = {});

// OK if at least the threshold of `role`'s keys signed. A key counts once, whatever ids it goes by and
// however often it signed; signatures that do not verify and keys of unknown kinds count for nothing.
Status VerifyThreshold(const SignedMetadata& metadata, const KeyMap& keys, const RoleKeys& role);

// Compares length, if given, and every hash with `bytes`. At least one hash must be of a known kind (sha256,
// sha512) if there are any.
Status VerifyLengthAndHashes(std::string_view bytes, const MetaFile& expected);

// The delegations of `role` that are trusted for `target_path`, in their order.
std::vector<Delegation> MatchingDelegations(const TargetsMetadata& role, std::string_view target_path);

}  // namespace whet::fleet
