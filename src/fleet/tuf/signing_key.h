// Our own keys: Ed25519 pairs, their files under a passphrase, and a set of them to sign with.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace whet::fleet {

// What the passphrase costs to try. The file says what it was made with, so this is only for new ones.
struct KeyFileCost {
  uint64_t operations = 3;               // Argon2id passes
  uint64_t memory_bytes = 256ull << 20;  // at least 8 KiB
};

// Movable, not copyable; the secret is wiped when destroyed. Immutable, so safe to share among threads.
class SigningKey {
 public:
  static Result<SigningKey> Generate();
  // Reads a file that Serialize wrote. A wrong passphrase and a damaged file are the same error.
  static Result<SigningKey> Parse(std::string_view file, std::string_view passphrase);

  SigningKey(SigningKey&& other) noexcept;
  SigningKey& operator=(SigningKey&& other) noexcept;
  ~SigningKey();

  // The file: the public key, and the secret under Argon2id and XChaCha20-Poly1305 (libsodium), which also
  // guards the public part against change.
  Result<std::string> Serialize(std::string_view passphrase, const KeyFileCost& cost = {}) const;

  const std::string& id() const { return id_; }
  // 64 hexadecimal digits.
  std::string public_hex() const;
  std::vector<uint8_t> Sign(std::string_view message) const;

 private:
  SigningKey() = default;
  std::string id_;
  std::array<uint8_t, 32> public_{};
  std::array<uint8_t, 64> secret_{};
};

// The TUF key object of an Ed25519 key.
nlohmann::json Ed25519KeyJson(std::string_view public_hex);

// What a key file says without its passphrase.
struct KeyFileInfo {
  std::string id;
  std::string public_hex;
};
Result<KeyFileInfo> ReadKeyFileInfo(std::string_view file);

// Writes a new file that only its owner may read; an existing one is an error.
Status WriteKeyFile(const std::string& path, const SigningKey& key, std::string_view passphrase,
                    const KeyFileCost& cost = {});
Result<SigningKey> ReadKeyFile(const std::string& path, std::string_view passphrase);

// The keys that a process may sign with. Not thread-safe while keys are added, otherwise safe to share.
class KeyStore {
 public:
  void Add(SigningKey key);
  // Every *.key file of the folder, all under one passphrase.
  static Result<KeyStore> OpenFolder(const std::string& folder, std::string_view passphrase);
  // Null if it is not there.
  const SigningKey* Find(std::string_view id) const;
  const std::map<std::string, SigningKey, std::less<>>& keys() const { return keys_; }

 private:
  std::map<std::string, SigningKey, std::less<>> keys_;
};

}  // namespace whet::fleet
