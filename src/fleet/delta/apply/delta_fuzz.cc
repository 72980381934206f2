// Any bytes as a delta: refused, or applied within bounds. The header is made right, so that the blocks are
// reached.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "fleet/delta/apply/delta_decoder.h"

namespace {

using namespace whet::fleet;

constexpr size_t kIndexBytes = 3000, kTensorBytes = 2000;

// A file with a compressed index.
std::vector<std::byte> CompactBase() {
  std::vector<std::byte> index(kIndexBytes), file;
  for (size_t i = 0; i < index.size(); ++i) index[i] = static_cast<std::byte>(i * i >> 6);
  CompactPrefix prefix{};
  std::memcpy(prefix.model.magic, whet::kModelMagic, sizeof(whet::kModelMagic));
  std::memcpy(prefix.index.magic, whet::kCompressedIndexMagic, sizeof(whet::kCompressedIndexMagic));
  prefix.index.bytes = index.size();
  file.resize(sizeof(prefix));
  auto deflater = whet::IndexDeflater::Create([&](std::span<const std::byte> made) {
    file.insert(file.end(), made.begin(), made.end());
    return whet::OkStatus();
  });
  if (!deflater.ok() || !deflater->Write(index).ok() || !deflater->Finish().ok()) __builtin_trap();
  prefix.model.index_bytes = file.size() - sizeof(prefix.model);
  std::memcpy(file.data(), &prefix, sizeof(prefix));
  file.insert(file.end(), kTensorBytes, std::byte{9});
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<std::byte> base = CompactBase();
  std::vector<uint8_t> delta(data, data + size);
  DeltaExpectation expected;
  expected.base_bytes = base.size();
  expected.max_result_bytes = 1 << 16;
  if (size >= sizeof(DeltaHeader)) {
    DeltaHeader header{};
    std::memcpy(&header, delta.data(), sizeof(header));
    std::memcpy(header.magic, kDeltaMagic, sizeof(kDeltaMagic));
    header.readable_from = IsExpanded(header) ? 2 : 1;
    header.base_bytes = base.size();
    header.result_bytes &= 0xffff;
    header.body_bytes = size - sizeof(header);
    header.result_sha256 = expected.result_sha256;
    std::memcpy(delta.data(), &header, sizeof(header));
    if (IsExpanded(header) && size >= sizeof(header) + sizeof(ExpandedSizes)) {
      ExpandedSizes sizes{};
      std::memcpy(&sizes, delta.data() + sizeof(header), sizeof(sizes));
      sizes.base_bytes = sizeof(CompactPrefix) + kIndexBytes + kTensorBytes;
      sizes.result_bytes &= 0xfffff;
      std::memcpy(delta.data() + sizeof(header), &sizes, sizeof(sizes));
    }
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
