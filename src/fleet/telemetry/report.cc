#include "fleet/telemetry/report.h"

#include <algorithm>
#include <numeric>

namespace whet::fleet {
namespace {

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsAlphanumeric(char c) { return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z'); }
bool IsDigits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}
// Without leading zeros.
bool IsNumber(std::string_view text) { return IsDigits(text) && (text.size() == 1 || text[0] != '0'); }

// Identifiers parted by dots, none empty; `numbers_strict` refuses numbers with leading zeros.
bool IsDotted(std::string_view text, bool numbers_strict) {
  while (true) {
    const size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    if (part.empty() || !std::ranges::all_of(part, [](char c) { return IsAlphanumeric(c) || c == '-'; })) {
      return false;
    }
    if (numbers_strict && IsDigits(part) && !IsNumber(part)) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

std::string_view InstallOutcomeName(InstallOutcome outcome) {
  switch (outcome) {
    case InstallOutcome::kInstalled: return "installed";
    case InstallOutcome::kFailedVerify: return "failed-verify";
    case InstallOutcome::kFailedSelftest: return "failed-selftest";
    case InstallOutcome::kFailedBudget: return "failed-budget";
    case InstallOutcome::kRolledBack: return "rolled-back";
  }
  return "unknown";
}

uint64_t ModelReport::InstallFailures() const {
  return std::accumulate(installs.begin(), installs.end(), uint64_t{0}) -
         installs[static_cast<size_t>(InstallOutcome::kInstalled)];
}

bool IsDeviceId(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](char c) {
    return IsAlphanumeric(c) || c == '.' || c == '_' || c == ':' || c == '-';
  });
}

bool IsFamily(std::string_view text) {
  return !text.empty() && text.size() <= 64 && IsLowerOrDigit(text[0]) &&
         std::ranges::all_of(text,
                             [](char c) { return IsLowerOrDigit(c) || c == '.' || c == '_' || c == '-'; });
}

bool IsVersion(std::string_view text) {
  if (text.size() > 128) return false;
  const size_t plus = text.find('+');
  if (plus != std::string_view::npos && !IsDotted(text.substr(plus + 1), /*numbers_strict=*/false))
    return false;
  text = text.substr(0, plus);
  const size_t minus = text.find('-');
  if (minus != std::string_view::npos && !IsDotted(text.substr(minus + 1), /*numbers_strict=*/true))
    return false;
  text = text.substr(0, minus);
  const size_t first = text.find('.');
  if (first == std::string_view::npos) return false;
  const size_t second = text.find('.', first + 1);
  if (second == std::string_view::npos) return false;
  return IsNumber(text.substr(0, first)) && IsNumber(text.substr(first + 1, second - first - 1)) &&
         IsNumber(text.substr(second + 1));
}

bool IsSha256Hex(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9'); });
}

}  // namespace whet::fleet
