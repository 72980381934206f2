#include "fleet/tuf/canonical_json.h"

#include "fleet/json/nlohmann.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

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

}  // namespace

Result<std::string> CanonicalJson(const Json& value) {
  std::string out;
  WHET_RETURN_IF_ERROR(AppendCanonical(value, out));
  return out;
}

}  // namespace whet::fleet
