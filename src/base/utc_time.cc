#include "base/utc_time.h"

#include <algorithm>
#include <chrono>
#include <optional>

namespace whet {
namespace {

constexpr int64_t kFirst = -62167219200;  // the beginning of the year 0
constexpr int64_t kLast = 253402300799;   // the end of the year 9999

std::optional<int> Digits(std::string_view text) {
  int number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

}  // namespace

Result<int64_t> ParseUtcTime(std::string_view text) {
  namespace chr = std::chrono;
  const auto wrong = [&] {
    return Error(Code::kBadFile, "'%.*s' is not a time of the form 2026-11-26T20:00:00Z",
                 static_cast<int>(std::min<size_t>(text.size(), 40)), text.data());
  };
  if (text.size() != 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text[19] != 'Z') {
    return wrong();
  }
  const auto year = Digits(text.substr(0, 4));
  const auto month = Digits(text.substr(5, 2));
  const auto day = Digits(text.substr(8, 2));
  const auto hour = Digits(text.substr(11, 2));
  const auto minute = Digits(text.substr(14, 2));
  const auto second = Digits(text.substr(17, 2));
  if (!year || !month || !day || !hour || !minute || !second) return wrong();
  const chr::year_month_day date{chr::year(*year), chr::month(static_cast<unsigned>(*month)),
                                 chr::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return wrong();
  const int64_t days = chr::sys_days(date).time_since_epoch().count();
  return days * 86400 + *hour * 3600 + *minute * 60 + *second;
}

std::string FormatUtcTime(int64_t seconds) {
  namespace chr = std::chrono;
  seconds = std::clamp(seconds, kFirst, kLast);
  const int64_t days = seconds >= 0 ? seconds / 86400 : -((-seconds + 86399) / 86400);
  const int rest = static_cast<int>(seconds - days * 86400);
  const chr::year_month_day date{chr::sys_days(chr::days(days))};
  return Format("%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), rest / 3600,
                rest / 60 % 60, rest % 60);
}

}  // namespace whet
