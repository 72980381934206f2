#include "kernels/quantized/binary.h"

#include <algorithm>
#include <array>

#include "kernels/testing.h"

namespace whet::kernels::quantized_binary {
namespace {

using Strides = std::vector<int64_t>;

int32_t ValueOf(DType type, uint16_t bits) {
  switch (type) {
    case DType::kI8: return static_cast<int8_t>(bits);
    case DType::kI16: return static_cast<int16_t>(bits);
    default: return bits;
  }
}
int32_t LeastOf(DType type) { return type == DType::kI8 ? -128 : type == DType::kI16 ? -32768 : 0; }

// As the header says it, every step rounded to f32 by itself.
int32_t Expected(const Params& p, uint16_t a_bits, uint16_t b_bits) {
  const double a = ValueOf(p.a_type, a_bits) - p.a_zero, b = ValueOf(p.b_type, b_bits) - p.b_zero;
  float value = 0;
  if (p.op == Op::kAdd) {
    const auto left = static_cast<float>(a * static_cast<double>(p.a_ratio));
    const auto right = static_cast<float>(b * static_cast<double>(p.b_ratio));
    value = static_cast<float>(static_cast<double>(left) + static_cast<double>(right));
  } else {
    value = static_cast<float>(a * b);
    value = static_cast<float>(static_cast<double>(value) * static_cast<double>(p.a_ratio));
  }
  const double rounded = std::nearbyint(static_cast<double>(value)) + p.y_zero;
  return static_cast<int32_t>(std::clamp<double>(rounded, p.low, p.high));
}

struct Layout {
  Strides dims, y, a, b;
};

int64_t Reach(const Strides& dims, const Strides& strides) {
  int64_t reach = 1;
  for (size_t d = 0; d < dims.size(); ++d) reach += (dims[d] - 1) * strides[d];
  return reach;
}

// T holds the bits of an element.
template <typename T>
void Check(const Layout& layout, Params p, std::mt19937& random) {
  GuardedBuffer<T> a(Reach(layout.dims, layout.a)), b(Reach(layout.dims, layout.b));
  GuardedBuffer<T> y(Reach(layout.dims, layout.y));
  for (T& x : a.span()) x = static_cast<T>(random());
  for (T& x : b.span()) x = static_cast<T>(random());
  for (Isa isa : RunnableIsas()) {
    std::ranges::fill(y.span(), T{77});
    Choice choice;
    ASSERT_TRUE(Choose(isa, layout.dims, layout.y, layout.a, layout.b, &p, &choice).ok());
    const std::vector<Operand> operands{ToOperand(y), ToOperand(a), ToOperand(b)};
    RunRow(choice, p, operands);
    ExpectRefusesSmallerOperands(choice, p, operands);
    ASSERT_TRUE(y.GuardsIntact());
    std::vector<bool> written(static_cast<size_t>(y.size()));
    std::vector<int64_t> index(layout.dims.size(), 0);
    while (true) {
      int64_t at[3] = {};
      for (size_t d = 0; d < index.size(); ++d) {
        at[0] += index[d] * layout.y[d];
        at[1] += index[d] * layout.a[d];
        at[2] += index[d] * layout.b[d];
      }
      written[static_cast<size_t>(at[0])] = true;
      ASSERT_EQ(ValueOf(p.y_type, y[at[0]]), Expected(p, a[at[1]], b[at[2]]))
          << choice.row->name << " " << static_cast<int>(p.op) << " at " << at[0];
      size_t d = index.size();
      while (d > 0 && ++index[d - 1] == layout.dims[d - 1]) index[--d] = 0;
      if (d == 0) break;
    }
    for (int64_t i = 0; i < y.size(); ++i) {
      ASSERT_TRUE(written[static_cast<size_t>(i)] || y[i] == 77) << "wrote between elements";
    }
  }
}

TEST(QuantizedBinary, TypesBroadcastsAndLayouts) {
  std::mt19937 random(1);
  const std::vector<Layout> layouts = {
      {{1}, {1}, {1}, {1}},
      {{5, 37}, {37, 1}, {37, 1}, {37, 1}},
      {{9001}, {1}, {1}, {1}},
      {{4, 7, 19}, {133, 19, 1}, {133, 19, 1}, {0, 0, 1}},  // a value per channel
      {{90, 24}, {24, 1}, {24, 1}, {0, 1}},
      {{2, 300, 16}, {4800, 16, 1}, {16, 0, 1}, {4800, 16, 1}},  // of each image, the first operand
      {{41, 200}, {200, 1}, {200, 1}, {0, 1}},
      {{5, 257}, {257, 1}, {257, 1}, {0, 1}},
      {{30, 24}, {30, 1}, {24, 1}, {0, 1}},                 // the output is part of something
      {{4, 7, 19}, {133, 19, 1}, {0, 0, 0}, {133, 19, 1}},  // one value
      {{2, 3, 7, 33}, {693, 231, 33, 1}, {693, 231, 33, 1}, {33, 0, 0, 1}},  // squeeze and excite
      {{4, 7, 19}, {133, 19, 1}, {133, 19, 1}, {7, 1, 0}},                   // one value per pixel
      {{3, 5, 18}, {200, 40, 1}, {150, 30, 1}, {90, 18, 1}},                 // rows further apart than dense
      {{3, 5, 8}, {400, 80, 5}, {40, 8, 1}, {1, 3, 15}},  // a part of a concatenation; transposed
      {{45, 2}, {2, 1}, {4, 1}, {0, 1}},                  // short rows, which are walked across
      {{2, 45, 3}, {150, 3, 1}, {200, 4, 1}, {45, 1, 0}},
  };
  for (const Layout& layout : layouts) {
    for (Op op : {Op::kAdd, Op::kMul}) {
      for (int types = 0; types < 10; ++types) {
        Params p{};
        p.op = op;
        const bool halves = types >= 8;
        if (halves) {
          p.a_type = p.b_type = p.y_type = types == 8 ? DType::kI16 : DType::kU16;
        } else {
          p.a_type = (types & 1) != 0 ? DType::kI8 : DType::kU8;
          p.b_type = (types & 2) != 0 ? DType::kI8 : DType::kU8;
          p.y_type = (types & 4) != 0 ? DType::kI8 : DType::kU8;
        }
        const int32_t count = halves ? 65536 : 256;
        const auto zero = [&](DType type) {
          return static_cast<int32_t>(random()) % count / 2 + LeastOf(type) + count / 2;
        };
        p.a_zero = zero(p.a_type);
        p.b_zero = zero(p.b_type);
        p.y_zero = zero(p.y_type);
        p.low = LeastOf(p.y_type);
        p.high = p.low + count - 1;
        if (types % 3 == 0) p.low = p.y_zero;  // Relu
        std::uniform_real_distribution<float> ratio(0.1F, 1.5F);
        p.a_ratio = ratio(random) * (op == Op::kMul ? (halves ? 4e-5F : 0.01F) : 1);
        p.b_ratio = -ratio(random);
        if (types == 5) p.a_ratio = p.b_ratio = 0.5F;  // many ties
        if (halves) {
          Check<uint16_t>(layout, p, random);
        } else {
          Check<uint8_t>(layout, p, random);
        }
        ASSERT_FALSE(HasFailure()) << layout.dims.size() << " dimensions, types " << types;
      }
    }
  }
}

TEST(QuantizedBinary, RefusesHostileClaims) {
  Params good{};
  good.a_type = good.b_type = good.y_type = DType::kU8;
  good.high = 255;
  good.a_ratio = good.b_ratio = 1;
  Choice choice;
  const Strides dims{3, 10}, y{12, 1}, a{10, 1}, b{0, 1};
  ASSERT_TRUE(Choose(Isa::kPortable, dims, y, a, b, &good, &choice).ok());
  const uint64_t bytes[] = {34, 30, 10};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params& p) { p.op = static_cast<Op>(7); }), nullptr);
  EXPECT_NE(with([](Params& p) { p.a_type = DType::kI16; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.y_zero = -1; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.high = 256; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.dims = 1; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.dims = 7; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.size[1] = 11; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.stride[1][0] = -1; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.stride[2][0] = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.block_rows = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.block_columns = INT64_MAX; }), nullptr);
  Params wrong = good;
  wrong.y_type = DType::kF32;
  EXPECT_FALSE(Choose(Isa::kPortable, dims, y, a, b, &wrong, &choice).ok());
}

}  // namespace
}  // namespace whet::kernels::quantized_binary
