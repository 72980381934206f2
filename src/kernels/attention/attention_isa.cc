// Everything is transposed: a vector holds the same number for kLanes queries, so that the softmax needs no
// sums across lanes, and both products read the keys and the values where they are, an element at a time.
#include "kernels/attention/attention.h"
#include "kernels/gemm/tile.h"
#include "kernels/gemm/tile_shapes.h"
#include "kernels/simd/math.h"
#include "kernels/simd/transpose.h"

namespace whet::kernels::WHET_ISA {

void AttentionF32(const Args& args, int64_t begin, int64_t end);

namespace {

using attention::Params;

// Queries of a unit; all scratch has rows of that many floats.
constexpr int64_t kQueries = kTileVectors * kLanes;
static_assert(kQueries == attention::QueryBlock(kIsa));

// Rows of a tile after those of kRows, for what they leave over.
constexpr int FewerRows(int rows) { return rows > 8 ? 8 : rows > 4 ? 4 : rows / 2; }

// A unit's queries and what is kept for them.
struct Block {
  int64_t first, count;  // queries
  float* query;          // [size][kQueries], times scale
  float* score;          // [key of the block][kQueries]; then their exponentials
  float* mask;           // [key of the block][kQueries]
  float* sum;            // [value_size][kQueries]: of the values, weighted by the exponentials
  float* largest;        // [kQueries] score so far
  float* total;          // [kQueries]: sum of the exponentials
  float* correction;     // [kQueries]: for what was added up before the last block of keys
};

// rows [0, count) of vectors of `size` floats at a distance become the columns of to[size][kQueries], times
// factor; columns without a row become 0.
template <int kVectors>
void PackColumns(const float* from, int64_t stride, int64_t count, int64_t size, float factor, float* to) {
  for (int v = 0; v < kVectors; ++v) {
    const int64_t rows = count - v * kLanes;
    const float* source = from + v * kLanes * stride;
    for (int64_t d = 0; d < size; d += kLanes) {
      const int64_t left = size - d < kLanes ? size - d : kLanes;
      F32 square[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        square[i] = i < rows ? LoadPartial(source + i * stride + d, left) * factor : Zero();
      }
      Transpose(square);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        if (i < left) Store(to + (d + i) * kQueries + v * kLanes, square[i]);
      }
    }
  }
}

// Scores of kRows keys.
template <int kRows, int kVectors>
void ScoreTile(const float* key, int64_t stride, int64_t size, const float* query, float* score) {
  constexpr int kSums = kRows * kVectors;
  constexpr int kChains = kSums >= 8 ? 1 : kSums >= 4 ? 2 : 4;
  constexpr int kUnroll = 4;
  F32 acc[kChains][kRows][kVectors] = {};
  const float* rows[kRows];
#pragma GCC unroll 32
  for (int i = 0; i < kRows; ++i) rows[i] = key + i * stride;
  int64_t d = 0;
  for (; d + kUnroll <= size; d += kUnroll) {
    Steps<kRows, kVectors, kChains, kUnroll>(acc, rows, d, query, kQueries);
    query += kUnroll * kQueries;
  }
  for (; d < size; ++d) {
    Steps<kRows, kVectors, kChains, 1>(acc, rows, d, query, kQueries);
    query += kQueries;
  }
#pragma GCC unroll 32
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 4
      for (int c = 1; c < kChains; ++c) acc[0][i][v] += acc[c][i][v];
      Store(score + i * kQueries + v * kLanes, acc[0][i][v]);
    }
  }
}

template <int kRows, int kVectors>
void Scores(const float* key, int64_t stride, int64_t keys, int64_t size, const float* query, float* score) {
  if constexpr (kRows > 0) {
    for (; keys >= kRows; keys -= kRows) {
      ScoreTile<kRows, kVectors>(key, stride, size, query, score);
      key += kRows * stride;
      score += kRows * kQueries;
    }
    Scores<FewerRows(kRows), kVectors>(key, stride, keys, size, query, score);
  }
}

// Elements [0, kRows) of the sum of the values; what was added up before is corrected, or absent.
template <int kRows, int kVectors>
void ValueTile(const float* value, int64_t stride, int64_t keys, const float* weight, const float* correction,
               float* sum) {
  F32 acc[kRows][kVectors] = {};
  if (correction != nullptr) {
#pragma GCC unroll 32
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v)
        acc[i][v] = Load(sum + i * kQueries + v * kLanes) * Load(correction + v * kLanes);
    }
  }
  for (int64_t t = 0; t < keys; ++t) {
    F32 w[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) w[v] = Load(weight + t * kQueries + v * kLanes);
#pragma GCC unroll 32
    for (int i = 0; i < kRows; ++i) {
      const F32 x = Broadcast(value + i);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        F32 total = acc[i][v] + x * w[v];
        if constexpr (kVectorRegisters < 32) WHET_KEEP_IN_REGISTER(total);
        acc[i][v] = total;
      }
    }
    value += stride;
  }
#pragma GCC unroll 32
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) Store(sum + i * kQueries + v * kLanes, acc[i][v]);
  }
}

template <int kRows, int kVectors>
void Values(const float* value, int64_t stride, int64_t keys, int64_t size, const float* weight,
            const float* correction, float* sum) {
  if constexpr (kRows > 0) {
    for (; size >= kRows; size -= kRows) {
      ValueTile<kRows, kVectors>(value, stride, keys, weight, correction, sum);
      value += kRows;
      sum += kRows * kQueries;
    }
    Values<FewerRows(kRows), kVectors>(value, stride, keys, size, weight, correction, sum);
  }
}

// The mask of these queries and of keys [0, keys), transposed.
template <int kVectors>
void PackMask(const Params& p, const float* mask, int64_t count, int64_t keys, float* to) {
  if (p.mask_key == 1) return PackColumns<kVectors>(mask, p.mask.row, count, keys, 1.0f, to);
  for (int64_t t = 0; t < keys; ++t) {
    for (int64_t i = 0; i < kVectors * kLanes; ++i) {
      to[t * kQueries + i] = i < count ? mask[i * p.mask.row + t * p.mask_key] : 0.0f;
    }
  }
}

// Caps and masks the scores of keys [0, keys), of which the first that the block's first query does not see
// is number `seen`.
template <int kVectors>
void Adjust(const Params& p, const Block& block, const float* mask, int64_t keys, int64_t seen) {
  const bool per_query = mask != nullptr && p.mask.row != 0;
  if (per_query) PackMask<kVectors>(p, mask, block.count, keys, block.mask);
  const float inverse_cap = p.softcap != 0.0f ? 1.0f / p.softcap : 0.0f;
  I32 lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  for (int64_t t = 0; t < keys; ++t) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      float* const at = block.score + t * kQueries + v * kLanes;
      F32 x = Load(at);
      if (p.softcap != 0.0f) x = Tanh(x * inverse_cap) * p.softcap;
      if (per_query) {
        x += Load(block.mask + t * kQueries + v * kLanes);
      } else if (mask != nullptr) {
        x += Set1(mask[t * p.mask_key]);
      }
      if (t >= seen) {
        // Query i sees i keys more than the first. There are at most kQueries such keys.
        x = Select(lane + v * kLanes > static_cast<int32_t>(t - seen), x, Set1(-__builtin_inff()));
      }
      Store(at, x);
    }
  }
}

// Makes scores their exponentials, relative to the largest score of this and earlier blocks of keys.
template <int kVectors>
void Exponentials(const Block& block, int64_t keys) {
  constexpr float kNever = -__builtin_inff();
  F32 largest[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) largest[v] = Load(block.largest + v * kLanes);
  for (int64_t t = 0; t < keys; ++t) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      largest[v] = Max(Load(block.score + t * kQueries + v * kLanes), largest[v]);
  }
  F32 shift[kVectors], total[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    // As long as no key is seen, nothing is subtracted: infinity from itself would not be a number.
    shift[v] = Select(largest[v] == kNever, Zero(), largest[v]);
    const F32 correction = Exp(Load(block.largest + v * kLanes) - shift[v]);
    Store(block.largest + v * kLanes, largest[v]);
    Store(block.correction + v * kLanes, correction);
    total[v] = Load(block.total + v * kLanes) * correction;
  }
  for (int64_t t = 0; t < keys; ++t) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      float* const at = block.score + t * kQueries + v * kLanes;
      const F32 x = Load(at) - shift[v];
      const F32 e = Select(x < -87.0f, Zero(), ExpOfModerateNegative(Max(Set1(-87.0f), x)));
      Store(at, e);
      total[v] += e;
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) Store(block.total + v * kLanes, total[v]);
}

// The average of the values, to its rows of the output.
template <int kVectors>
void Finish(const Params& p, const Block& block, float* y) {
  for (int v = 0; v < kVectors; ++v) {
    const F32 total = Load(block.total + v * kLanes);
    const F32 factor = Select(total == 0.0f, Zero(), 1.0f / total);
    const int64_t rows = block.count - v * kLanes;
    for (int64_t d = 0; d < p.value_size; d += kLanes) {
      const int64_t left = p.value_size - d < kLanes ? p.value_size - d : kLanes;
      F32 square[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        square[i] = i < left ? Load(block.sum + (d + i) * kQueries + v * kLanes) * factor : Zero();
      }
      Transpose(square);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        if (i < rows) StorePartial(y + (v * kLanes + i) * p.y.row + d, square[i], left);
      }
    }
  }
}

template <int kVectors>
void Attend(const Params& p, const Block& block, float* y, const float* query, const float* key,
            const float* value, const float* mask) {
  PackColumns<kVectors>(query, p.query.row, block.count, p.size, p.scale, block.query);
  for (int i = 0; i < kVectors; ++i) {
    Store(block.largest + i * kLanes, Set1(-__builtin_inff()));
    Store(block.total + i * kLanes, Zero());
  }
  // The first query sees keys before `seen`, the last one keys before `keys`.
  int64_t seen = p.keys;
  int64_t keys = p.keys;
  if (p.causal != 0) {
    seen = block.first + p.causal_offset + 1;
    const int64_t last = seen + block.count - 1;
    keys = last < p.keys ? last : p.keys;
  }
  for (int64_t t = 0; t < keys; t += p.key_block) {
    const int64_t count = keys - t < p.key_block ? keys - t : p.key_block;
    Scores<kTileRows, kVectors>(key + t * p.key.row, p.key.row, count, p.size, block.query, block.score);
    if (p.softcap != 0.0f || mask != nullptr || t + count > seen) {
      Adjust<kVectors>(p, block, mask != nullptr ? mask + t * p.mask_key : nullptr, count, seen - t);
    }
    Exponentials<kVectors>(block, count);
    Values<kTileRows, kVectors>(value + t * p.value.row, p.value.row, count, p.value_size, block.score,
                                t > 0 ? block.correction : nullptr, block.sum);
  }
  Finish<kVectors>(p, block, y);
}

WHET_INLINE int64_t At(const attention::Strides& strides, int64_t batch, int64_t head, int64_t row) {
  return batch * strides.batch + head * strides.head + row * strides.row;
}

}  // namespace

void AttentionF32(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  auto* const y = static_cast<float*>(args.operands[0]);
  const auto* const query = static_cast<const float*>(args.operands[1]);
  const auto* const key = static_cast<const float*>(args.operands[2]);
  const auto* const value = static_cast<const float*>(args.operands[3]);
  const auto* const mask = static_cast<const float*>(args.operands[4]);
  Block block;
  block.query = static_cast<float*>(args.scratch);
  block.score = block.query + p.size * kQueries;
  block.mask = block.score + p.key_block * kQueries;
  block.sum = block.mask + p.key_block * kQueries;
  block.largest = block.sum + p.value_size * kQueries;
  block.total = block.largest + kQueries;
  block.correction = block.total + kQueries;
  const int64_t blocks = (p.queries + kQueries - 1) / kQueries;
  const int64_t group = p.heads / p.kv_heads;
  for (int64_t unit = begin; unit < end; ++unit) {
    block.first = unit % blocks * kQueries;
    block.count = p.queries - block.first < kQueries ? p.queries - block.first : kQueries;
    const int64_t head = unit / blocks % p.heads;
    const int64_t batch = unit / blocks / p.heads;
    float* const to = y + At(p.y, batch, head, block.first);
    const float* const from = query + At(p.query, batch, head, block.first);
    const float* const keys = key + At(p.key, batch, head / group, 0);
    const float* const values = value + At(p.value, batch, head / group, 0);
    const float* const masks = mask != nullptr ? mask + At(p.mask, batch, head, block.first) : nullptr;
    // A vector is enough for few queries.
    if (block.count > kLanes) {
      Attend<kTileVectors>(p, block, to, from, keys, values, masks);
    } else {
      Attend<1>(p, block, to, from, keys, values, masks);
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
