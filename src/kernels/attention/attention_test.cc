#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/testing.h"

namespace whet::kernels::attention {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

enum class Layout { kHeadsFirst, kHeadsLast, kPadded };

// Of [batch, heads, rows, columns] kept as [batch, heads, rows], as [batch, rows, heads], or with gaps.
Strides StridesOf(Layout layout, int64_t heads, int64_t rows, int64_t columns) {
  switch (layout) {
    case Layout::kHeadsFirst: return {heads * rows * columns, rows * columns, columns};
    case Layout::kHeadsLast: return {rows * heads * columns, columns, heads * columns};
    case Layout::kPadded: break;
  }
  const int64_t row = 3 * heads * columns + 5;
  return {rows * row, columns + 1, row};
}

int64_t ElementsOf(const Strides& s, int64_t batch, int64_t heads, int64_t rows, int64_t columns) {
  return (batch - 1) * s.batch + (heads - 1) * s.head + (rows - 1) * s.row + columns;
}

int64_t At(const Strides& s, int64_t b, int64_t h, int64_t row) {
  return b * s.batch + h * s.head + row * s.row;
}

// Which dimensions the mask has: the others broadcast.
struct Mask {
  bool present = false, batch = false, head = false, query = false, key = true;
  double hidden = 0;  // share of minus infinities
};

struct Case {
  int64_t batch = 1, heads = 1, kv_heads = 1, queries = 1, keys = 1, size = 1, value_size = 1;
  Layout layout = Layout::kHeadsFirst;
  Mask mask = {};
  int64_t causal = 0, causal_offset = 0;
  float softcap = 0;
  float range = 1;  // of queries and keys
};

// One query's result, in double.
std::vector<double> Expected(const Params& p, const float* q, const float* k, const float* v,
                             const float* mask, int64_t query) {
  std::vector<double> scores, result(static_cast<size_t>(p.value_size));
  double largest = kNever, sum = 0;
  for (int64_t t = 0; t < p.keys; ++t) {
    double score = 0;
    for (int64_t d = 0; d < p.size; ++d) {
      score += static_cast<double>(q[d]) * static_cast<double>(k[t * p.key.row + d]);
    }
    score *= static_cast<double>(p.scale);
    const auto cap = static_cast<double>(p.softcap);
    if (cap != 0) score = cap * std::tanh(score / cap);
    if (mask != nullptr) score += static_cast<double>(mask[t * p.mask_key]);
    if (p.causal != 0 && t > query + p.causal_offset) score = kNever;
    scores.push_back(score);
    largest = std::max(largest, score);
  }
  if (largest == kNever) return result;
  for (double& score : scores) sum += score = std::exp(score - largest);
  for (int64_t t = 0; t < p.keys; ++t) {
    for (int64_t d = 0; d < p.value_size; ++d) {
      result[static_cast<size_t>(d)] +=
          scores[static_cast<size_t>(t)] / sum * static_cast<double>(v[t * p.value.row + d]);
    }
  }
  return result;
}

void Check(const Case& c, std::mt19937& random) {
  Params p{};
  p.batch = c.batch, p.heads = c.heads, p.kv_heads = c.kv_heads;
  p.queries = c.queries, p.keys = c.keys, p.size = c.size, p.value_size = c.value_size;
  p.y = StridesOf(c.layout, c.heads, c.queries, c.value_size);
  p.query = StridesOf(c.layout, c.heads, c.queries, c.size);
  p.key = StridesOf(c.layout, c.kv_heads, c.keys, c.size);
  p.value = StridesOf(c.layout, c.kv_heads, c.keys, c.value_size);
  p.scale = 1 / std::sqrt(static_cast<float>(c.size));
  p.softcap = c.softcap;
  p.causal = c.causal, p.causal_offset = c.causal_offset;
  int64_t mask_elements = c.mask.present ? 1 : 0;
  const auto dimension = [&](bool has, int64_t size) {
    const int64_t stride = has ? mask_elements : 0;
    if (has) mask_elements *= size;
    return stride;
  };
  p.mask_key = dimension(c.mask.key, c.keys);
  p.mask.row = dimension(c.mask.query, c.queries);
  p.mask.head = dimension(c.mask.head, c.heads);
  p.mask.batch = dimension(c.mask.batch, c.batch);

  GuardedBuffer<float> q(ElementsOf(p.query, c.batch, c.heads, c.queries, c.size));
  GuardedBuffer<float> k(ElementsOf(p.key, c.batch, c.kv_heads, c.keys, c.size));
  GuardedBuffer<float> v(ElementsOf(p.value, c.batch, c.kv_heads, c.keys, c.value_size));
  GuardedBuffer<float> mask(mask_elements);
  q.FillRandom(random, -c.range, c.range);
  k.FillRandom(random, -c.range, c.range);
  v.FillRandom(random);
  mask.FillRandom(random, -3, 3);
  for (float& x : mask.span()) {
    if (static_cast<double>(random() % 1000) < 1000 * c.mask.hidden) {
      x = -std::numeric_limits<float>::infinity();
    }
  }
  for (Isa isa : RunnableIsas()) {
    GuardedBuffer<float> y(ElementsOf(p.y, c.batch, c.heads, c.queries, c.value_size));
    std::ranges::fill(y.span(), 77.0f);
    Choice choice;
    ASSERT_TRUE(Choose(isa, &p, &choice).ok());
    const Operand no_mask{nullptr, 0};
    const std::vector<Operand> operands{ToOperand(y), ToOperand(q), ToOperand(k), ToOperand(v),
                                        c.mask.present ? ToOperand(mask) : no_mask};
    RunRow(choice, p, operands);
    ASSERT_FALSE(testing::Test::HasFailure());
    ExpectRefusesSmallerOperands(choice, p, operands);
    ASSERT_TRUE(y.GuardsIntact()) << choice.row->name;
    int64_t written = 0;
    for (int64_t b = 0; b < c.batch; ++b) {
      for (int64_t h = 0; h < c.heads; ++h) {
        const int64_t kv = h / (c.heads / c.kv_heads);
        for (int64_t s = 0; s < c.queries; ++s) {
          const float* row = c.mask.present ? mask.data() + At(p.mask, b, h, s) : nullptr;
          const auto want = Expected(p, q.data() + At(p.query, b, h, s), k.data() + At(p.key, b, kv, 0),
                                     v.data() + At(p.value, b, kv, 0), row, s);
          for (int64_t d = 0; d < c.value_size; ++d) {
            // Errors of large scores are errors of the exponent.
            ASSERT_NEAR(y[At(p.y, b, h, s) + d], want[static_cast<size_t>(d)],
                        4e-6 * std::max(1.0F, c.range * c.range))
                << choice.row->name << " query " << s << " element " << d << " of " << c.queries << "x"
                << c.keys << "x" << c.size;
            ++written;
          }
        }
      }
    }
    // Gaps between rows stay as they were.
    EXPECT_EQ(std::ranges::count(y.span(), 77.0f), y.size() - written) << choice.row->name;
  }
}

TEST(Attention, OddSizes) {
  std::mt19937 random(1);
  for (int64_t queries : {1, 2, 7, 16, 17, 33, 65}) {
    for (int64_t keys : {1, 3, 12, 31, 100}) {
      for (int64_t size : {1, 5, 16, 33, 64}) {
        Check({.queries = queries, .keys = keys, .size = size, .value_size = size}, random);
      }
    }
  }
  Check({.queries = 5, .keys = 9, .size = 40, .value_size = 23}, random);
  Check({.queries = 40, .keys = 7, .size = 3, .value_size = 130}, random);
}

TEST(Attention, KeysInSeveralBlocks) {
  std::mt19937 random(2);
  for (int64_t keys : {144, 145, 300, 577}) {
    Check({.queries = 20, .keys = keys, .size = 24, .value_size = 24}, random);
    Check({.queries = 37, .keys = keys, .size = 8, .value_size = 8, .mask = {.present = true, .hidden = 0.5}},
          random);
    Check({.queries = 37, .keys = keys, .size = 8, .value_size = 8, .causal = 1, .causal_offset = keys - 37},
          random);
  }
}

TEST(Attention, HeadsBesideEachOtherAndInGroups) {
  std::mt19937 random(3);
  for (Layout layout : {Layout::kHeadsFirst, Layout::kHeadsLast, Layout::kPadded}) {
    Check({2, 3, 3, 19, 21, 12, 12, layout}, random);
    Check({2, 6, 2, 5, 40, 16, 10, layout}, random);
    Check({1, 4, 1, 33, 8, 7, 7, layout}, random);
  }
}

TEST(Attention, MasksThatBroadcast) {
  std::mt19937 random(4);
  for (int dims = 0; dims < 16; ++dims) {
    const Mask mask{true, (dims & 1) != 0, (dims & 2) != 0, (dims & 4) != 0, (dims & 8) != 0, 0.2};
    Check({2, 3, 3, 18, 37, 9, 9, Layout::kHeadsLast, mask}, random);
  }
}

TEST(Attention, CausalAndCapped) {
  std::mt19937 random(5);
  for (int64_t offset : {0, 1, 30, 1000}) {
    Check({.heads = 2,
           .kv_heads = 2,
           .queries = 70,
           .keys = 70,
           .size = 8,
           .value_size = 8,
           .causal = 1,
           .causal_offset = offset},
          random);
    Check({.queries = 35,
           .keys = 20,
           .size = 8,
           .value_size = 8,
           .mask = {.present = true, .query = true},
           .causal = 1,
           .causal_offset = offset,
           .softcap = 2.5F},
          random);
  }
}

TEST(Attention, LargeScores) {
  std::mt19937 random(6);
  Check({.queries = 33, .keys = 310, .size = 32, .value_size = 8, .range = 12}, random);
}

TEST(Attention, QueriesThatSeeNothingGiveZero) {
  std::mt19937 random(7);
  Check({.queries = 21, .keys = 300, .size = 8, .value_size = 8, .mask = {.present = true, .hidden = 1}},
        random);
  // Some queries see nothing, some see only keys of the last block.
  Check({.queries = 40,
         .keys = 300,
         .size = 8,
         .value_size = 8,
         .mask = {.present = true, .query = true, .hidden = 0.995}},
        random);
}

TEST(Attention, WhatIsNotANumberShows) {
  for (Isa isa : RunnableIsas()) {
    GuardedBuffer<float> q(2 * 4), k(3 * 4), v(3 * 4), y(2 * 4);
    for (auto* buffer : {&q, &k, &v}) std::ranges::fill(buffer->span(), 1.0f);
    q[5] = NAN;
    Params p{};
    p.batch = p.heads = p.kv_heads = 1;
    p.queries = 2, p.keys = 3, p.size = p.value_size = 4;
    p.y = p.query = {8, 8, 4};
    p.key = p.value = {12, 12, 4};
    p.scale = 1;
    Choice choice;
    ASSERT_TRUE(Choose(isa, &p, &choice).ok());
    RunRow(choice, p, {ToOperand(y), ToOperand(q), ToOperand(k), ToOperand(v), {nullptr, 0}});
    EXPECT_FLOAT_EQ(y[0], 1);
    EXPECT_TRUE(std::isnan(y[4])) << choice.row->name;
  }
}

TEST(Attention, RefusesHostileClaims) {
  Params good{};
  good.batch = 2, good.heads = 4, good.kv_heads = 2;
  good.queries = 5, good.keys = 6, good.size = 3, good.value_size = 3;
  good.y = good.query = {60, 15, 3};
  good.key = good.value = {36, 18, 3};
  good.mask = {0, 0, 6}, good.mask_key = 1;
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, &good, &choice).ok());
  const uint64_t bytes[] = {480, 480, 288, 288, 120};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return choice.row->validate(
        {std::as_bytes(std::span(&params, 1)), bytes, choice.units, choice.scratch_bytes});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params& p) { p.kv_heads = 3; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.kv_heads = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.batch = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.keys = 7; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.size = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.query.row = -3; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.value.head = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.mask.head = 1; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.key_block = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.key_block = 24; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.key_block = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.causal = 1, p.causal_offset = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.causal = 2; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels::attention
