#include "fleet/server/demo.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "fleet/json/nlohmann.h"
#include "fleet/server/schema.h"
#include "fleet/server/sql.h"
#include "fleet/server/tokens.h"
#include "fleet/tuf/repository.h"
#include "fleet/tuf/signing_key.h"
#include "fleet/tuf/store.h"

namespace whet::fleet {
namespace {

// Nobody guesses 256 random bits, so their key files need not be slow to open.
constexpr KeyFileCost kCost{1, uint64_t{8} << 20};

Status WriteSecret(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return Error(Code::kIo, "cannot write: %s", std::strerror(errno)).At(path);
  const bool ok = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (::close(fd) != 0 || !ok) return Error(Code::kIo, "cannot write: %s", std::strerror(errno)).At(path);
  return {};
}

std::string RandomText() {
  unsigned char bytes[32];
  ::randombytes_buf(bytes, sizeof(bytes));
  char text[2 * sizeof(bytes) + 1];
  return ::sodium_bin2hex(text, sizeof(text), bytes, sizeof(bytes));
}

}  // namespace

Result<Demo> PrepareDemo(const std::string& folder) {
  if (::sodium_init() < 0) return Error(Code::kInternal, "libsodium does not start");
  Demo demo{folder + "/repo", folder + "/keys", folder + "/passphrase"};
  // The repository is made last: when it is there, all is.
  if (std::filesystem::exists(demo.repository + "/metadata/timestamp.json")) return demo;
  std::error_code error;
  std::filesystem::create_directories(demo.keys, error);
  if (error) return Error(Code::kIo, "cannot make the folder: %s", error.message().c_str()).At(demo.keys);
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  if (!std::filesystem::is_empty(demo.keys, error) || std::filesystem::exists(demo.passphrase_file)) {
    return Error(Code::kInvalidArgument, "a demo was begun here and not finished; remove the folder")
        .At(folder);
  }
  const std::string passphrase = RandomText();
  WHET_RETURN_IF_ERROR(WriteSecret(demo.passphrase_file, passphrase));
  auto store = std::make_shared<KeyStore>();
  RepositoryPlan plan;
  for (const char* name : {"root", "targets", "online", "release"}) {
    WHET_ASSIGN_OR_RETURN(SigningKey key, SigningKey::Generate());
    WHET_RETURN_IF_ERROR(WriteKeyFile(demo.keys + "/" + name + ".key", key, passphrase, kCost));
    const RoleSigners signers{{key.public_hex()}, 1};
    const std::string_view role = name;
    if (role == "root") plan.root = signers;
    if (role == "targets") plan.targets = signers;
    if (role == "online") plan.snapshot = plan.timestamp = plan.deltas = signers;
    store->Add(std::move(key));
  }
  WHET_ASSIGN_OR_RETURN(const Repository made, Repository::Create(demo.repository, store, plan));
  return demo;
}

Result<DemoTokens> PrepareDemoTokens(const std::string& folder, const std::string& url, int64_t now) {
  WHET_ASSIGN_OR_RETURN(const auto database, SqlDatabase::Open(url));
  {
    WHET_ASSIGN_OR_RETURN(const auto sql, database->Connect());
    WHET_RETURN_IF_ERROR(Migrate(*sql));
  }
  Tokens tokens(*database);
  const auto token = [&](Role role) -> Result<std::string> {
    const std::string path = folder + "/" + std::string(RoleName(role)) + ".token";
    if (std::filesystem::exists(path)) return ReadSmallFile(path, 256);
    WHET_ASSIGN_OR_RETURN(std::string text, tokens.Create("demo", role, "", now));
    WHET_RETURN_IF_ERROR(WriteSecret(path, text));
    return text;
  };
  DemoTokens demo;
  WHET_ASSIGN_OR_RETURN(demo.releaser, token(Role::kReleaser));
  WHET_ASSIGN_OR_RETURN(demo.device, token(Role::kDevice));
  return demo;
}

}  // namespace whet::fleet
