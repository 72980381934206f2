#include "fleet/delta/apply/delta_decoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "fleet/delta/apply/piece_models.h"
#include "fleet/delta/apply/range_coder.h"

namespace whet::fleet {
namespace {

constexpr size_t kStepBytes = 4096;

Status Damaged(const char* what) {
  return Error(Code::kBadFile, "the delta is damaged: %s; fetch the whole file instead", what);
}

}  // namespace

Status CheckDeltaHeader(const DeltaHeader& header) {
  if (std::memcmp(header.magic, kDeltaMagic, sizeof(kDeltaMagic)) != 0) {
    return Error(Code::kBadFile, "is not a delta (.wdelta)");
  }
  if (header.readable_from > kDeltaFormatVersion) {
    return Error(Code::kUnsupported,
                 "the delta needs a reader of format version %u or later, this one is %u; fetch the whole "
                 "file instead",
                 header.readable_from, kDeltaFormatVersion);
  }
  if (header.base_bytes >= uint64_t{1} << 60 || header.result_bytes >= uint64_t{1} << 60) {
    return Damaged("the sizes in its header are impossible");
  }
  return {};
}

class DeltaDecoder::Impl {
 public:
  Impl(const DeltaExpectation& expected, ReadFile read_base, WriteFile write_result)
      : expected_(expected), read_base_(std::move(read_base)), write_result_(std::move(write_result)) {
    buffer_.resize(sizeof(DeltaHeader));
  }

  Status Write(std::span<const std::byte> bytes) {
    if (failed_) return Error(Code::kInvalidArgument, "the delta has failed before");
    Status status = Take(bytes);
    failed_ = !status.ok();
    return status;
  }

  Status Finish() {
    if (failed_) return Error(Code::kInvalidArgument, "the delta has failed before");
    failed_ = true;
    if (!header_ || filled_ != 0 || block_ || body_taken_ != header_->body_bytes ||
        written_ != sizes_.result_bytes) {
      return Damaged("it ends too early");
    }
    if (packer_) WHET_RETURN_IF_ERROR(packer_->Finish());
    if (hasher_.Finish() != expected_.result_sha256) {
      return Error(Code::kBadFile,
                   "the result's SHA-256 is not the one expected: the delta is damaged, or the base is not "
                   "the one it was "
                   "made for; fetch the whole file instead");
    }
    failed_ = false;
    return {};
  }

  const std::optional<DeltaHeader>& header() const { return header_; }
  uint64_t written() const { return written_; }

 private:
  // Gathers `size` bytes in buffer_; true when they are there.
  bool Gather(std::span<const std::byte>& bytes, size_t size) {
    const size_t taken = std::min(bytes.size(), size - filled_);
    if (taken > 0) std::memcpy(buffer_.data() + filled_, bytes.data(), taken);
    bytes = bytes.subspan(taken);
    filled_ += taken;
    if (filled_ < size) return false;
    filled_ = 0;
    return true;
  }

  Status Take(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      if (!header_) {
        if (!Gather(bytes, sizeof(DeltaHeader))) return {};
        DeltaHeader header{};
        std::memcpy(&header, buffer_.data(), sizeof(header));
        WHET_RETURN_IF_ERROR(CheckHeader(header));
        header_ = header;
        WHET_RETURN_IF_ERROR(Begin());
      } else if (IsExpanded(*header_) && !sizes_known_) {
        if (header_->body_bytes < sizeof(ExpandedSizes))
          return Damaged("its header says that nothing follows");
        if (!Gather(bytes, sizeof(ExpandedSizes))) return {};
        std::memcpy(&sizes_, buffer_.data(), sizeof(sizes_));
        body_taken_ = sizeof(sizes_);
        WHET_RETURN_IF_ERROR(CheckSizes());
        sizes_known_ = true;
      } else if (!block_) {
        if (body_taken_ == header_->body_bytes) return Damaged("bytes follow its end");
        if (!Gather(bytes, sizeof(BlockHeader))) return {};
        BlockHeader block{};
        std::memcpy(&block, buffer_.data(), sizeof(block));
        const uint64_t left = header_->body_bytes - body_taken_;
        if (left < sizeof(block) || block.coded_bytes == 0 || block.coded_bytes > buffer_.size() ||
            block.coded_bytes > left - sizeof(block) || block.result_bytes == 0 ||
            block.result_bytes > sizes_.result_bytes - written_) {
          return Damaged("a block's sizes do not fit");
        }
        block_ = block;
      } else {
        if (!Gather(bytes, block_->coded_bytes)) return {};
        body_taken_ += sizeof(BlockHeader) + block_->coded_bytes;
        WHET_RETURN_IF_ERROR(DecodeBlock(block_->coded_bytes, block_->result_bytes));
        block_.reset();
      }
    }
    return {};
  }

  Status CheckHeader(const DeltaHeader& header) {
    WHET_RETURN_IF_ERROR(CheckDeltaHeader(header));
    if (header.result_sha256 != expected_.result_sha256) {
      return Error(Code::kBadFile,
                   "the delta makes another file than the one expected; fetch the whole file instead");
    }
    if (header.base_bytes != expected_.base_bytes) {
      return Error(
          Code::kInvalidArgument,
          "the delta was made for a base of %llu bytes, this one has %llu; fetch the whole file instead",
          static_cast<unsigned long long>(header.base_bytes),
          static_cast<unsigned long long>(expected_.base_bytes));
    }
    if (expected_.result_bytes != 0 ? header.result_bytes != expected_.result_bytes
                                    : header.result_bytes > expected_.max_result_bytes) {
      return Error(Code::kLimitExceeded, "the delta would make %llu bytes, which is not what was expected",
                   static_cast<unsigned long long>(header.result_bytes));
    }
    return {};
  }

  Status Begin() {
    sizes_ = {header_->base_bytes, header_->result_bytes};
    buffer_.resize(MaxBlockBytes(IsExpanded(*header_)));
    if (!IsExpanded(*header_)) return {};
    WHET_ASSIGN_OR_RETURN(base_file_, ExpandedReader::Create(header_->base_bytes, read_base_));
    packer_.emplace(header_->result_bytes,
                    [this](std::span<const std::byte> bytes) { return WriteResult(bytes); });
    return {};
  }

  // A file of n bytes has an index of less than n, and that is not expanded further than kMostCompression.
  Status CheckSizes() const {
    if (sizes_.base_bytes != base_file_->size()) {
      return Error(Code::kInvalidArgument,
                   "the delta was made for another base than this one; fetch the whole file instead");
    }
    if (sizes_.result_bytes / (kMostCompression + 1) > header_->result_bytes) {
      return Damaged("the sizes in its header are impossible");
    }
    return {};
  }

  Status ReadBase(uint64_t offset, std::span<std::byte> bytes) {
    return base_file_ ? base_file_->ReadAt(offset, bytes) : read_base_(offset, bytes);
  }
  Status WriteResult(std::span<const std::byte> bytes) {
    hasher_.Update(bytes);
    return write_result_(bytes);
  }

  Status DecodeBlock(uint64_t coded_bytes, uint64_t left) {
    coder_.Start(std::span(buffer_).first(coded_bytes));
    while (left > 0) {
      if (piece_left_ == 0) WHET_RETURN_IF_ERROR(BeginPiece());
      const uint64_t element = BytesPerElement(piece_);
      // A block ends between elements.
      if (left < element) return Damaged("a block ends within an element");
      const uint64_t count = std::min({piece_left_, left / element, kStepBytes / element});
      WHET_RETURN_IF_ERROR(DecodeStep(count, element));
      left -= count * element;
    }
    return {};
  }

  Status BeginPiece() {
    const Piece piece = models_.CodePiece(coder_, {});
    const auto instruction = static_cast<uint32_t>(piece.instruction);
    if (instruction >= kInstructionCount || piece.format >= kElementFormatCount || piece.row < 1 ||
        piece.row > kMaxRow) {
      return Damaged("an instruction is not known");
    }
    const uint64_t element = BytesPerElement(piece);
    const uint64_t result_left = sizes_.result_bytes - written_;
    if (piece.length < 1 || piece.length > result_left / element)
      return Damaged("an instruction makes too much");
    if (HasBase(piece.instruction)) {
      const uint64_t base = sizes_.base_bytes;
      if (piece.base_offset > base || piece.length > (base - piece.base_offset) / element) {
        return Damaged("an instruction reads beyond the base");
      }
    }
    piece_ = piece;
    piece_left_ = piece.length;
    base_at_ = piece.base_offset;
    gap_known_ = false;
    if (HasElements(piece.instruction)) models_.elements.Start(piece);
    models_.Finished(piece);
    return {};
  }

  Status DecodeStep(uint64_t count, uint64_t element) {
    const uint64_t bytes = count * element;
    if (HasBase(piece_.instruction)) {
      WHET_RETURN_IF_ERROR(ReadBase(base_at_, std::as_writable_bytes(std::span(base_.data(), bytes))));
      base_at_ += bytes;
    }
    const uint8_t* result = result_.data();
    switch (piece_.instruction) {
      case Instruction::kCopy: result = base_.data(); break;
      case Instruction::kBytes:
        for (uint64_t i = 0; i < bytes; ++i) {
          result_[i] = models_.bytes.Code(coder_, models_.bits, base_[i], 0);
        }
        break;
      case Instruction::kLiteral:
        for (uint64_t i = 0; i < bytes; ++i) result_[i] = models_.bytes.Code(coder_, models_.bits, -1, 0);
        break;
      case Instruction::kDifference:
        for (uint64_t i = 0; i < bytes; i += element) {
          Store(i, element, models_.elements.CodeDifference(coder_, models_.bits, Load(i, element), 0));
        }
        break;
      case Instruction::kSparse:
        for (uint64_t i = 0; i < bytes; i += element) {
          if (!gap_known_) {
            gap_ = models_.gaps.Code(coder_, 0);
            gap_known_ = true;
          }
          uint64_t value = Load(i, element);
          if (gap_ == 0) {
            value = models_.elements.CodeDifference(coder_, models_.bits, value, 0);
            gap_known_ = false;
          } else {
            --gap_;
          }
          Store(i, element, value);
        }
        break;
      case Instruction::kValues:
        for (uint64_t i = 0; i < bytes; i += element) {
          Store(i, element, models_.elements.CodeValue(coder_, models_.bits, 0));
        }
        break;
    }
    const auto made = std::as_bytes(std::span(result, bytes));
    WHET_RETURN_IF_ERROR(packer_ ? packer_->Write(made) : WriteResult(made));
    written_ += bytes;
    piece_left_ -= count;
    return {};
  }

  uint64_t Load(uint64_t at, uint64_t element) const {
    uint64_t value = 0;
    std::memcpy(&value, base_.data() + at, element);
    return value;
  }
  void Store(uint64_t at, uint64_t element, uint64_t value) {
    std::memcpy(result_.data() + at, &value, element);
  }

  const DeltaExpectation expected_;
  const ReadFile read_base_;
  const WriteFile write_result_;

  std::optional<DeltaHeader> header_;
  ExpandedSizes sizes_{};     // of what instructions are about
  bool sizes_known_ = false;  // of a header of version 2
  std::optional<ExpandedReader> base_file_;
  std::optional<ExpandedWriter> packer_;
  std::optional<BlockHeader> block_;  // whose bytes are being gathered
  size_t filled_ = 0;
  uint64_t body_taken_ = 0;
  uint64_t written_ = 0;  // of the result, expanded
  bool failed_ = false;
  Sha256Hasher hasher_;

  Piece piece_;
  uint64_t piece_left_ = 0;  // elements
  uint64_t base_at_ = 0;
  uint64_t gap_ = 0;  // equal elements before the next that is not
  bool gap_known_ = false;

  RangeDecoder coder_;
  PieceModels models_;
  std::vector<uint8_t> buffer_;
  std::array<uint8_t, kStepBytes> base_;
  std::array<uint8_t, kStepBytes> result_;
};

DeltaDecoder::DeltaDecoder(const DeltaExpectation& expected, ReadFile read_base, WriteFile write_result)
    : impl_(std::make_unique<Impl>(expected, std::move(read_base), std::move(write_result))) {}

DeltaDecoder::~DeltaDecoder() = default;

Status DeltaDecoder::Write(std::span<const std::byte> bytes) { return impl_->Write(bytes); }

Status DeltaDecoder::Finish() { return impl_->Finish(); }

const std::optional<DeltaHeader>& DeltaDecoder::header() const { return impl_->header(); }

uint64_t DeltaDecoder::result_bytes_written() const { return impl_->written(); }

}  // namespace whet::fleet
