// The coding side of a delta: pieces to blocks, and what a piece would cost.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "fleet/delta/apply/piece_models.h"
#include "fleet/delta/apply/range_coder.h"

namespace whet::fleet {

// The pieces' results follow each other. `base` and `result` must live as long as this.
class DeltaWriter {
 public:
  DeltaWriter(std::span<const std::byte> base, std::span<const std::byte> result, size_t max_block_bytes);

  // Bytes, about, that coding the pieces now would take; `at` is where in the result the first stands.
  double Cost(std::span<const Piece> pieces, uint64_t at) const;
  // Codes a piece, whose result stands where that of the piece before ended.
  void Add(const Piece& piece);

  // How many bytes the blocks have so far.
  uint64_t coded_bytes() const { return body_.size() + coder_.size(); }
  // The blocks, once all pieces are there.
  std::vector<uint8_t> TakeBody();

 private:
  void CloseBlock();

  std::span<const uint8_t> base_;
  std::span<const uint8_t> result_;
  const size_t max_block_bytes_;
  std::unique_ptr<PieceModels> models_;
  RangeEncoder coder_;
  std::vector<uint8_t> body_;
  uint64_t at_ = 0;
  uint64_t block_begin_ = 0;
};

}  // namespace whet::fleet
