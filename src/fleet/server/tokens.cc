#include "fleet/server/tokens.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/hex.h"
#include "fleet/tuf/key.h"

namespace whet::fleet {
namespace {

constexpr std::array<std::string_view, 4> kRoleNames = {"device", "viewer", "operator", "releaser"};
constexpr std::string_view kPrefix = "whet_";
constexpr size_t kIdDigits = 12;
constexpr size_t kSecretDigits = 64;
constexpr size_t kMaxCached = 100000;

std::string RandomHex(size_t digits) {
  std::array<unsigned char, 32> bytes{};
  ::randombytes_buf(bytes.data(), bytes.size());
  return ToHex(std::span(bytes).first(digits / 2));
}

}  // namespace

std::string_view RoleName(Role role) { return kRoleNames[static_cast<size_t>(role)]; }

std::optional<Role> RoleOf(std::string_view name) {
  const auto found = std::ranges::find(kRoleNames, name);
  if (found == kRoleNames.end()) return std::nullopt;
  return static_cast<Role>(found - kRoleNames.begin());
}

Result<std::string> Tokens::Create(std::string_view name, Role role, std::string_view device, int64_t now) {
  if (name.empty() || name.size() > 128) {
    return Error(Code::kInvalidArgument,
                 "a token's name, which the audit log shows, has 1 to 128 characters");
  }
  if (!device.empty() && role != Role::kDevice) {
    return Error(Code::kInvalidArgument, "only a token of the role device can be bound to a device");
  }
  if (::sodium_init() < 0) return Error(Code::kInternal, "libsodium does not start");
  const std::string id = RandomHex(kIdDigits);
  const std::string token = std::string(kPrefix) + id + "_" + RandomHex(kSecretDigits);
  WHET_ASSIGN_OR_RETURN(const auto sql, database_.Connect());
  WHET_RETURN_IF_ERROR(sql->Run(
      "INSERT INTO tokens (id, hash, name, role, device, created, revoked) VALUES ($1, $2, $3, $4, $5, $6, "
      "0)",
      {id, Sha256Hex(token), std::string(name), std::string(RoleName(role)), std::string(device), now}));
  return token;
}

Result<std::vector<TokenInfo>> Tokens::List() {
  std::vector<TokenInfo> list;
  WHET_ASSIGN_OR_RETURN(const auto sql, database_.Connect());
  WHET_RETURN_IF_ERROR(
      sql->Run("SELECT id, name, role, device, created, revoked FROM tokens ORDER BY created, id", {},
               [&](const SqlRow& row) {
                 TokenInfo info;
                 info.principal.id = row.Text(0);
                 info.principal.name = row.Text(1);
                 info.principal.role = RoleOf(row.Text(2)).value_or(Role::kDevice);
                 info.principal.device = row.Text(3);
                 info.created_unix_s = row.Int(4);
                 info.revoked_unix_s = row.Int(5);
                 list.push_back(std::move(info));
               }));
  return list;
}

Status Tokens::Revoke(std::string_view id, int64_t now) {
  WHET_ASSIGN_OR_RETURN(const auto sql, database_.Connect());
  WHET_RETURN_IF_ERROR(
      sql->Run("UPDATE tokens SET revoked = $2 WHERE id = $1 AND revoked = 0", {std::string(id), now}));
  if (sql->changes() == 0) {
    return Error(Code::kNotFound, "there is no good token '%.64s'; 'whet serve token list' shows them",
                 std::string(id).c_str());
  }
  return {};
}

Result<std::optional<Principal>> Tokens::Check(std::string_view token, int64_t now) {
  std::optional<Principal> nobody;
  if (!token.starts_with(kPrefix) || token.size() != kPrefix.size() + kIdDigits + 1 + kSecretDigits)
    return nobody;
  const std::string hash = Sha256Hex(token);
  {
    const std::lock_guard lock(mutex_);
    const auto cached = cache_.find(hash);
    if (cached != cache_.end() && cached->second.until > now) {
      return std::optional<Principal>(cached->second.principal);
    }
  }
  WHET_ASSIGN_OR_RETURN(const auto sql, database_.Connect());
  WHET_RETURN_IF_ERROR(sql->Run(
      "SELECT id, hash, name, role, device FROM tokens WHERE id = $1 AND revoked = 0",
      {std::string(token.substr(kPrefix.size(), kIdDigits))}, [&](const SqlRow& row) {
        // In constant time, though a hash of 256 random bits tells nothing.
        const std::string_view stored = row.Text(1);
        const auto role = RoleOf(row.Text(3));
        if (!role || stored.size() != hash.size() ||
            ::sodium_memcmp(stored.data(), hash.data(), hash.size()) != 0) {
          return;
        }
        nobody =
            Principal{std::string(row.Text(0)), std::string(row.Text(2)), *role, std::string(row.Text(4))};
      }));
  if (nobody) {
    const std::lock_guard lock(mutex_);
    if (cache_.size() >= kMaxCached) cache_.clear();
    cache_[hash] = {*nobody, now + kCacheSeconds};
  }
  return nobody;
}

}  // namespace whet::fleet
