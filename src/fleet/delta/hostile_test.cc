// Deltas that lie, that are cut short, or meant for another base: each is refused, and nothing is left
// behind.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "fleet/delta/apply/apply_delta.h"
#include "fleet/delta/apply/piece_models.h"
#include "fleet/delta/apply/range_coder.h"
#include "fleet/delta/delta_testing.h"
#include "fleet/delta/make_delta.h"

namespace whet::fleet {
namespace {

class HostileDelta : public testing::Test {
 protected:
  HostileDelta() {
    Bytes base = RandomBytes(3000, 1);
    base.resize(6000, 3);
    Bytes result = base;
    for (size_t i = 0; i < result.size(); i += 100) ++result[i];
    result.insert(result.begin() + 1000, 300, 9);
    WriteBytes(folder_ / "base", base);
    WriteBytes(folder_ / "result", result);
    auto report = MakeDelta(folder_ / "base", folder_ / "result", folder_ / "delta");
    EXPECT_TRUE(report.ok());
    report_ = *report;
    delta_ = ReadBytes(folder_ / "delta");
    result_ = std::move(result);
    files_ = folder_.files();
  }

  Status Apply(const Bytes& delta, uint64_t result_bytes = 0) {
    WriteBytes(folder_ / "delta", delta);
    return ApplyDelta(folder_ / "base", folder_ / "delta", folder_ / "made", report_.result_sha256,
                      result_bytes);
  }
  void ExpectRefused(const Bytes& delta, Code code) {
    const Status status = Apply(delta);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.code(), code) << status.ToString();
    EXPECT_EQ(folder_.files(), files_) << "something was left behind";
  }
  // A delta of one block, coded by the caller.
  Bytes Coded(const std::function<void(PieceModels&, RangeEncoder&)>& code, uint32_t block_result) {
    const auto models = std::make_unique<PieceModels>();
    RangeEncoder encoder;
    code(*models, encoder);
    const Bytes coded = encoder.Take();
    DeltaHeader header{};
    std::memcpy(&header, delta_.data(), sizeof(header));
    const BlockHeader block = {static_cast<uint32_t>(coded.size()), block_result};
    header.body_bytes = sizeof(block) + coded.size();
    Bytes delta(sizeof(header) + header.body_bytes);
    std::memcpy(delta.data(), &header, sizeof(header));
    std::memcpy(delta.data() + sizeof(header), &block, sizeof(block));
    std::memcpy(delta.data() + sizeof(header) + sizeof(block), coded.data(), coded.size());
    return delta;
  }
  Bytes WithHeader(const std::function<void(DeltaHeader&)>& change) {
    Bytes delta = delta_;
    DeltaHeader header{};
    std::memcpy(&header, delta.data(), sizeof(header));
    change(header);
    std::memcpy(delta.data(), &header, sizeof(header));
    return delta;
  }

  void ChangeEveryByte() {
    for (size_t i = 0; i < delta_.size(); ++i) {
      Bytes delta = delta_;
      delta[i] ^= static_cast<uint8_t>(1 << i % 8);
      const Status status = Apply(delta);
      // A change that makes no difference (the base's hash, the last bits of a block) is none.
      if (status.ok()) {
        EXPECT_EQ(ReadBytes(folder_ / "made"), result_);
        std::filesystem::remove(folder_ / "made");
      }
      ASSERT_EQ(folder_.files(), files_) << "byte " << i;
    }
  }
  void CutAtEveryByte() {
    for (size_t i = 0; i < delta_.size(); ++i) {
      ExpectRefused(Bytes(delta_.begin(), delta_.begin() + static_cast<ptrdiff_t>(i)), Code::kBadFile);
    }
  }

  TemporaryFolder folder_;
  DeltaReport report_;
  Bytes delta_;
  Bytes result_;
  size_t files_ = 0;
};

TEST_F(HostileDelta, EveryByteChanged) { ChangeEveryByte(); }

TEST_F(HostileDelta, CutShortAtEveryByte) { CutAtEveryByte(); }

TEST_F(HostileDelta, TooLong) {
  Bytes delta = delta_;
  delta.push_back(0);
  ExpectRefused(delta, Code::kBadFile);
}

TEST_F(HostileDelta, SizesThatLie) {
  ExpectRefused(WithHeader([](auto& h) { h.result_bytes += 1; }), Code::kBadFile);
  ExpectRefused(WithHeader([](auto& h) { h.result_bytes -= 1; }), Code::kBadFile);
  ExpectRefused(WithHeader([](auto& h) { h.result_bytes = UINT64_MAX; }), Code::kBadFile);
  ExpectRefused(WithHeader([](auto& h) { h.result_bytes = uint64_t{1} << 50; }), Code::kLimitExceeded);
  ExpectRefused(WithHeader([](auto& h) { h.base_bytes += 1; }), Code::kInvalidArgument);
  ExpectRefused(WithHeader([](auto& h) { h.body_bytes += 1; }), Code::kBadFile);
  ExpectRefused(WithHeader([](auto& h) { h.body_bytes = 3; }), Code::kBadFile);
  ExpectRefused(WithHeader([](auto& h) { h.readable_from = 99; }), Code::kUnsupported);
  ExpectRefused(WithHeader([](auto& h) { h.magic[0] = 'X'; }), Code::kBadFile);
  ExpectRefused(WithHeader([](auto& h) { h.result_sha256[5] ^= 1; }), Code::kBadFile);
  for (const uint32_t coded : {0u, MaxBlockBytes(false) + 1, UINT32_MAX}) {
    Bytes delta = delta_;
    std::memcpy(delta.data() + sizeof(DeltaHeader), &coded, sizeof(coded));
    ExpectRefused(delta, Code::kBadFile);
  }
  EXPECT_EQ(Apply(delta_, result_.size() - 1).code(), Code::kLimitExceeded);
  EXPECT_TRUE(Apply(delta_, result_.size()).ok());
}

// The header of a decompression bomb may say what it likes: no more is written than was signed.
TEST_F(HostileDelta, Bomb) {
  Piece zeros;
  zeros.instruction = Instruction::kLiteral;
  zeros.length = uint64_t{1} << 40;
  const Bytes bomb = Coded([&](auto& models, auto& coder) { models.CodePiece(coder, zeros); },
                           static_cast<uint32_t>(result_.size()));
  ExpectRefused(bomb, Code::kBadFile);
  ExpectRefused(Coded([&](auto& models, auto& coder) { models.CodePiece(coder, zeros); }, UINT32_MAX),
                Code::kBadFile);
}

TEST_F(HostileDelta, InstructionsOutOfBounds) {
  const auto piece = [](Instruction instruction, uint64_t offset, uint64_t length) {
    Piece made;
    made.instruction = instruction;
    made.base_offset = offset;
    made.length = length;
    made.format = 6;
    return made;
  };
  const auto all = static_cast<uint32_t>(result_.size());
  for (const Piece& wrong :
       {piece(Instruction::kCopy, 6000, 1), piece(Instruction::kCopy, 1, 6000),
        piece(Instruction::kCopy, uint64_t{1} << 60, 10), piece(Instruction::kCopy, UINT64_MAX - 3, 10),
        piece(Instruction::kBytes, 5999, 2), piece(Instruction::kDifference, 5997, 1),
        piece(Instruction::kSparse, 8, 1499), piece(Instruction::kValues, 0, 1576),
        piece(Instruction::kLiteral, 0, 6301), piece(Instruction::kValues, 0, uint64_t{1} << 61)}) {
    ExpectRefused(Coded([&](auto& models, auto& coder) { models.CodePiece(coder, wrong); }, all),
                  Code::kBadFile);
  }
  // Rows and formats that there are not.
  Piece wrong = piece(Instruction::kValues, 0, 10);
  wrong.row = 0;
  ExpectRefused(Coded([&](auto& models, auto& coder) { models.CodePiece(coder, wrong); }, all),
                Code::kBadFile);
  wrong.row = kMaxRow + 1;
  ExpectRefused(Coded([&](auto& models, auto& coder) { models.CodePiece(coder, wrong); }, all),
                Code::kBadFile);
  wrong.row = 1;
  wrong.format = kElementFormatCount;
  ExpectRefused(Coded([&](auto& models, auto& coder) { models.CodePiece(coder, wrong); }, all),
                Code::kBadFile);
  wrong.format = 6;
  wrong.instruction = static_cast<Instruction>(7);
  ExpectRefused(Coded([&](auto& models, auto& coder) { models.CodePiece(coder, wrong); }, all),
                Code::kBadFile);
  // A block that ends within an element.
  ExpectRefused(
      Coded([&](auto& models, auto& coder) { models.CodePiece(coder, piece(Instruction::kValues, 0, 10)); },
            3),
      Code::kBadFile);
}

// Between Model files whose indexes are compressed.
class HostileExpandedDelta : public HostileDelta {
 protected:
  HostileExpandedDelta() {
    std::vector<Layer> layers;
    for (int i = 0; i < 20; ++i) {
      layers.push_back(FloatLayer("w" + std::to_string(i), {32}, Weights(32, static_cast<uint32_t>(i))));
    }
    WriteModel(folder_ / "base", layers);
    layers[7].name = "another";
    layers[9] = FloatLayer("w9", {32}, Weights(32, 90));
    WriteModel(folder_ / "result", layers);
    auto report = MakeDelta(folder_ / "base", folder_ / "result", folder_ / "delta");
    EXPECT_TRUE(report.ok());
    report_ = *report;
    delta_ = ReadBytes(folder_ / "delta");
    result_ = ReadBytes(folder_ / "result");
  }
};

TEST_F(HostileExpandedDelta, EveryByteChanged) { ChangeEveryByte(); }

TEST_F(HostileExpandedDelta, CutShortAtEveryByte) { CutAtEveryByte(); }

TEST_F(HostileExpandedDelta, SizesThatLie) {
  const auto with_sizes = [&](uint64_t base, uint64_t result) {
    Bytes delta = delta_;
    ExpandedSizes sizes{};
    std::memcpy(&sizes, delta.data() + sizeof(DeltaHeader), sizeof(sizes));
    sizes.base_bytes += base;
    sizes.result_bytes += result;
    std::memcpy(delta.data() + sizeof(DeltaHeader), &sizes, sizeof(sizes));
    return delta;
  };
  EXPECT_TRUE(Apply(with_sizes(0, 0)).ok());
  std::filesystem::remove(folder_ / "made");
  ExpectRefused(with_sizes(1, 0), Code::kInvalidArgument);
  ExpectRefused(with_sizes(0, 1), Code::kBadFile);
  ExpectRefused(with_sizes(0, uint64_t{1} << 50), Code::kBadFile);
  ExpectRefused(WithHeader([](auto& h) { h.body_bytes = 15; }), Code::kBadFile);
  // What is about expanded forms makes no sense of the files themselves.
  ExpectRefused(WithHeader([](auto& h) { h.readable_from = 1; }), Code::kBadFile);
  // Another base whose file is as large.
  Bytes base = ReadBytes(folder_ / "base");
  base[0] ^= 1;
  WriteBytes(folder_ / "base", base);
  ExpectRefused(delta_, Code::kInvalidArgument);
}

// Copies may overlap in the base: it is never written to.
TEST_F(HostileDelta, OverlappingCopiesAreOrdinary) {
  const Bytes base = ReadBytes(folder_ / "base");
  Bytes result(base.begin(), base.begin() + 2000);
  result.insert(result.end(), base.begin() + 1000, base.begin() + 3000);
  WriteBytes(folder_ / "result", result);
  const auto report = MakeDelta(folder_ / "base", folder_ / "result", folder_ / "delta");
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(ApplyDelta(folder_ / "base", folder_ / "delta", folder_ / "made", report->result_sha256).ok());
  EXPECT_EQ(ReadBytes(folder_ / "made"), result);
}

TEST_F(HostileDelta, WrongBase) {
  Bytes base = ReadBytes(folder_ / "base");
  base[10] ^= 1;
  WriteBytes(folder_ / "base", base);
  ExpectRefused(delta_, Code::kBadFile);
  base.pop_back();
  WriteBytes(folder_ / "base", base);
  ExpectRefused(delta_, Code::kInvalidArgument);
  std::filesystem::remove(folder_ / "base");
  --files_;
  ExpectRefused(delta_, Code::kNotFound);
}

TEST_F(HostileDelta, FailureLeavesTheOldResult) {
  WriteBytes(folder_ / "made", Bytes(3, 1));
  ++files_;
  Bytes delta = delta_;
  delta.pop_back();
  ExpectRefused(delta, Code::kBadFile);
  EXPECT_EQ(ReadBytes(folder_ / "made"), Bytes(3, 1));
}

TEST_F(HostileDelta, StreamInPiecesOfAnySize) {
  for (const size_t size : {size_t{1}, size_t{7}, size_t{1000}, delta_.size()}) {
    auto applier =
        DeltaApplier::Create(folder_ / "base", folder_ / "made", report_.result_sha256, result_.size());
    ASSERT_TRUE(applier.ok());
    for (size_t at = 0; at < delta_.size(); at += size) {
      const auto piece = std::span(delta_).subspan(at, std::min(size, delta_.size() - at));
      ASSERT_TRUE((*applier)->Write(std::as_bytes(piece)).ok());
    }
    const Status finished = (*applier)->Finish();
    EXPECT_TRUE(finished.ok()) << finished.ToString();
    EXPECT_EQ(ReadBytes(folder_ / "made"), result_);
    std::filesystem::remove(folder_ / "made");
  }
  // Abandoned half-way; used on after an error.
  {
    auto applier = DeltaApplier::Create(folder_ / "base", folder_ / "made", report_.result_sha256);
    ASSERT_TRUE(applier.ok());
    ASSERT_TRUE((*applier)->Write(std::as_bytes(std::span(delta_).first(delta_.size() / 2))).ok());
  }
  EXPECT_EQ(folder_.files(), files_);
  auto applier = DeltaApplier::Create(folder_ / "base", folder_ / "made", report_.result_sha256);
  ASSERT_TRUE(applier.ok());
  EXPECT_FALSE((*applier)->Write(std::as_bytes(std::span(result_))).ok());
  EXPECT_FALSE((*applier)->Write(std::as_bytes(std::span(delta_))).ok());
  EXPECT_FALSE((*applier)->Finish().ok());
}

}  // namespace
}  // namespace whet::fleet
