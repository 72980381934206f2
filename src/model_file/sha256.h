// SHA-256 (FIPS 180-4), by which tensors and the index of a Model file are named and checked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace whet {

using Sha256 = std::array<uint8_t, 32>;

Sha256 Sha256Of(std::span<const std::byte> bytes);

// Of bytes that come in pieces.
class Sha256Hasher {
 public:
  Sha256Hasher();
  Sha256Hasher(Sha256Hasher&&) noexcept;
  ~Sha256Hasher();

  void Update(std::span<const std::byte> bytes);
  // Of all that came so far. Nothing may be added afterwards.
  Sha256 Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace whet
