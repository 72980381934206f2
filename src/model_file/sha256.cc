#include "model_file/sha256.h"

#include <mbedtls/sha256.h>

namespace whet {

// The errors that these functions could return are those of hardware which replaces them; this build is plain
// C.

Sha256 Sha256Of(std::span<const std::byte> bytes) {
  Sha256 hash{};
  static_cast<void>(mbedtls_sha256_ret(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                                       hash.data(), /*is224=*/0));
  return hash;
}

struct Sha256Hasher::State {
  mbedtls_sha256_context context;
};

Sha256Hasher::Sha256Hasher() : state_(std::make_unique<State>()) {
  mbedtls_sha256_init(&state_->context);
  static_cast<void>(mbedtls_sha256_starts_ret(&state_->context, /*is224=*/0));
}

Sha256Hasher::Sha256Hasher(Sha256Hasher&&) noexcept = default;

Sha256Hasher::~Sha256Hasher() = default;

void Sha256Hasher::Update(std::span<const std::byte> bytes) {
  static_cast<void>(mbedtls_sha256_update_ret(
      &state_->context, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

Sha256 Sha256Hasher::Finish() {
  Sha256 hash{};
  static_cast<void>(mbedtls_sha256_finish_ret(&state_->context, hash.data()));
  return hash;
}

}  // namespace whet
