// Names of roles and targets: what is allowed, how they become parts of URLs and file names, and which
// patterns match them.
#pragma once

#include <string>
#include <string_view>

namespace whet::fleet {

// Shell patterns as TUF's path patterns are: * any characters but '/', ? one character but '/', [abc], [a-z],
// [!a] one of (or none of) the characters; everything else is itself, and case counts. Linear in memory, at
// most quadratic in time.
bool MatchesPattern(std::string_view pattern, std::string_view path);

// A relative path with '/' between parts, none of them empty, "." or "..", no control characters and no
// backslash, at most 1024 bytes: it stays below the folder that it is put into.
bool IsSafeTargetPath(std::string_view path);

// Role names are free, but must fit into a file name when they are percent-encoded, and a delegated role must
// not be called like a top-level one.
bool IsAllowedRoleName(std::string_view name);
bool IsTopLevelRole(std::string_view name);

// The roles of docs/fleet.md. No slash: as part of a URL it would be written %2F, which web servers read in
// ways of their own.
std::string ModelsRole(std::string_view family);     // "models.detector"
std::string RolloutsRole(std::string_view channel);  // "rollouts.stable"
inline constexpr std::string_view kDeltasRole = "deltas";

// All but letters, digits and "-._~" becomes %XX; with keep_slashes, '/' stays.
std::string PercentEncode(std::string_view text, bool keep_slashes = false);

// "models/detector" → "models%2Fdetector.json".
std::string RoleFileName(std::string_view role);

// "a/b.bin" and "0123…" → "a/0123….b.bin".
std::string HashedTargetPath(std::string_view path, std::string_view hash);

// `base` and `relative` with exactly one '/' between.
std::string JoinUrl(std::string_view base, std::string_view relative);

}  // namespace whet::fleet
