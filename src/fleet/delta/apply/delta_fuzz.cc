// Any bytes as a delta: refused, or applied within bounds. The header is made right, so that the blocks are
// reached.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "fleet/delta/apply/delta_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace whet::fleet;
  static const auto base = [] {
    std::array<std::byte, 5000> bytes{};
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * i >> 3);
    return bytes;
  }();
  std::vector<uint8_t> delta(data, data + size);
  DeltaExpectation expected;
  expected.base_bytes = base.size();
  expected.max_result_bytes = 1 << 16;
  if (size >= sizeof(DeltaHeader)) {
    DeltaHeader header{};
    std::memcpy(&header, delta.data(), sizeof(header));
    std::memcpy(header.magic, kDeltaMagic, sizeof(kDeltaMagic));
    header.readable_from = kDeltaFormatVersion;
    header.base_bytes = base.size();
    header.result_bytes &= 0xffff;
    header.body_bytes = size - sizeof(header);
    header.result_sha256 = expected.result_sha256;
    std::memcpy(delta.data(), &header, sizeof(header));
  }
  uint64_t written = 0;
  DeltaDecoder decoder(
      expected,
      [&](uint64_t offset, std::span<std::byte> bytes) {
        if (offset > base.size() || bytes.size() > base.size() - offset) __builtin_trap();
        std::memcpy(bytes.data(), base.data() + offset, bytes.size());
        return whet::OkStatus();
      },
      [&](std::span<const std::byte> bytes) {
        written += bytes.size();
        if (written > expected.max_result_bytes) __builtin_trap();
        return whet::OkStatus();
      });
  const auto bytes = std::as_bytes(std::span(delta));
  const size_t half = size / 2;
  if (decoder.Write(bytes.first(half)).ok() && decoder.Write(bytes.subspan(half)).ok() &&
      decoder.Finish().ok()) {
    __builtin_trap();  // nobody finds bytes whose SHA-256 is 0
  }
  return 0;
}
