// Public keys as TUF metadata holds them, and signatures by them.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace whet::fleet {

enum class KeyScheme : uint8_t {
  kUnknown,  // a key of a kind that is not known verifies nothing, but is no error
  kEd25519,
  kRsaPssSha256,     // at least 2048 bits
  kEcdsaP256Sha256,  // of keytype "ecdsa", or "ecdsa-sha2-nistp256" as older repositories say
};

struct PublicKey {
  // What the metadata calls it. A key whose id is not the SHA-256 of its canonical JSON gets the scheme
  // kUnknown.
  std::string id;
  KeyScheme scheme = KeyScheme::kUnknown;
  std::string value;  // 64 hexadecimal digits, or PEM
};

// The id that the specification gives a key object: the SHA-256 of its canonical JSON.
Result<std::string> KeyIdOf(const nlohmann::json& key);
// `id` is the name under which the key stands in the metadata.
Result<PublicKey> ParsePublicKey(std::string_view id, const nlohmann::json& key);

// Whether `signature` is the key's signature of `message`. False for whatever is wrong: there is no
// difference that a caller should act upon.
bool VerifySignature(const PublicKey& key, std::string_view message, std::span<const uint8_t> signature);

// Whether both are one key, however each is written down.
bool IsSameKey(const PublicKey& a, const PublicKey& b);

std::string Sha256Hex(std::string_view bytes);
std::string Sha512Hex(std::string_view bytes);

}  // namespace whet::fleet
