// Scaled dot-product attention, f32: for every query the average of the values, weighted by the softmax of
// its scores with the keys.
//
//   score(s, t) = softcap(scale * query(s) . key(t)) + mask(s, t)
//   y(s)        = sum over t of softmax_t(score(s, .)) * value(t)
//
// The scores are never in memory as a whole: keys and values are taken a block at a time, and the largest
// score, the sum of the exponentials and the average of the blocks so far are corrected when a later block
// has a larger score (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al.,
// "FlashAttention", 2022). A query that sees no key, because the mask is minus infinity everywhere, gives 0.
//
// Operands: 0 output [batch, heads, queries, value_size], 1 queries [batch, heads, queries, size],
// 2 keys [batch, kv_heads, keys, size], 3 values [batch, kv_heads, keys, value_size], 4 mask
// [batch, heads, queries, keys] or absent. All but the last dimension lie at any distance, so that heads
// which stand side by side in the rows of a projection are read and written where they are; the mask may
// broadcast (distance 0). The output may not overlap an input. Units: batch times heads times blocks of
// queries. Head h reads keys and values of h / (heads / kv_heads).
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::attention {

// From one to the next, in floats.
struct Strides {
  int64_t batch, head, row;
};

struct Params {
  int64_t batch, heads, kv_heads;
  int64_t queries, keys;
  int64_t size, value_size;
  Strides y, query, key, value;
  Strides mask;      // row: query
  int64_t mask_key;  // from one key's mask to the next key's
  float scale;
  float softcap;          // c * tanh(score / c); 0: none
  int64_t causal;         // 1: query s sees keys 0 … s + causal_offset only
  int64_t causal_offset;  // keys that came before the first query
  int64_t key_block;      // filled by Choose
};

Status Choose(Isa isa, Params* params, Choice* choice);
void AppendRows(std::vector<const Row*>* rows);

// Queries that a row for this instruction set computes at once, a unit's.
constexpr int64_t QueryBlock(Isa isa) { return isa == Isa::kAvx512 ? 32 : isa == Isa::kAvx2 ? 16 : 8; }

}  // namespace whet::kernels::attention
