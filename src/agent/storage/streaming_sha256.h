// SHA-256 (FIPS 180-4) of bytes that come in pieces; libsodium's.
#pragma once

#include <sodium/crypto_hash_sha256.h>

#include <cstddef>
#include <span>
#include <string>

namespace whet::agent {

class StreamingSha256 {
 public:
  StreamingSha256() { crypto_hash_sha256_init(&state_); }
  void Update(std::span<const std::byte> bytes) {
    crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  }
  // 64 lower-case hexadecimal digits; once.
  std::string Finish();

 private:
  crypto_hash_sha256_state state_;
};

}  // namespace whet::agent
