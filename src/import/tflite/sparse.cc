// Sparse constants: a tree whose levels are the stored dimensions, each either complete ("dense") or a list
// of the indices that are there ("compressed sparse rows"). A tensor may be cut into blocks; a block's
// dimensions are further levels.

#include <cstring>

#include "import/tflite/tflite_file.h"
#include "tflite_schema_generated.h"

namespace whet {

namespace fb = tflite_fb;

namespace {

// Any of the three integer vectors that hold segments and indices.
struct IndexVector {
  const void* data = nullptr;
  uint32_t size = 0;
  int bytes = 0;

  int64_t operator[](uint32_t i) const {
    switch (bytes) {
      case 1: return static_cast<const uint8_t*>(data)[i];
      case 2: return static_cast<const uint16_t*>(data)[i];
      default: return static_cast<const int32_t*>(data)[i];
    }
  }
};

template <typename T>
IndexVector Wrap(const flatbuffers::Vector<T>* values) {
  if (values == nullptr) return {};
  return {values->data(), values->size(), sizeof(T)};
}

IndexVector ReadIndexVector(const void* table, fb::SparseIndexVector type) {
  if (table == nullptr) return {};
  switch (type) {
    case fb::SparseIndexVector::Int32Vector:
      return Wrap(static_cast<const fb::Int32Vector*>(table)->values());
    case fb::SparseIndexVector::Uint16Vector:
      return Wrap(static_cast<const fb::Uint16Vector*>(table)->values());
    case fb::SparseIndexVector::Uint8Vector:
      return Wrap(static_cast<const fb::Uint8Vector*>(table)->values());
    default: return {};
  }
}

// One level of the tree: entry i of it contributes i * step to the element's position.
struct Level {
  bool dense = true;
  int64_t size = 0;  // of the dimension
  int64_t step = 0;
  IndexVector segments;
  IndexVector indices;
};

Status Damaged(const char* what) { return Error(Code::kBadFile, "is sparse, and %s", what); }

Result<std::vector<Level>> ReadLevels(const fb::SparsityParameters& sparsity, const Shape& shape) {
  const auto* order = sparsity.traversal_order();
  const auto* metadata = sparsity.dim_metadata();
  const auto* block_map = sparsity.block_map();
  const auto rank = static_cast<uint32_t>(shape.rank());
  const uint32_t blocks = block_map ? block_map->size() : 0;
  if (order == nullptr || metadata == nullptr || order->size() != rank + blocks ||
      metadata->size() != order->size() || blocks > rank) {
    return Damaged("its dimensions are not described");
  }
  // Sizes of the blocks come from their levels, which must be dense.
  std::vector<int64_t> block_size(rank, 1);
  std::vector<uint32_t> level_of(order->size(), UINT32_MAX);
  for (uint32_t level = 0; level < order->size(); ++level) {
    const int32_t dim = order->Get(level);
    const bool inner = level >= rank;
    if (dim < 0 || static_cast<uint32_t>(dim) >= order->size() ||
        level_of[static_cast<uint32_t>(dim)] != UINT32_MAX || inner != (static_cast<uint32_t>(dim) >= rank)) {
      return Damaged("its traversal order is not a permutation");
    }
    level_of[static_cast<uint32_t>(dim)] = level;
  }
  for (uint32_t b = 0; b < blocks; ++b) {
    const int32_t dim = block_map->Get(b);
    const fb::DimensionMetadata& block = *metadata->Get(level_of[rank + b]);
    if (dim < 0 || static_cast<uint32_t>(dim) >= rank || block_size[static_cast<uint32_t>(dim)] != 1 ||
        block.format() != fb::DimensionType::DENSE || block.dense_size() < 1 ||
        shape[dim] % block.dense_size() != 0) {
      return Damaged("its blocks do not divide its dimensions");
    }
    block_size[static_cast<uint32_t>(dim)] = block.dense_size();
  }
  std::vector<int64_t> strides(rank, 1);
  for (uint32_t d = rank; d-- > 1;) strides[d - 1] = strides[d] * shape[static_cast<int>(d)];

  std::vector<Level> levels(order->size());
  for (uint32_t i = 0; i < levels.size(); ++i) {
    const auto dim = static_cast<uint32_t>(order->Get(i));
    const fb::DimensionMetadata& from = *metadata->Get(i);
    Level& level = levels[i];
    if (dim >= rank) {
      const auto owner = static_cast<uint32_t>(block_map->Get(dim - rank));
      level.size = block_size[owner];
      level.step = strides[owner];
    } else {
      level.size = shape[static_cast<int>(dim)] / block_size[dim];
      level.step = strides[dim] * block_size[dim];
    }
    level.dense = from.format() == fb::DimensionType::DENSE;
    if (level.dense) {
      if (from.dense_size() != level.size) return Damaged("a dimension's size is not the tensor's");
    } else {
      level.segments = ReadIndexVector(from.array_segments(), from.array_segments_type());
      level.indices = ReadIndexVector(from.array_indices(), from.array_indices_type());
      if (level.segments.size == 0) return Damaged("a dimension lacks its segments");
    }
  }
  return levels;
}

}  // namespace

Status ExpandSparse(const fb::SparsityParameters& sparsity, DType dtype, const Shape& shape,
                    std::span<const std::byte> values, std::byte* dense) {
  const auto element = static_cast<size_t>(BitsOf(dtype)) / 8;
  if (element == 0) return Error(Code::kUnsupported, "is sparse with elements smaller than a byte");
  WHET_ASSIGN_OR_RETURN(const std::vector<Level> levels, ReadLevels(sparsity, shape));
  const auto elements = static_cast<uint64_t>(shape.elements());
  // Level by level: the element positions of the entries so far, in stored order.
  std::vector<int64_t> positions = {0};
  for (const Level& level : levels) {
    std::vector<int64_t> next;
    if (level.dense) {
      if (level.size > 0 && positions.size() > elements / static_cast<uint64_t>(level.size))
        return Damaged("it has more values than elements");
      next.reserve(positions.size() * static_cast<size_t>(level.size));
      for (int64_t position : positions) {
        for (int64_t i = 0; i < level.size; ++i) next.push_back(position + i * level.step);
      }
    } else {
      if (level.segments.size != positions.size() + 1) return Damaged("a dimension's segments do not fit");
      for (uint32_t p = 0; p < positions.size(); ++p) {
        const int64_t begin = level.segments[p];
        const int64_t end = level.segments[p + 1];
        if (begin < 0 || end < begin || end > level.indices.size) return Damaged("a segment lies outside");
        if (next.size() + static_cast<uint64_t>(end - begin) > elements)
          return Damaged("it has more values than elements");
        for (int64_t i = begin; i < end; ++i) {
          const int64_t index = level.indices[static_cast<uint32_t>(i)];
          if (index < 0 || index >= level.size) return Damaged("an index lies outside its dimension");
          next.push_back(positions[p] + index * level.step);
        }
      }
    }
    positions = std::move(next);
  }
  if (positions.size() * element != values.size()) return Damaged("the number of its values does not fit");
  for (size_t i = 0; i < positions.size(); ++i) {
    std::memcpy(dense + static_cast<size_t>(positions[i]) * element, values.data() + i * element, element);
  }
  return {};
}

}  // namespace whet
