#include "fleet/tuf/key.h"
#include "base/hex.h"
#include "fleet/json/json.h"
#include "fleet/json/nlohmann.h"
#include "fleet/tuf/canonical_json.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include <array>
#include <memory>

namespace whet::fleet {
namespace {

constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;  // the time that a signature takes grows with the square of it

struct OpensslDelete {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

bool VerifyEd25519(const PublicKey& key, std::string_view message, std::span<const uint8_t> signature) {
  auto bytes = FromHex(key.value);
  if (!bytes.ok() || bytes->size() != crypto_sign_PUBLICKEYBYTES || signature.size() != crypto_sign_BYTES)
    return false;
  return crypto_sign_verify_detached(signature.data(), reinterpret_cast<const uint8_t*>(message.data()),
                                     message.size(), bytes->data()) == 0;
}

bool IsP256(const EVP_PKEY* key) {
  char group[64] = "";
  size_t size = 0;
  return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), &size) == 1 &&
         std::string_view(group) == "prime256v1";
}

std::unique_ptr<EVP_PKEY, OpensslDelete> ReadPem(const std::string& text) {
  const std::unique_ptr<BIO, OpensslDelete> pem(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!pem) return nullptr;
  return std::unique_ptr<EVP_PKEY, OpensslDelete>(PEM_read_bio_PUBKEY(pem.get(), nullptr, nullptr, nullptr));
}

bool VerifyWithOpenssl(const PublicKey& key, std::string_view message, std::span<const uint8_t> signature) {
  const auto pkey = ReadPem(key.value);
  if (!pkey) return false;
  const bool is_rsa = key.scheme == KeyScheme::kRsaPssSha256;
  if (is_rsa) {
    const int bits = EVP_PKEY_get_bits(pkey.get());
    if (!EVP_PKEY_is_a(pkey.get(), "RSA") || bits < kMinRsaBits || bits > kMaxRsaBits) return false;
  } else if (!IsP256(pkey.get())) {
    return false;
  }
  const std::unique_ptr<EVP_MD_CTX, OpensslDelete> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;  // the context's own
  if (!context || EVP_DigestVerifyInit(context.get(), &parameters, EVP_sha256(), nullptr, pkey.get()) != 1) {
    return false;
  }
  if (is_rsa && (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
                 EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_AUTO) != 1)) {
    return false;
  }
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                          reinterpret_cast<const uint8_t*>(message.data()), message.size()) == 1;
}

KeyScheme SchemeOf(std::string_view keytype, std::string_view scheme) {
  if (keytype == "ed25519" && scheme == "ed25519") return KeyScheme::kEd25519;
  if (keytype == "rsa" && scheme == "rsassa-pss-sha256") return KeyScheme::kRsaPssSha256;
  if ((keytype == "ecdsa" || keytype == "ecdsa-sha2-nistp256") && scheme == "ecdsa-sha2-nistp256") {
    return KeyScheme::kEcdsaP256Sha256;
  }
  return KeyScheme::kUnknown;
}

}  // namespace

Result<std::string> KeyIdOf(const nlohmann::json& key) {
  WHET_ASSIGN_OR_RETURN(const std::string canonical, CanonicalJson(key));
  return Sha256Hex(canonical);
}

Result<PublicKey> ParsePublicKey(std::string_view id, const nlohmann::json& key) {
  if (!key.is_object()) return Error(Code::kBadFile, "a key is not an object");
  WHET_ASSIGN_OR_RETURN(const std::string keytype, JsonString(key, "keytype"));
  WHET_ASSIGN_OR_RETURN(const std::string scheme, JsonString(key, "scheme"));
  WHET_ASSIGN_OR_RETURN(const nlohmann::json* const keyval, JsonObject(key, "keyval"));
  PublicKey result;
  result.id = id;
  result.scheme = SchemeOf(keytype, scheme);
  if (result.scheme == KeyScheme::kUnknown) return result;
  WHET_ASSIGN_OR_RETURN(result.value, JsonString(*keyval, "public", 16384));
  WHET_ASSIGN_OR_RETURN(const std::string right_id, KeyIdOf(key));
  if (right_id != id) result.scheme = KeyScheme::kUnknown;
  return result;
}

bool VerifySignature(const PublicKey& key, std::string_view message, std::span<const uint8_t> signature) {
  switch (key.scheme) {
    case KeyScheme::kUnknown: return false;
    case KeyScheme::kEd25519: return VerifyEd25519(key, message, signature);
    case KeyScheme::kRsaPssSha256:
    case KeyScheme::kEcdsaP256Sha256: return VerifyWithOpenssl(key, message, signature);
  }
  return false;
}

bool IsSameKey(const PublicKey& a, const PublicKey& b) {
  if (a.scheme != b.scheme) return false;
  if (a.scheme == KeyScheme::kEd25519) {
    auto a_bytes = FromHex(a.value);
    auto b_bytes = FromHex(b.value);
    return a_bytes.ok() && b_bytes.ok() && *a_bytes == *b_bytes;
  }
  const auto a_key = ReadPem(a.value);
  const auto b_key = ReadPem(b.value);
  return a_key && b_key && EVP_PKEY_eq(a_key.get(), b_key.get()) == 1;
}

std::string Sha256Hex(std::string_view bytes) {
  std::array<uint8_t, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return ToHex(hash);
}

std::string Sha512Hex(std::string_view bytes) {
  std::array<uint8_t, crypto_hash_sha512_BYTES> hash{};
  crypto_hash_sha512(hash.data(), reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return ToHex(hash);
}

}  // namespace whet::fleet
