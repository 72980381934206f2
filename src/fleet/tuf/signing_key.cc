#include "fleet/tuf/signing_key.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "base/hex.h"
#include "fleet/json/json.h"
#include "fleet/json/nlohmann.h"
#include "fleet/tuf/canonical_json.h"
#include "fleet/tuf/key.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxOperations = 32;
constexpr uint64_t kMaxMemoryBytes = uint64_t{1} << 30;  // a file from elsewhere may not ask for more
constexpr size_t kMaxKeyFileBytes = 16384;

static_assert(crypto_sign_PUBLICKEYBYTES == 32 && crypto_sign_SECRETKEYBYTES == 64);

// libsodium chooses its implementations and opens the random source; any number of calls are fine.
Status StartSodium() {
  if (sodium_init() < 0) return Error(Code::kInternal, "libsodium does not start");
  return OkStatus();
}

// Bytes that are wiped when they go.
class Secret {
 public:
  explicit Secret(size_t size) : bytes_(size) {}
  Secret(Secret&&) = default;
  Secret& operator=(Secret&&) = delete;
  ~Secret() { sodium_memzero(bytes_.data(), bytes_.size()); }
  uint8_t* data() { return bytes_.data(); }
  const uint8_t* data() const { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }

 private:
  std::vector<uint8_t> bytes_;
};

Result<Secret> KeyFromPassphrase(std::string_view passphrase, const KeyFileCost& cost,
                                 const std::vector<uint8_t>& salt) {
  Secret key(crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
  if (crypto_pwhash(key.data(), key.size(), passphrase.data(), passphrase.size(), salt.data(),
                    cost.operations, static_cast<size_t>(cost.memory_bytes),
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return Error(Code::kOutOfMemory,
                 "the passphrase needs %llu MiB of memory to be checked, which are not there",
                 static_cast<unsigned long long>(cost.memory_bytes >> 20));
  }
  return key;
}

// What the cipher guards along with the secret.
Result<std::string> Guarded(const Json& document) {
  Json rest = document;
  rest.erase("secret");
  return CanonicalJson(rest);
}

Result<std::vector<uint8_t>> HexOfSize(const Json& object, const char* name, size_t size) {
  WHET_ASSIGN_OR_RETURN(const std::string text, JsonString(object, name));
  WHET_ASSIGN_OR_RETURN(std::vector<uint8_t> bytes, FromHex(text));
  if (bytes.size() != size)
    return Error(Code::kBadFile, "'%s' is %zu bytes, not %zu", name, bytes.size(), size);
  return bytes;
}

Result<Json> ParseKeyDocument(std::string_view file) {
  WHET_ASSIGN_OR_RETURN(Json document, ParseJson(file, {kMaxKeyFileBytes, 4}));
  if (!document.is_object() || !document.contains("whet_key")) {
    return Error(Code::kBadFile, "is not a key file of whet");
  }
  WHET_ASSIGN_OR_RETURN(const uint64_t format, JsonUnsigned(document, "whet_key"));
  if (format != 1) return Error(Code::kUnsupported, "is a key file of a newer whet");
  return document;
}

}  // namespace

Json Ed25519KeyJson(std::string_view public_hex) {
  return {{"keytype", "ed25519"}, {"scheme", "ed25519"}, {"keyval", {{"public", std::string(public_hex)}}}};
}

SigningKey::SigningKey(SigningKey&& other) noexcept
    : id_(std::move(other.id_)), public_(other.public_), secret_(other.secret_) {
  sodium_memzero(other.secret_.data(), other.secret_.size());
}

SigningKey& SigningKey::operator=(SigningKey&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(public_, other.public_);
  std::swap(secret_, other.secret_);
  return *this;
}

SigningKey::~SigningKey() { sodium_memzero(secret_.data(), secret_.size()); }

Result<SigningKey> SigningKey::Generate() {
  WHET_RETURN_IF_ERROR(StartSodium());
  SigningKey key;
  crypto_sign_keypair(key.public_.data(), key.secret_.data());
  WHET_ASSIGN_OR_RETURN(key.id_, KeyIdOf(Ed25519KeyJson(key.public_hex())));
  return key;
}

std::string SigningKey::public_hex() const { return ToHex(public_); }

std::vector<uint8_t> SigningKey::Sign(std::string_view message) const {
  std::vector<uint8_t> signature(crypto_sign_BYTES);
  crypto_sign_detached(signature.data(), nullptr, reinterpret_cast<const uint8_t*>(message.data()),
                       message.size(), secret_.data());
  return signature;
}

Result<std::string> SigningKey::Serialize(std::string_view passphrase, const KeyFileCost& cost) const {
  if (passphrase.empty()) return Error(Code::kInvalidArgument, "a key needs a passphrase");
  std::vector<uint8_t> salt(crypto_pwhash_SALTBYTES);
  std::vector<uint8_t> nonce(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
  randombytes_buf(salt.data(), salt.size());
  randombytes_buf(nonce.data(), nonce.size());
  Json document = {{"whet_key", 1},
                   {"keyid", id_},
                   {"public", public_hex()},
                   {"kdf", "argon2id13"},
                   {"operations", cost.operations},
                   {"memory_bytes", cost.memory_bytes},
                   {"salt", ToHex(salt)},
                   {"cipher", "xchacha20poly1305"},
                   {"nonce", ToHex(nonce)}};
  WHET_ASSIGN_OR_RETURN(const std::string guarded, Guarded(document));
  WHET_ASSIGN_OR_RETURN(const Secret key, KeyFromPassphrase(passphrase, cost, salt));
  std::vector<uint8_t> sealed(secret_.size() + crypto_aead_xchacha20poly1305_ietf_ABYTES);
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data(), nullptr, secret_.data(), secret_.size(),
                                             reinterpret_cast<const uint8_t*>(guarded.data()), guarded.size(),
                                             nullptr, nonce.data(), key.data());
  document["secret"] = ToHex(sealed);
  return document.dump(2) + "\n";
}

Result<SigningKey> SigningKey::Parse(std::string_view file, std::string_view passphrase) {
  WHET_RETURN_IF_ERROR(StartSodium());
  WHET_ASSIGN_OR_RETURN(const Json document, ParseKeyDocument(file));
  WHET_ASSIGN_OR_RETURN(const std::string kdf, JsonString(document, "kdf"));
  WHET_ASSIGN_OR_RETURN(const std::string cipher, JsonString(document, "cipher"));
  if (kdf != "argon2id13" || cipher != "xchacha20poly1305") {
    return Error(Code::kUnsupported, "is encrypted in a way that this whet does not know");
  }
  KeyFileCost cost;
  WHET_ASSIGN_OR_RETURN(cost.operations, JsonUnsigned(document, "operations", kMaxOperations));
  WHET_ASSIGN_OR_RETURN(cost.memory_bytes, JsonUnsigned(document, "memory_bytes", kMaxMemoryBytes));
  WHET_ASSIGN_OR_RETURN(const auto salt, HexOfSize(document, "salt", crypto_pwhash_SALTBYTES));
  WHET_ASSIGN_OR_RETURN(const auto nonce,
                        HexOfSize(document, "nonce", crypto_aead_xchacha20poly1305_ietf_NPUBBYTES));
  SigningKey result;
  WHET_ASSIGN_OR_RETURN(
      const auto sealed,
      HexOfSize(document, "secret", result.secret_.size() + crypto_aead_xchacha20poly1305_ietf_ABYTES));
  WHET_ASSIGN_OR_RETURN(const auto public_bytes, HexOfSize(document, "public", result.public_.size()));
  WHET_ASSIGN_OR_RETURN(const std::string guarded, Guarded(document));
  WHET_ASSIGN_OR_RETURN(const Secret key, KeyFromPassphrase(passphrase, cost, salt));
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          result.secret_.data(), nullptr, nullptr, sealed.data(), sealed.size(),
          reinterpret_cast<const uint8_t*>(guarded.data()), guarded.size(), nonce.data(), key.data()) != 0) {
    return Error(Code::kInvalidArgument,
                 "cannot be opened: the passphrase is wrong, or the file was changed");
  }
  std::ranges::copy(public_bytes, result.public_.begin());
  WHET_ASSIGN_OR_RETURN(result.id_, KeyIdOf(Ed25519KeyJson(result.public_hex())));
  return result;
}

Result<KeyFileInfo> ReadKeyFileInfo(std::string_view file) {
  WHET_ASSIGN_OR_RETURN(const Json document, ParseKeyDocument(file));
  WHET_ASSIGN_OR_RETURN(const auto public_bytes, HexOfSize(document, "public", crypto_sign_PUBLICKEYBYTES));
  KeyFileInfo info;
  info.public_hex = ToHex(public_bytes);
  WHET_ASSIGN_OR_RETURN(info.id, KeyIdOf(Ed25519KeyJson(info.public_hex)));
  return info;
}

Status WriteKeyFile(const std::string& path, const SigningKey& key, std::string_view passphrase,
                    const KeyFileCost& cost) {
  WHET_ASSIGN_OR_RETURN(const std::string text, key.Serialize(passphrase, cost));
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    const int error = errno;
    if (error == EEXIST) {
      return Error(Code::kInvalidArgument, "exists already; a key is never overwritten: choose another name")
          .At(path);
    }
    return Error(Code::kIo, "cannot create the file: %s", std::strerror(error)).At(path);
  }
  std::string_view rest = text;
  int error = 0;
  while (!rest.empty() && error == 0) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written > 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  ::close(fd);
  if (error == 0) return OkStatus();
  ::unlink(path.c_str());
  return Error(Code::kIo, "cannot write the file: %s", std::strerror(error)).At(path);
}

Result<SigningKey> ReadKeyFile(const std::string& path, std::string_view passphrase) {
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  auto key = SigningKey::Parse(text, passphrase);
  if (!key.ok()) return key.TakeStatus().At(path);
  return key;
}

void KeyStore::Add(SigningKey key) {
  std::string id = key.id();
  keys_.insert_or_assign(std::move(id), std::move(key));
}

Result<KeyStore> KeyStore::OpenFolder(const std::string& folder, std::string_view passphrase) {
  std::error_code error;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".key") paths.push_back(entry.path().string());
  }
  if (error) return Error(Code::kIo, "cannot read the folder: %s", error.message().c_str()).At(folder);
  std::ranges::sort(paths);
  KeyStore store;
  for (const std::string& path : paths) {
    WHET_ASSIGN_OR_RETURN(SigningKey key, ReadKeyFile(path, passphrase));
    store.Add(std::move(key));
  }
  if (store.keys().empty()) return Error(Code::kNotFound, "holds no *.key file").At(folder);
  return store;
}

const SigningKey* KeyStore::Find(std::string_view id) const {
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : &found->second;
}

}  // namespace whet::fleet
