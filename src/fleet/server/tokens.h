// Who may do what: bearer tokens with roles. A token is 256 random bits; the database holds its SHA-256
// alone, so whoever reads the database can use none of them.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "fleet/server/sql.h"

namespace whet::fleet {

// In order: each of viewer, operator and releaser may do what those before it may. A device may only send
// telemetry.
enum class Role : uint8_t { kDevice, kViewer, kOperator, kReleaser };
// "device", "viewer", "operator", "releaser".
std::string_view RoleName(Role role);
std::optional<Role> RoleOf(std::string_view name);

struct Principal {
  std::string id;  // of the token
  std::string name;
  Role role = Role::kViewer;
  std::string device;  // role device: the only device that it speaks for; empty: any
};

struct TokenInfo {
  Principal principal;
  int64_t created_unix_s = 0;
  int64_t revoked_unix_s = 0;  // 0: it is good
};

// Thread-safe.
class Tokens {
 public:
  explicit Tokens(SqlDatabase& database) : database_(database) {}

  // The token's text, which is shown once and kept nowhere.
  Result<std::string> Create(std::string_view name, Role role, std::string_view device, int64_t now_unix_s);
  Result<std::vector<TokenInfo>> List();
  // kNotFound if there is no good token of that id. Servers that run notice within kCacheSeconds.
  Status Revoke(std::string_view id, int64_t now_unix_s);

  // Whose token it is; nothing if it is not a good one. Answers are remembered for kCacheSeconds.
  static constexpr int64_t kCacheSeconds = 5;
  Result<std::optional<Principal>> Check(std::string_view token, int64_t now_unix_s);

 private:
  struct Cached {
    Principal principal;
    int64_t until = 0;
  };
  SqlDatabase& database_;
  std::mutex mutex_;
  std::map<std::string, Cached, std::less<>> cache_;  // by the token's hash
};

}  // namespace whet::fleet
