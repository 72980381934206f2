#include "fleet/tuf/json.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

// The depth of brackets, counted on the bare text.
bool IsDeeperThan(std::string_view text, int max_depth) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > max_depth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

void AppendCanonicalString(const std::string& text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

// As deep as ParseJson lets values be.
Status AppendCanonical(const Json& value, std::string& out) {
  switch (value.type()) {
    case Json::value_t::null: out += "null"; return OkStatus();
    case Json::value_t::boolean: out += value.get<bool>() ? "true" : "false"; return OkStatus();
    case Json::value_t::number_integer: out += std::to_string(value.get<int64_t>()); return OkStatus();
    case Json::value_t::number_unsigned: out += std::to_string(value.get<uint64_t>()); return OkStatus();
    case Json::value_t::string:
      AppendCanonicalString(value.get_ref<const std::string&>(), out);
      return OkStatus();
    case Json::value_t::array: {
      out += '[';
      bool first = true;
      for (const Json& element : value) {
        if (!first) out += ',';
        first = false;
        WHET_RETURN_IF_ERROR(AppendCanonical(element, out));
      }
      out += ']';
      return OkStatus();
    }
    case Json::value_t::object: {
      out += '{';
      bool first = true;
      // nlohmann keeps objects sorted by the bytes of UTF-8, which is the order of code points.
      for (const auto& [name, member] : value.items()) {
        if (!first) out += ',';
        first = false;
        AppendCanonicalString(name, out);
        out += ':';
        WHET_RETURN_IF_ERROR(AppendCanonical(member, out));
      }
      out += '}';
      return OkStatus();
    }
    default:
      return Error(Code::kBadFile,
                   "a number is not an integer that fits 64 bits, so it has no canonical form");
  }
}

Result<const Json*> Member(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return Error(Code::kBadFile, "'%s' is missing", name);
  return &*found;
}

std::optional<int> Digits(std::string_view text) {
  int number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

}  // namespace

Result<Json> ParseJson(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return Error(Code::kLimitExceeded, "is %zu bytes; at most %zu are allowed", text.size(),
                 limits.max_bytes);
  }
  if (IsDeeperThan(text, limits.max_depth)) {
    return Error(Code::kLimitExceeded, "is nested deeper than %d levels", limits.max_depth);
  }
  std::vector<std::set<std::string>> names(static_cast<size_t>(limits.max_depth) + 2);
  bool duplicate = false;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    const auto level = static_cast<size_t>(depth);
    if (event == Json::parse_event_t::object_start) names[level + 1].clear();
    if (event == Json::parse_event_t::key) {
      duplicate |= !names[level].insert(parsed.get_ref<const std::string&>()).second;
    }
    return true;
  };
  Json value = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (value.is_discarded()) return Error(Code::kBadFile, "is not well-formed JSON");
  if (duplicate) return Error(Code::kBadFile, "an object has the same name twice");
  return value;
}

Result<std::string> CanonicalJson(const Json& value) {
  std::string out;
  WHET_RETURN_IF_ERROR(AppendCanonical(value, out));
  return out;
}

Result<std::string> JsonString(const Json& object, const char* name, size_t max_bytes) {
  WHET_ASSIGN_OR_RETURN(const Json* const member, Member(object, name));
  if (!member->is_string()) return Error(Code::kBadFile, "'%s' is not a string", name);
  const auto& text = member->get_ref<const std::string&>();
  if (text.size() > max_bytes)
    return Error(Code::kLimitExceeded, "'%s' is longer than %zu bytes", name, max_bytes);
  return text;
}

Result<uint64_t> JsonUnsigned(const Json& object, const char* name, uint64_t max) {
  WHET_ASSIGN_OR_RETURN(const Json* const member, Member(object, name));
  // The parser says "unsigned" of every integer that is not negative.
  if (!member->is_number_unsigned())
    return Error(Code::kBadFile, "'%s' is not a whole number from 0 on", name);
  const auto number = member->get<uint64_t>();
  if (number > max) {
    return Error(Code::kLimitExceeded, "'%s' is greater than %llu", name,
                 static_cast<unsigned long long>(max));
  }
  return number;
}

Result<const Json*> JsonObject(const Json& object, const char* name) {
  WHET_ASSIGN_OR_RETURN(const Json* const member, Member(object, name));
  if (!member->is_object()) return Error(Code::kBadFile, "'%s' is not an object", name);
  return member;
}

Result<const Json*> JsonArray(const Json& object, const char* name) {
  WHET_ASSIGN_OR_RETURN(const Json* const member, Member(object, name));
  if (!member->is_array()) return Error(Code::kBadFile, "'%s' is not an array", name);
  return member;
}

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
  const int64_t days = seconds >= 0 ? seconds / 86400 : -((-seconds + 86399) / 86400);
  const int rest = static_cast<int>(seconds - days * 86400);
  const chr::year_month_day date{chr::sys_days(chr::days(days))};
  return Format("%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), rest / 3600,
                rest / 60 % 60, rest % 60);
}

std::string ToHex(std::span<const uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Result<std::vector<uint8_t>> FromHex(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  if (text.size() % 2 != 0) return Error(Code::kBadFile, "hexadecimal text has an odd number of digits");
  std::vector<uint8_t> bytes;
  bytes.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return Error(Code::kBadFile, "hexadecimal text has other characters in it");
    bytes.push_back(static_cast<uint8_t>(high * 16 + low));
  }
  return bytes;
}

}  // namespace whet::fleet
