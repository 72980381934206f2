#include "fleet/delta/apply/expanded_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace whet::fleet {
namespace {

using Bytes = std::vector<std::byte>;

// What an index looks like: text that repeats itself, and numbers that do not.
Bytes AnIndex(size_t size) {
  std::mt19937 random(1);
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(i / 64 % 2 == 0 ? 'a' + i % 16 : random() % 256);
  }
  return bytes;
}

// An expanded form: a header, an index, some tensors.
Bytes Expanded(const Bytes& index, uint64_t stored_bytes) {
  CompactPrefix prefix{};
  std::memcpy(prefix.model.magic, kModelMagic, sizeof(kModelMagic));
  prefix.model.index_bytes = sizeof(CompressedIndexHeader) + stored_bytes;
  std::memcpy(prefix.index.magic, kCompressedIndexMagic, sizeof(kCompressedIndexMagic));
  prefix.index.bytes = index.size();
  const auto head = std::as_bytes(std::span(&prefix, 1));
  Bytes form(head.begin(), head.end());
  form.insert(form.end(), index.begin(), index.end());
  form.insert(form.end(), 1000, std::byte{7});
  return form;
}

uint64_t StoredBytes(const Bytes& index) {
  uint64_t bytes = 0;
  auto deflater = IndexDeflater::Create([&](std::span<const std::byte> made) {
    bytes += made.size();
    return OkStatus();
  });
  EXPECT_TRUE(deflater.ok() && deflater->Write(index).ok() && deflater->Finish().ok());
  return bytes;
}

struct Packed {
  Bytes file;
  Status status;
};
Packed Pack(const Bytes& form, size_t piece, uint64_t most = uint64_t{1} << 20) {
  Packed packed;
  ExpandedWriter writer(most, [&](std::span<const std::byte> made) {
    packed.file.insert(packed.file.end(), made.begin(), made.end());
    return OkStatus();
  });
  for (size_t at = 0; at < form.size() && packed.status.ok(); at += piece) {
    packed.status = writer.Write(std::span(form).subspan(at, std::min(piece, form.size() - at)));
  }
  if (packed.status.ok()) packed.status = writer.Finish();
  return packed;
}

Result<ExpandedReader> ReaderOf(const Bytes& file) {
  return ExpandedReader::Create(file.size(), [&file](uint64_t offset, std::span<std::byte> into) {
    if (offset > file.size() || into.size() > file.size() - offset) {
      ADD_FAILURE() << "asked for bytes beyond the file";
      return Error(Code::kIo, "beyond the file");
    }
    std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
    return OkStatus();
  });
}

class ExpandedFile : public testing::Test {
 protected:
  const Bytes index_ = AnIndex(50000);
  const uint64_t stored_ = StoredBytes(index_);
  const Bytes form_ = Expanded(index_, stored_);
  const uint64_t file_bytes_ = form_.size() - index_.size() + stored_;
  const Bytes file_ = Pack(form_, form_.size(), file_bytes_).file;
};

TEST_F(ExpandedFile, PacksToTheSameBytesInPiecesOfAnySize) {
  ASSERT_EQ(file_.size(), file_bytes_);
  for (const size_t piece : {size_t{1}, size_t{13}, size_t{4096}}) {
    const Packed packed = Pack(form_, piece, file_bytes_);
    EXPECT_TRUE(packed.status.ok()) << packed.status.ToString();
    EXPECT_EQ(packed.file, file_) << piece;
  }
}

TEST_F(ExpandedFile, ReadsAtAnyPlace) {
  auto reader = ReaderOf(file_);
  ASSERT_TRUE(reader.ok());
  EXPECT_TRUE(reader->expands());
  ASSERT_EQ(reader->size(), form_.size());
  std::mt19937 random(2);
  for (int i = 0; i < 300; ++i) {
    const size_t at = random() % form_.size();
    Bytes read(std::min<size_t>(form_.size() - at, random() % 5000));
    ASSERT_TRUE(reader->ReadAt(at, read).ok());
    ASSERT_EQ(std::memcmp(read.data(), form_.data() + at, read.size()), 0) << at;
  }
}

// A hostile delta must not keep a device busy by reading an index to and fro.
TEST_F(ExpandedFile, JumpsInTheIndexAreBounded) {
  auto reader = ReaderOf(file_);
  ASSERT_TRUE(reader.ok());
  Status status;
  int jumps = 0;
  for (std::byte last{}; status.ok() && jumps < 20000; ++jumps) {
    status = reader->ReadAt(reader->IndexEnd() - 1, std::span(&last, 1));
  }
  EXPECT_EQ(status.code(), Code::kLimitExceeded);
  EXPECT_GT(jumps, 1000);
}

TEST_F(ExpandedFile, OtherFilesAreTheirOwnForm) {
  Bytes other = file_;
  other[0] ^= std::byte{1};
  Bytes larger_window = file_;
  larger_window[sizeof(CompactPrefix)] = std::byte{0x78};
  Bytes cut(file_.begin(), file_.begin() + 200);
  Bytes bomb = file_;
  const uint64_t claim = uint64_t{1} << 40;
  std::memcpy(bomb.data() + offsetof(CompactPrefix, index.bytes), &claim, sizeof(claim));
  for (const Bytes& file : {Bytes(), Bytes(sizeof(CompactPrefix)), other, larger_window, cut, bomb}) {
    auto reader = ReaderOf(file);
    ASSERT_TRUE(reader.ok());
    EXPECT_FALSE(reader->expands());
    EXPECT_EQ(reader->size(), file.size());
    Bytes read(file.size());
    ASSERT_TRUE(reader->ReadAt(0, read).ok());
    EXPECT_EQ(read, file);
  }
  for (const Bytes& file : {Bytes(), Bytes(10, std::byte{3}), other}) {
    const Packed packed = Pack(file, 64, file.size());
    EXPECT_TRUE(packed.status.ok()) << packed.status.ToString();
    EXPECT_EQ(packed.file, file);
  }
}

TEST_F(ExpandedFile, AnIndexThatIsNotWhatItsHeaderSays) {
  for (const int64_t wrong : {int64_t{-100}, int64_t{-1}, int64_t{1}, int64_t{100}}) {
    const auto stored = static_cast<uint64_t>(static_cast<int64_t>(stored_) + wrong);
    EXPECT_EQ(Pack(Expanded(index_, stored), 1000).status.code(), Code::kBadFile) << wrong;
  }
  // More than the file may have.
  EXPECT_EQ(Pack(form_, 1000, file_bytes_ - 1).status.code(), Code::kBadFile);
  EXPECT_EQ(Pack(form_, 1000, file_bytes_ + 1).status.code(), Code::kBadFile);
  EXPECT_EQ(Pack(Bytes(form_.begin(), form_.begin() + 1000), 1000, file_bytes_).status.code(),
            Code::kBadFile);
  // Compressed bytes that are damaged.
  Bytes damaged = file_;
  damaged[sizeof(CompactPrefix) + 40] ^= std::byte{0xff};
  damaged[sizeof(CompactPrefix) + 41] ^= std::byte{0xff};
  auto reader = ReaderOf(damaged);
  ASSERT_TRUE(reader.ok());
  Bytes read(reader->size());
  // Deflate has no redundancy but its checksum at the end, which the reader of the result's SHA-256 does not
  // need.
  const Status status = reader->ReadAt(0, read);
  EXPECT_TRUE(!status.ok() || read != form_);
}

}  // namespace
}  // namespace whet::fleet
