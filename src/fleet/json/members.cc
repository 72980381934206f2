#include "fleet/json/members.h"

#include "base/utc_time.h"
#include "fleet/json/json.h"

namespace whet::fleet {

using Json = nlohmann::json;

Members::Members(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object.is_object()) Fail("is not an object");
}

const Json* Members::Find(const char* key) const {
  const Json& member = JsonMember(object_, key);
  return member.is_null() ? nullptr : &member;
}

std::string Members::Text(const char* key, bool (*valid)(std::string_view)) {
  const Json* value = Find(key);
  if (value == nullptr || !value->is_string() || !valid(value->get_ref<const std::string&>())) {
    Fail(Format("'%s' is missing or not valid", key));
    return {};
  }
  return value->get<std::string>();
}

uint64_t Members::Whole(const char* key, uint64_t absent, uint64_t most) {
  const Json* value = Find(key);
  if (value == nullptr) return absent;
  // Parsed numbers of at least zero are unsigned; those that a program put in need not be.
  const bool whole =
      value->is_number_unsigned() || (value->is_number_integer() && value->get<int64_t>() >= 0);
  if (!whole || value->get<uint64_t>() > most) {
    Fail(Format("'%s' is not a whole number from 0 to %llu", key, static_cast<unsigned long long>(most)));
    return absent;
  }
  return value->get<uint64_t>();
}

double Members::Number(const char* key, double absent, double least, double most) {
  const Json* value = Find(key);
  if (value == nullptr) return absent;
  const double number = value->is_number() ? value->get<double>() : least - 1;
  if (!(number >= least && number <= most)) {
    Fail(Format("'%s' is not a number from %g to %g", key, least, most));
    return absent;
  }
  return number;
}

int64_t Members::Time(const char* key) {
  const std::string text = Text(key, [](std::string_view value) { return ParseUtcTime(value).ok(); });
  return ok() ? *ParseUtcTime(text) : 0;
}

void Members::Fail(const std::string& what) {
  if (status_.ok()) status_ = Error(Code::kBadFile, "%s: %s", where_.c_str(), what.c_str());
}

}  // namespace whet::fleet
