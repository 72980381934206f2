#include "fleet/json/json.h"

#include <set>

#include "fleet/json/nlohmann.h"

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

Result<const Json*> Needed(const Json& object, const char* name) {
  const Json& member = JsonMember(object, name);
  if (member.is_null()) return Error(Code::kBadFile, "'%s' is missing", name);
  return &member;
}

Result<Json> Parse(std::string_view text, const JsonLimits& limits) {
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

}  // namespace

Result<Json> ParseJson(std::string_view text, const JsonLimits& limits, std::string_view where) {
  auto value = Parse(text, limits);
  if (!value.ok() && !where.empty()) return value.TakeStatus().At(where);
  return value;
}

const Json& JsonMember(const Json& object, const char* name) {
  static const Json kNone;
  if (!object.is_object()) return kNone;
  const auto found = object.find(name);
  return found == object.end() ? kNone : *found;
}

Result<std::string> JsonString(const Json& object, const char* name, size_t max_bytes) {
  WHET_ASSIGN_OR_RETURN(const Json* const member, Needed(object, name));
  if (!member->is_string()) return Error(Code::kBadFile, "'%s' is not a string", name);
  const auto& text = member->get_ref<const std::string&>();
  if (text.size() > max_bytes)
    return Error(Code::kLimitExceeded, "'%s' is longer than %zu bytes", name, max_bytes);
  return text;
}

Result<uint64_t> JsonUnsigned(const Json& object, const char* name, uint64_t max) {
  WHET_ASSIGN_OR_RETURN(const Json* const member, Needed(object, name));
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
  WHET_ASSIGN_OR_RETURN(const Json* const member, Needed(object, name));
  if (!member->is_object()) return Error(Code::kBadFile, "'%s' is not an object", name);
  return member;
}

Result<const Json*> JsonArray(const Json& object, const char* name) {
  WHET_ASSIGN_OR_RETURN(const Json* const member, Needed(object, name));
  if (!member->is_array()) return Error(Code::kBadFile, "'%s' is not an array", name);
  return member;
}

}  // namespace whet::fleet
