#include "fleet/delta/delta_writer.h"

#include <algorithm>
#include <cstring>

namespace whet::fleet {
namespace {

// No element, and no instruction, takes more bytes than this.
constexpr size_t kBlockMargin = 512;
constexpr uint64_t kMaxBlockResult = uint64_t{1} << 30;

std::span<const uint8_t> AsU8(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

uint64_t Load(const uint8_t* from, uint64_t bytes) {
  uint64_t value = 0;
  std::memcpy(&value, from, bytes);
  return value;
}

// Codes one piece. Calls done(bytes) whenever so many more bytes of the result are told and a block may end.
template <typename Coder, typename Done>
void CodePiece(PieceModels& models, Coder& coder, const Piece& piece, const uint8_t* base,
               const uint8_t* result, Done done) {
  models.CodePiece(coder, piece);
  if (HasElements(piece.instruction)) models.elements.Start(piece);
  models.Finished(piece);
  const uint64_t element = BytesPerElement(piece);
  const uint64_t bytes = piece.length * element;
  switch (piece.instruction) {
    case Instruction::kCopy:
      for (uint64_t left = bytes; left > 0;) {
        const uint64_t part = std::min(left, kMaxBlockResult);
        left -= part;
        done(part);
      }
      break;
    case Instruction::kBytes:
      for (uint64_t i = 0; i < bytes; ++i) {
        models.bytes.Code(coder, models.bits, base[i], result[i]);
        done(1);
      }
      break;
    case Instruction::kLiteral:
      for (uint64_t i = 0; i < bytes; ++i) {
        models.bytes.Code(coder, models.bits, -1, result[i]);
        done(1);
      }
      break;
    case Instruction::kDifference:
      for (uint64_t i = 0; i < bytes; i += element) {
        models.elements.CodeDifference(coder, models.bits, Load(base + i, element),
                                       Load(result + i, element));
        done(element);
      }
      break;
    case Instruction::kSparse:
      for (uint64_t i = 0; i < bytes;) {
        uint64_t next = i;
        while (next < bytes && Load(base + next, element) == Load(result + next, element)) next += element;
        models.gaps.Code(coder, (next - i) / element);
        for (; i < next; i += element) done(element);
        if (i == bytes) break;
        models.elements.CodeDifference(coder, models.bits, Load(base + i, element),
                                       Load(result + i, element));
        done(element);
        i += element;
      }
      break;
    case Instruction::kValues:
      for (uint64_t i = 0; i < bytes; i += element) {
        models.elements.CodeValue(coder, models.bits, Load(result + i, element));
        done(element);
      }
      break;
  }
}

}  // namespace

DeltaWriter::DeltaWriter(std::span<const std::byte> base, std::span<const std::byte> result,
                         size_t max_block_bytes)
    : base_(AsU8(base)),
      result_(AsU8(result)),
      max_block_bytes_(max_block_bytes),
      models_(std::make_unique<PieceModels>()) {}

double DeltaWriter::Cost(std::span<const Piece> pieces, uint64_t at) const {
  const auto models = std::make_unique<PieceModels>(*models_);
  CostCounter counter;
  for (const Piece& piece : pieces) {
    CodePiece(*models, counter, piece, base_.data() + piece.base_offset, result_.data() + at,
              [](uint64_t) {});
    at += piece.length * BytesPerElement(piece);
  }
  return counter.bits() / 8;
}

void DeltaWriter::Add(const Piece& piece) {
  CodePiece(*models_, coder_, piece, base_.data() + piece.base_offset, result_.data() + at_,
            [this](uint64_t bytes) {
              at_ += bytes;
              if (coder_.size() + kBlockMargin > max_block_bytes_ || at_ - block_begin_ > kMaxBlockResult)
                CloseBlock();
            });
}

void DeltaWriter::CloseBlock() {
  const std::vector<uint8_t> coded = coder_.Take();
  const BlockHeader header = {static_cast<uint32_t>(coded.size()), static_cast<uint32_t>(at_ - block_begin_)};
  const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  body_.insert(body_.end(), bytes, bytes + sizeof(header));
  body_.insert(body_.end(), coded.begin(), coded.end());
  block_begin_ = at_;
}

std::vector<uint8_t> DeltaWriter::TakeBody() {
  if (at_ > block_begin_) CloseBlock();
  return std::move(body_);
}

}  // namespace whet::fleet
