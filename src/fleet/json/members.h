// Reads the members of a JSON object from outside, each within its limits, and keeps the first error.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "fleet/json/nlohmann.h"

namespace whet::fleet {

class Members {
 public:
  // `object` must outlive this. `where` begins the errors.
  Members(const nlohmann::json& object, std::string where);

  // Null if absent or null.
  const nlohmann::json* Find(const char* key) const;
  // Each of these answers something harmless after an error.
  std::string Text(const char* key, bool (*valid)(std::string_view));
  // A whole number in [0, most]; `absent` if it is not there.
  uint64_t Whole(const char* key, uint64_t absent, uint64_t most);
  int64_t Seconds(const char* key, int64_t absent, int64_t most) {
    return static_cast<int64_t>(Whole(key, static_cast<uint64_t>(absent), static_cast<uint64_t>(most)));
  }
  double Number(const char* key, double absent, double least, double most);
  // A time of RFC 3339, as seconds since 1970.
  int64_t Time(const char* key);
  void Fail(const std::string& what);

  bool ok() const { return status_.ok(); }
  Status TakeStatus() { return std::move(status_); }

 private:
  const nlohmann::json& object_;
  std::string where_;
  Status status_;
};

}  // namespace whet::fleet
