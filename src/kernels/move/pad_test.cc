#include "kernels/move/pad.h"

#include <algorithm>

#include "kernels/testing.h"

namespace whet::kernels::pad {
namespace {

using Dims = std::vector<int64_t>;

// By walking, not by formula: steps from the position towards the inside, turning at the edges.
int64_t Walk(Mode mode, int64_t position, int64_t size) {
  if (mode == Mode::kEdge) return std::clamp<int64_t>(position, 0, size - 1);
  if (mode == Mode::kWrap) {
    while (position < 0) position += size;
    while (position >= size) position -= size;
    return position;
  }
  const int64_t shift = mode == Mode::kSymmetric ? 1 : 0;
  while (position < 0 || position >= size) {
    if (size == 1) return 0;
    position = position < 0 ? -position - shift : 2 * (size - 1) - position + shift;
  }
  return position;
}

template <typename T>
void Check(Mode mode, const Dims& in, const Dims& before, const Dims& after, std::mt19937& random) {
  int64_t in_elements = 1, out_elements = 1;
  Dims out(in.size());
  for (size_t d = 0; d < in.size(); ++d) {
    out[d] = in[d] + before[d] + after[d];
    in_elements *= in[d];
    out_elements *= out[d];
  }
  GuardedBuffer<T> source(in_elements), result(out_elements);
  for (T& x : source.span()) x = static_cast<T>(random());
  const T value = static_cast<T>(0xabcdef);
  Params params;
  Choice choice;
  const Status status = Choose(Isa::kPortable, mode, sizeof(T), in, before, after, &value, &params, &choice);
  ASSERT_TRUE(status.ok()) << status.ToString();
  RunRow(choice, params, {ToOperand(result), ToOperand(source)});
  ASSERT_FALSE(testing::Test::HasFailure());
  ExpectRefusesSmallerOperands(choice, params, {ToOperand(result), ToOperand(source)});
  for (int64_t i = 0; i < out_elements; ++i) {
    int64_t rest = i, from = 0, step = 1;
    bool inside = true;
    for (size_t d = in.size(); d-- > 0;) {
      int64_t position = rest % out[d] - before[d];
      rest /= out[d];
      if (mode == Mode::kConstant) {
        inside &= position >= 0 && position < in[d];
      } else {
        position = Walk(mode, position, in[d]);
      }
      from += position * step;
      step *= in[d];
    }
    ASSERT_EQ(result[i], inside ? source[from] : value) << "mode " << static_cast<int>(mode) << " at " << i;
  }
  ASSERT_TRUE(result.GuardsIntact());
}

TEST(Pad, RandomBorders) {
  std::mt19937 random(1);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  for (int round = 0; round < 600; ++round) {
    const size_t rank = static_cast<size_t>(below(5));
    Dims in, before, after;
    for (size_t d = 0; d < rank; ++d) {
      in.push_back(1 + below(9));
      const bool plain = below(2) == 0;
      before.push_back(plain ? 0 : below(12) - std::min<int64_t>(2, in.back() - 1));
      after.push_back(plain ? 0 : below(12));
    }
    const Mode mode = static_cast<Mode>(below(5));
    Check<uint8_t>(mode, in, before, after, random);
    Check<uint16_t>(mode, in, before, after, random);
    Check<uint32_t>(mode, in, before, after, random);
    Check<uint64_t>(mode, in, before, after, random);
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

TEST(Pad, MergesWhatIsNotPadded) {
  Params params;
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, Mode::kConstant, 4, Dims{1, 8, 9, 3}, Dims{0, 1, 1, 0}, Dims{0, 2, 2, 0},
                     nullptr, &params, &choice)
                  .ok());
  EXPECT_EQ(params.dims, 3);
  EXPECT_EQ(params.out_size[2], 12 * 3);
}

TEST(Pad, RefusesHostileClaims) {
  Params good;
  Choice choice;
  ASSERT_TRUE(
      Choose(Isa::kPortable, Mode::kReflect, 4, Dims{8, 9}, Dims{1, 1}, Dims{1, 1}, nullptr, &good, &choice)
          .ok());
  const uint64_t bytes[] = {10 * 11 * 4, 8 * 9 * 4};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params& p) { p.mode = static_cast<Mode>(5); }), nullptr);
  EXPECT_NE(with([](Params& p) { p.dims = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.in_size[0] = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.in_size[0] = 9; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.out_size[1] = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.before[1] = INT64_MIN; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.block_rows = 0; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels::pad
