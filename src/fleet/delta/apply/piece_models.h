// All that a delta's coding learns as it goes, about 220 KiB; the same on both sides.
#pragma once

#include "fleet/delta/apply/byte_model.h"
#include "fleet/delta/apply/element_model.h"
#include "fleet/delta/apply/format.h"
#include "fleet/delta/apply/hashed_bits.h"
#include "fleet/delta/apply/number_model.h"

namespace whet::fleet {

struct PieceModels {
  HashedBits bits;
  ElementModel elements;
  ByteModel bytes;
  NumberModel gaps;

  // What the piece is. When decoding, the piece returned can be anything that its types can hold, and must be
  // checked.
  template <typename Coder>
  Piece CodePiece(Coder& coder, const Piece& piece) {
    Piece coded;
    const uint32_t instruction = instructions_[last_].Code(coder, static_cast<uint32_t>(piece.instruction));
    last_ = instruction < kInstructionCount ? instruction : 0;
    coded.instruction = static_cast<Instruction>(instruction);
    if (instruction >= kInstructionCount) return coded;
    if (HasElements(coded.instruction)) {
      coded.format = formats_.Code(coder, piece.format);
      coded.row = static_cast<uint32_t>(rows_.Code(coder, piece.row) & 0xffffffff);
      coded.even = CodeBit(coder, even_, piece.even);
    }
    if (HasBase(coded.instruction)) {
      const int64_t moved = offsets_.CodeSigned(
          coder, static_cast<int64_t>(piece.base_offset) - static_cast<int64_t>(next_offset_));
      coded.base_offset = next_offset_ + static_cast<uint64_t>(moved);
    }
    coded.length = lengths_[instruction].Code(coder, piece.length - 1) + 1;
    return coded;
  }

  // After a piece that was found to be right. Where it is of one piece with the next, their bases likely are
  // too.
  void Finished(const Piece& piece) {
    const uint64_t told = piece.length * BytesPerElement(piece);
    if (HasBase(piece.instruction)) {
      next_offset_ = piece.base_offset + told;
    } else if (piece.instruction == Instruction::kValues) {
      next_offset_ += told;
    }
  }

 private:
  SymbolModel<3> instructions_[kInstructionCount];
  SymbolModel<4> formats_;
  NumberModel rows_;
  NumberModel offsets_;
  NumberModel lengths_[kInstructionCount];
  AdaptiveBit even_;
  uint32_t last_ = 0;
  uint64_t next_offset_ = 0;
};

}  // namespace whet::fleet
