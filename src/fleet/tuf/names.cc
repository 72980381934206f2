#include "fleet/tuf/names.h"

#include <algorithm>

namespace whet::fleet {
namespace {

// The length of the bracket expression at the start of `pattern`, or 0 if it is not closed and '[' is itself.
size_t BracketLength(std::string_view pattern) {
  size_t i = 1;
  if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^')) ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;  // the first one is a member
  while (i < pattern.size() && pattern[i] != ']') ++i;
  return i < pattern.size() ? i + 1 : 0;
}

// `bracket` with its brackets.
bool MatchesBracket(std::string_view bracket, char c) {
  std::string_view members = bracket.substr(1, bracket.size() - 2);
  const bool negated = members.front() == '!' || members.front() == '^';
  if (negated) members.remove_prefix(1);
  bool found = false;
  for (size_t i = 0; i < members.size(); ++i) {
    const auto byte = static_cast<unsigned char>(c);
    const auto low = static_cast<unsigned char>(members[i]);
    if (i + 2 < members.size() && members[i + 1] == '-') {
      found |= low <= byte && byte <= static_cast<unsigned char>(members[i + 2]);
      i += 2;
    } else {
      found |= low == byte;
    }
  }
  return found != negated;
}

// Whether the first element of `pattern`, which is not '*', matches `c`; `length` becomes the element's.
bool MatchesOne(std::string_view pattern, char c, size_t& length) {
  length = 1;
  if (pattern.front() == '[') {
    if (const size_t bracket = BracketLength(pattern); bracket > 2) {
      length = bracket;
      return c != '/' && MatchesBracket(pattern.substr(0, bracket), c);
    }
  }
  if (pattern.front() == '?') return c != '/';
  return pattern.front() == c;
}

}  // namespace

bool MatchesPattern(std::string_view pattern, std::string_view path) {
  // Only the last '*' is ever taken back: an earlier one could gain nothing that the last one cannot.
  constexpr size_t kNone = std::string_view::npos;
  size_t p = 0;
  size_t s = 0;
  size_t after_star = kNone;
  size_t star_took_to = 0;
  while (s < path.size()) {
    size_t length = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      star_took_to = s;
    } else if (p < pattern.size() && MatchesOne(pattern.substr(p), path[s], length)) {
      p += length;
      ++s;
    } else if (after_star != kNone && path[star_took_to] != '/') {
      p = after_star;
      s = ++star_took_to;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool IsSafeTargetPath(std::string_view path) {
  if (path.empty() || path.size() > 1024) return false;
  const auto is_bad = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\'; };
  if (std::ranges::any_of(path, is_bad)) return false;
  while (true) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool IsTopLevelRole(std::string_view name) {
  return name == "root" || name == "timestamp" || name == "snapshot" || name == "targets";
}

bool IsAllowedRoleName(std::string_view name) {
  // 255 is the limit of a file name; a version goes before it and a temporary file's ending after it.
  return !name.empty() && PercentEncode(name).size() <= 192 && !IsTopLevelRole(name);
}

std::string ModelsRole(std::string_view family) { return "models." + std::string(family); }

std::string RolloutsRole(std::string_view channel) { return "rollouts." + std::string(channel); }

std::string PercentEncode(std::string_view text, bool keep_slashes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || (keep_slashes && c == '/');
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

std::string RoleFileName(std::string_view role) { return PercentEncode(role) + ".json"; }

std::string HashedTargetPath(std::string_view path, std::string_view hash) {
  const size_t slash = path.rfind('/');
  const size_t name = slash == std::string_view::npos ? 0 : slash + 1;
  return std::string(path.substr(0, name)) + std::string(hash) + "." + std::string(path.substr(name));
}

std::string JoinUrl(std::string_view base, std::string_view relative) {
  return std::string(base) + (base.ends_with('/') ? "" : "/") + std::string(relative);
}

}  // namespace whet::fleet
