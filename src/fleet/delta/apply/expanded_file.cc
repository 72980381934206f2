#include "fleet/delta/apply/expanded_file.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace whet::fleet {
namespace {

// How much an index may be decompressed for one delta: for jumps back within it.
constexpr uint64_t kMostWork = uint64_t{1} << 28;
constexpr uint64_t kMostPasses = 16;

bool IsCompact(const CompactPrefix& prefix) {
  return std::memcmp(prefix.model.magic, kModelMagic, sizeof(kModelMagic)) == 0 &&
         std::memcmp(prefix.index.magic, kCompressedIndexMagic, sizeof(kCompressedIndexMagic)) == 0 &&
         prefix.model.index_bytes > sizeof(CompressedIndexHeader) &&
         prefix.index.bytes / kMostCompression <= prefix.model.index_bytes;
}

}  // namespace

Result<ExpandedReader> ExpandedReader::Create(uint64_t file_bytes, ReadFile read) {
  ExpandedReader reader(file_bytes, std::move(read));
  CompactPrefix prefix{};
  std::byte zlib_header{};
  if (file_bytes <= sizeof(prefix)) return reader;
  WHET_RETURN_IF_ERROR(reader.read_(0, std::as_writable_bytes(std::span(&prefix, 1))));
  WHET_RETURN_IF_ERROR(reader.read_(sizeof(prefix), std::span(&zlib_header, 1)));
  // RFC 1950: the method in the lower four bits, the window in the upper ones. What earlier writers made has
  // a larger window.
  const int method = std::to_integer<int>(zlib_header) & 15,
            window = (std::to_integer<int>(zlib_header) >> 4) + 8;
  if (!IsCompact(prefix) || prefix.model.index_bytes > file_bytes - sizeof(ModelHeader) || method != 8 ||
      window > kIndexWindowBits) {
    return reader;
  }
  auto state = std::make_unique<State>();
  state->stored_end = sizeof(ModelHeader) + prefix.model.index_bytes;
  state->stored_at = sizeof(prefix);
  reader.index_bytes_ = prefix.index.bytes;
  reader.size_ = reader.IndexEnd() + (file_bytes - state->stored_end);
  reader.state_ = std::move(state);
  return reader;
}

Status ExpandedReader::ReadAt(uint64_t offset, std::span<std::byte> bytes) {
  if (state_ == nullptr) return read_(offset, bytes);
  const uint64_t index_end = IndexEnd();
  while (!bytes.empty()) {
    const uint64_t part_end = offset < sizeof(CompactPrefix) ? sizeof(CompactPrefix)
                              : offset < index_end           ? index_end
                                                             : size_;
    const auto part = bytes.first(std::min<uint64_t>(bytes.size(), part_end - offset));
    if (offset < sizeof(CompactPrefix)) {
      WHET_RETURN_IF_ERROR(read_(offset, part));
    } else if (offset < index_end) {
      WHET_RETURN_IF_ERROR(ReadIndex(offset - sizeof(CompactPrefix), part));
    } else {
      WHET_RETURN_IF_ERROR(read_(offset - index_end + state_->stored_end, part));
    }
    offset += part.size();
    bytes = bytes.subspan(part.size());
  }
  return {};
}

Status ExpandedReader::ReadIndex(uint64_t offset, std::span<std::byte> bytes) {
  State& state = *state_;
  if (!state.inflater) {
    // `this` may have moved since; the state has not.
    WHET_ASSIGN_OR_RETURN(
        state.inflater,
        IndexInflater::Create([&state, read = read_](std::span<std::byte> into) -> Result<size_t> {
          const size_t count = std::min<uint64_t>(into.size(), state.stored_end - state.stored_at);
          if (count > 0) WHET_RETURN_IF_ERROR(read(state.stored_at, into.first(count)));
          state.stored_at += count;
          return count;
        }));
  }
  if (offset < state.at) {
    state.inflater->Restart();
    state.stored_at = sizeof(CompactPrefix);
    state.at = 0;
  }
  const uint64_t work = offset + bytes.size() - state.at;
  state.work += work;
  if (state.work > kMostWork + kMostPasses * index_bytes_) {
    return Error(Code::kLimitExceeded,
                 "the delta jumps in the base's index too often; fetch the whole file instead");
  }
  std::array<std::byte, 256> skipped;
  while (state.at < offset) {
    const auto part = std::span(skipped).first(std::min<uint64_t>(skipped.size(), offset - state.at));
    WHET_RETURN_IF_ERROR(state.inflater->Read(part));
    state.at += part.size();
  }
  WHET_RETURN_IF_ERROR(state.inflater->Read(bytes));
  state.at += bytes.size();
  return {};
}

Status ExpandedWriter::Write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (filled_ < prefix_.size()) {
      const auto part = bytes.first(std::min(bytes.size(), prefix_.size() - filled_));
      std::memcpy(prefix_.data() + filled_, part.data(), part.size());
      filled_ += part.size();
      bytes = bytes.subspan(part.size());
      if (filled_ == prefix_.size()) WHET_RETURN_IF_ERROR(BeginIndex());
    } else if (index_left_ > 0) {
      const auto part = bytes.first(std::min<uint64_t>(bytes.size(), index_left_));
      WHET_RETURN_IF_ERROR(deflater_->Write(part));
      index_left_ -= part.size();
      bytes = bytes.subspan(part.size());
      if (index_left_ == 0) WHET_RETURN_IF_ERROR(EndIndex());
    } else {
      return Pass(bytes);
    }
  }
  return {};
}

Status ExpandedWriter::BeginIndex() {
  WHET_RETURN_IF_ERROR(Pass(prefix_));
  CompactPrefix prefix{};
  std::memcpy(&prefix, prefix_.data(), sizeof(prefix));
  if (!IsCompact(prefix) || prefix.index.bytes == 0) return {};
  index_left_ = prefix.index.bytes;
  stored_left_ = prefix.model.index_bytes - sizeof(CompressedIndexHeader);
  WHET_ASSIGN_OR_RETURN(deflater_, IndexDeflater::Create([this](std::span<const std::byte> bytes) -> Status {
                          if (bytes.size() > stored_left_) {
                            return Error(
                                Code::kBadFile,
                                "the result's index takes more bytes than its header says; fetch the "
                                "whole file instead");
                          }
                          stored_left_ -= bytes.size();
                          return Pass(bytes);
                        }));
  return {};
}

Status ExpandedWriter::EndIndex() {
  WHET_RETURN_IF_ERROR(deflater_->Finish());
  deflater_.reset();
  if (stored_left_ == 0) return {};
  return Error(Code::kBadFile,
               "the result's index takes fewer bytes than its header says; fetch the whole file instead");
}

Status ExpandedWriter::Pass(std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  if (bytes.size() > left_) {
    return Error(Code::kBadFile, "the delta is damaged: it makes too much; fetch the whole file instead");
  }
  left_ -= bytes.size();
  return write_(bytes);
}

Status ExpandedWriter::Finish() {
  if (filled_ < prefix_.size()) WHET_RETURN_IF_ERROR(Pass(std::span(prefix_).first(filled_)));
  if (index_left_ == 0 && left_ == 0) return {};
  return Error(Code::kBadFile, "the delta is damaged: it ends too early; fetch the whole file instead");
}

}  // namespace whet::fleet
