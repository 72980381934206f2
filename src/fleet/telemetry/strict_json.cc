#include "fleet/telemetry/strict_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace whet::fleet {
namespace {

// The deepest nesting of brackets outside of strings; the text need not be valid.
int Depth(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

Result<nlohmann::json> ParseStrictJson(std::string_view text, size_t max_bytes, int max_depth,
                                       std::string_view what) {
  const std::string name(what);
  if (text.size() > max_bytes) {
    return Error(Code::kLimitExceeded, "%s is %zu bytes long, but at most %zu are taken", name.c_str(),
                 text.size(), max_bytes);
  }
  if (Depth(text) > max_depth) {
    return Error(Code::kLimitExceeded, "%s is nested deeper than %d levels", name.c_str(), max_depth);
  }
  // Two readers of a key that stands twice may not agree on which one counts.
  std::vector<std::set<std::string>> keys;
  std::string twice;
  const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    if (event == nlohmann::json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == nlohmann::json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == nlohmann::json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys.back().insert(key).second && twice.empty()) twice = key;
    }
    return true;
  };
  auto json = nlohmann::json::parse(text, watch, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Error(Code::kBadFile, "%s is not valid JSON", name.c_str());
  if (!twice.empty()) {
    return Error(Code::kBadFile, "%s has the key '%.64s' twice in one object", name.c_str(), twice.c_str());
  }
  return json;
}

}  // namespace whet::fleet
