#include <algorithm>
#include <cmath>

#include "kernels/normalize/group_norm.h"
#include "kernels/normalize/row_norm.h"
#include "kernels/testing.h"

namespace whet::kernels {
namespace {

TEST(RowNorm, KindsAndSizes) {
  std::mt19937 random(1);
  using row_norm::Kind;
  for (Kind kind : {Kind::kLayer, Kind::kRms, Kind::kL2, Kind::kL2Plus}) {
    for (int64_t size : {1, 3, 16, 31, 96, 517}) {
      for (bool affine : {false, true}) {
        const row_norm::Params p{kind, 1e-3f, 4, size, size + 2, size + 1};
        GuardedBuffer<float> in(3 * p.in_stride + size), out(3 * p.out_stride + size), scale(size),
            shift(size);
        in.FillRandom(random, 8, 10);  // far from 0: the variance must not drown
        scale.FillRandom(random);
        shift.FillRandom(random);
        for (Isa isa : RunnableIsas()) {
          Choice choice;
          ASSERT_TRUE(Choose(isa, p, &choice).ok());
          const std::vector<Operand> operands{ToOperand(out), ToOperand(in),
                                              affine ? ToOperand(scale) : Operand{nullptr, 0},
                                              affine ? ToOperand(shift) : Operand{nullptr, 0}};
          RunRow(choice, p, operands);
          ExpectRefusesSmallerOperands(choice, p, operands);
          ASSERT_FALSE(HasFailure());
          for (int64_t r = 0; r < p.rows; ++r) {
            const float* x = in.data() + r * p.in_stride;
            double mean = 0, squares = 0;
            for (int64_t i = 0; i < size; ++i) mean += x[i] / static_cast<double>(size);
            if (kind != Kind::kLayer) mean = 0;
            for (int64_t i = 0; i < size; ++i) squares += (x[i] - mean) * (x[i] - mean);
            const double epsilon = static_cast<double>(p.epsilon);
            const double norm = kind == Kind::kL2 ? std::max(std::sqrt(squares), epsilon)
                                : kind == Kind::kL2Plus
                                    ? std::sqrt(squares + epsilon)
                                    : std::sqrt(squares / static_cast<double>(size) + epsilon);
            for (int64_t i = 0; i < size; ++i) {
              double want = (x[i] - mean) / norm;
              if (affine) want = want * scale[i] + shift[i];
              ASSERT_NEAR(out[r * p.out_stride + i], want, 1e-4) << choice.row->name << " size " << size;
            }
          }
          ASSERT_TRUE(out.GuardsIntact());
        }
      }
    }
  }
}

TEST(RowNorm, RefusesHostileClaims) {
  const row_norm::Params good{row_norm::Kind::kLayer, 1e-5f, 4, 8, 8, 8};
  const uint64_t bytes[] = {128, 128, 32, 0};
  const auto with = [&](auto change) {
    row_norm::Params params = good;
    change(params);
    return row_norm::Validate({std::as_bytes(std::span(&params, 1)), bytes, 4, 0});
  };
  EXPECT_EQ(with([](auto&) {}), nullptr);
  EXPECT_NE(with([](auto& p) { p.kind = static_cast<row_norm::Kind>(4); }), nullptr);
  EXPECT_NE(with([](auto& p) { p.rows = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.size = -1; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.in_stride = INT64_MIN; }), nullptr);
}

TEST(GroupNorm, GroupsAndInstances) {
  std::mt19937 random(2);
  struct Shape {
    int64_t positions, channels, group;
  };
  for (const auto& [positions, channels, group] :
       {Shape{1, 4, 4}, Shape{49, 3, 1}, Shape{30, 70, 1}, Shape{300, 100, 20}, Shape{64, 24, 3},
        Shape{9, 200, 100}}) {
    for (bool affine : {false, true}) {
      group_norm::Params p{1e-3f, 0, 2, positions, channels, group, 0, channels + 3, 0};
      p.batch_stride = positions * p.position_stride;
      const int64_t elements = p.batch_stride + (positions - 1) * p.position_stride + channels;
      GuardedBuffer<float> in(elements), scale(channels), shift(channels);
      in.FillRandom(random, 4, 6);
      scale.FillRandom(random);
      shift.FillRandom(random);
      for (Isa isa : RunnableIsas()) {
        GuardedBuffer<float> out(elements);
        std::copy_n(in.data(), elements, out.data());
        Choice choice;
        ASSERT_TRUE(Choose(isa, &p, &choice).ok());
        const std::vector<Operand> operands{ToOperand(out), ToOperand(affine ? out : in),
                                            affine ? ToOperand(scale) : Operand{nullptr, 0},
                                            affine ? ToOperand(shift) : Operand{nullptr, 0}};
        RunRow(choice, p, operands);
        ExpectRefusesSmallerOperands(choice, p, operands);
        ASSERT_FALSE(HasFailure());
        for (int64_t n = 0; n < p.batch; ++n) {
          for (int64_t g = 0; g < channels; g += group) {
            const auto at = [&](int64_t i, int64_t c) {
              return n * p.batch_stride + i * p.position_stride + g + c;
            };
            double mean = 0, variance = 0;
            const double count = static_cast<double>(positions * group);
            for (int64_t i = 0; i < positions; ++i) {
              for (int64_t c = 0; c < group; ++c) mean += in[at(i, c)] / count;
            }
            for (int64_t i = 0; i < positions; ++i) {
              for (int64_t c = 0; c < group; ++c)
                variance += (in[at(i, c)] - mean) * (in[at(i, c)] - mean) / count;
            }
            for (int64_t i = 0; i < positions; ++i) {
              for (int64_t c = 0; c < group; ++c) {
                double want = (in[at(i, c)] - mean) / std::sqrt(variance + static_cast<double>(p.epsilon));
                if (affine) want = want * scale[g + c] + shift[g + c];
                ASSERT_NEAR(out[at(i, c)], want, 2e-5) << choice.row->name;
              }
            }
          }
        }
        ASSERT_TRUE(out.GuardsIntact());
      }
    }
  }
}

TEST(GroupNorm, RefusesHostileClaims) {
  group_norm::Params good{1e-5f, 0, 2, 9, 8, 2, 72, 8, 0};
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, &good, &choice).ok());
  const uint64_t bytes[] = {576, 576, 32, 32};
  const auto with = [&](auto change, uint64_t scratch = 0) {
    group_norm::Params params = good;
    change(params);
    return group_norm::Validate(
        {std::as_bytes(std::span(&params, 1)), bytes, choice.units, choice.scratch_bytes - scratch});
  };
  EXPECT_EQ(with([](auto&) {}), nullptr);
  EXPECT_NE(with([](auto&) {}, 1), nullptr);
  EXPECT_NE(with([](auto& p) { p.group = 0; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.group = 3; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.channel_block = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.channel_block = 6; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.positions = 10; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.batch_stride = INT64_MAX; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels
