#include "model_file/sha256.h"

#include <mbedtls/sha256.h>

namespace whet {

Sha256 Sha256Of(std::span<const std::byte> bytes) {
  Sha256 hash{};
  // The error that it could return is that of hardware which replaces it; this build is plain C.
  static_cast<void>(mbedtls_sha256_ret(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                                       hash.data(), /*is224=*/0));
  return hash;
}

}  // namespace whet
