// What a validate function lets through must run inside its operands: params are damaged at random, and those
// that are still accepted are run between guards (and, in the sanitizer build, under AddressSanitizer).
#include <algorithm>

#include "kernels/attention/attention.h"
#include "kernels/conv/conv.h"
#include "kernels/conv/geometry_testing.h"
#include "kernels/convert/convert.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/gemm/gemm.h"
#include "kernels/grid_sample/grid_sample.h"
#include "kernels/move/copy.h"
#include "kernels/move/gather.h"
#include "kernels/move/pad.h"
#include "kernels/normalize/group_norm.h"
#include "kernels/normalize/row_norm.h"
#include "kernels/pool/pool.h"
#include "kernels/qconv/qconv.h"
#include "kernels/qconv16/qconv16.h"
#include "kernels/qdepthwise/qdepthwise.h"
#include "kernels/qdepthwise16/qdepthwise16.h"
#include "kernels/qrecurrent/qlstm.h"
#include "kernels/quantized/binary.h"
#include "kernels/quantized/pool.h"
#include "kernels/quantized/prelu.h"
#include "kernels/quantized/quantize.h"
#include "kernels/quantized/resize_8bit.h"
#include "kernels/quantized/softmax_8bit.h"
#include "kernels/quantized/table.h"
#include "kernels/qwinograd/qwinograd.h"
#include "kernels/recurrent/gru.h"
#include "kernels/recurrent/lstm.h"
#include "kernels/recurrent/pack.h"
#include "kernels/reduce/arg_reduce.h"
#include "kernels/reduce/cumulative_sum.h"
#include "kernels/reduce/reduce.h"
#include "kernels/resize/resize.h"
#include "kernels/row_outputs.h"
#include "kernels/softmax/softmax.h"
#include "kernels/testing.h"
#include "kernels/weight_gemm/weight_gemm.h"
#include "kernels/winograd/winograd.h"

namespace whet::kernels {
namespace {

// Replaces a few of the 1-, 4- or 8-byte fields that lie at multiples of their size.
template <typename Params>
void Damage(Params* params, std::mt19937& random) {
  constexpr int64_t kValues[] = {-1, 0, 0,  1,  1,  2,   3,         4,         5,
                                 7,  8, 16, 17, 33, 100, INT64_MAX, INT64_MIN, INT32_MAX};
  auto* const bytes = reinterpret_cast<uint8_t*>(params);
  for (size_t count = 1 + random() % 3; count > 0; --count) {
    const size_t width = std::array<size_t, 4>{1, 4, 8, 8}[random() % 4];
    const size_t at = random() % (sizeof(Params) / width) * width;
    int64_t value = kValues[random() % std::size(kValues)];
    if (width == 8 && random() % 3 == 0) {
      // A neighbour of what was there, which is more likely to be let through.
      std::memcpy(&value, bytes + at, 8);
      value = static_cast<int64_t>(static_cast<uint64_t>(value) + random() % 5 - 2);
    }
    std::memcpy(bytes + at, &value, width);
  }
}

// Operands of the sizes given, filled with small floats; returns how many damaged params were accepted.
template <typename Params>
int RunDamaged(const Choice& choice, const Params& good, const std::vector<uint64_t>& operand_bytes) {
  std::mt19937 random(1);
  int accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    Params params = good;
    if (round > 0) Damage(&params, random);
    Claim claim{std::as_bytes(std::span(&params, 1)), operand_bytes, choice.units, choice.scratch_bytes};
    // A wrong number of units would hide what else is wrong, so what might be the right one is tried, too.
    const char* problem = choice.row->validate(claim);
    for (int64_t units = 0; problem != nullptr && units < 40; ++units) {
      claim.units = units;
      problem = choice.row->validate(claim);
    }
    if (problem != nullptr) {
      EXPECT_GT(round, 0) << problem;
      continue;
    }
    ++accepted;
    std::vector<GuardedBuffer<uint8_t>> operands;
    for (uint64_t bytes : operand_bytes) {
      operands.emplace_back(static_cast<int64_t>(bytes));
      // As floats small, as integers anything.
      for (size_t i = 0; i + 4 <= bytes; i += 4) {
        const float x = static_cast<float>(random() % 2000) / 1000 - 1;
        std::memcpy(operands.back().data() + i, &x, 4);
      }
    }
    std::vector<void*> pointers;
    for (auto& operand : operands) pointers.push_back(operand.size() > 0 ? operand.data() : nullptr);
    std::vector<std::vector<uint8_t>> before;
    for (auto& operand : operands) before.emplace_back(operand.span().begin(), operand.span().end());
    GuardedBuffer<uint8_t> scratch(static_cast<int64_t>(choice.scratch_bytes));
    choice.row->run({&params, pointers.data(), scratch.data()}, 0, claim.units);
    for (auto& operand : operands) {
      EXPECT_TRUE(operand.GuardsIntact()) << choice.row->name << " round " << round;
    }
    EXPECT_TRUE(scratch.GuardsIntact()) << choice.row->name << " round " << round;
    for (size_t i = RowOutputs(*choice.row); i < operands.size(); ++i) {
      EXPECT_TRUE(std::ranges::equal(operands[i].span(), before[i]))
          << choice.row->name << " wrote operand " << i;
    }
    if (testing::Test::HasFailure()) break;
  }
  return accepted;
}

TEST(HostileParams, Elementwise) {
  using namespace elementwise;  // NOLINT
  const int64_t dims[] = {6, 10, 7};
  const View dense{DType::kF32, {70, 7, 1}};
  const std::vector<View> inputs{{DType::kF32, {70, 7, 1}},
                                 {DType::kF32, {0, 0, 1}},
                                 {DType::kF32, {10, 1, 0}},
                                 {DType::kBool, {1, 6, 60}}};
  const Instruction program[] = {
      {Op::kMulAdd, Input(0), Input(1), Input(2), 0, {}, 0, 0},
      {Op::kTanh, elementwise::Result(0), 0, 0, 0, {}, 0, 0},
      {Op::kWhere, Input(3), elementwise::Result(0), elementwise::Result(1), 0, {}, 0, 0}};
  for (Isa isa : RunnableIsas()) {
    Params params;
    Choice choice;
    ASSERT_TRUE(Choose(isa, dims, dense, inputs, {}, program, &params, &choice).ok());
    EXPECT_GT(RunDamaged(choice, params, {1680, 1680, 28, 240, 420}), 1);
  }
}

TEST(HostileParams, Pool) {
  for (Isa isa : RunnableIsas()) {
    pool::Params p{};
    p.mode = pool::Mode::kAverageIncludingPad;
    p.batch = 2;
    p.channels = p.in_pixel_stride = p.out_pixel_stride = 19;
    p.height = p.width = 7;
    p.out_height = p.out_width = 4;
    p.kernel_height = p.kernel_width = 3;
    p.stride_height = p.stride_width = 2;
    p.dilation_height = p.dilation_width = 1;
    p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = 1;
    p.in_row_stride = 7 * 19;
    p.in_batch_stride = 49 * 19;
    p.out_row_stride = 4 * 19;
    p.out_batch_stride = 16 * 19;
    Choice choice;
    ASSERT_TRUE(pool::Choose(isa, &p, &choice).ok());
    EXPECT_GT(RunDamaged(choice, p, {32 * 19 * 4, 98 * 19 * 4}), 1);
  }
}

TEST(HostileParams, IntegerProducts) {
  for (Isa isa : RunnableIsas()) {
    for (bool depthwise : {false, true}) {
      auto p = conv::Problem<qconv::Params>(2, 6, 6, depthwise ? 19 : 9, 19, 3, 3, 2, 1);
      p.input = DType::kU8;
      p.output = DType::kI8;
      p.input_zero = 100;
      p.low = -100;
      p.high = 90;
      Choice choice;
      ASSERT_TRUE((depthwise ? qdepthwise::Choose(isa, &p, &choice) : qconv::Choose(isa, &p, &choice)).ok());
      const std::vector<int8_t> weights(19 * 9 * 9, 1);
      const qconv::Weights given{weights.data(), DType::kI8, {9 * 9, 27, 9, 1}, nullptr, nullptr};
      const qconv::Prepared prepared =
          (depthwise ? qdepthwise::Prepare : qconv::Prepare)(*choice.row, p, given, true);
      EXPECT_GT(RunDamaged(choice, p,
                           {2 * 9 * 19, static_cast<uint64_t>(2 * 36 * p.cin), prepared.weights.size(), 76,
                            76, 76, 0, 1, 76, 0}),
                1);
    }
  }
}

TEST(HostileParams, IntegerProductsOf16Bits) {
  for (Isa isa : RunnableIsas()) {
    for (bool depthwise : {false, true}) {
      for (bool wide : {false, true}) {
        if (depthwise && wide) continue;
        auto p = conv::Problem<qconv16::Params>(2, 6, 6, depthwise ? 19 : 90, 19, 3, 3, 2, 1);
        p.input = DType::kI16;
        p.output = DType::kI16;
        p.low = -1000;
        p.high = 900;
        const std::vector<int8_t> data(19 * 90 * 9, wide ? 127 : 1);
        const qconv16::Weights weights{data.data(), {90 * 9, 270, 90, 1}, nullptr};
        Choice choice;
        ASSERT_TRUE((depthwise ? qdepthwise16::Choose(isa, weights, &p, &choice)
                               : qconv16::Choose(isa, weights, &p, &choice))
                        .ok());
        ASSERT_EQ(p.wide != 0, wide);
        const qconv16::Prepared prepared =
            (depthwise ? qdepthwise16::Prepare : qconv16::Prepare)(*choice.row, p, weights);
        EXPECT_GT(RunDamaged(choice, p,
                             {2 * 2 * 9 * 19, static_cast<uint64_t>(2 * 2 * 36 * p.cin),
                              prepared.weights.size(), wide ? 152u : 76u, 76, 0}),
                  1);
      }
    }
  }
}

TEST(HostileParams, WinogradOfFloats) {
  for (Isa isa : RunnableIsas()) {
    conv::Params p;
    p.batch = 2;
    p.in_h = p.in_w = p.out_h = p.out_w = 6;
    p.cin = p.in_stride = 9;
    p.cout = p.out_stride = p.residual_stride = 19;
    p.kernel_h = p.kernel_w = 3;
    p.pad_top = p.pad_left = 1;
    p.epilogue.residual = Residual::kAfterActivation;
    p.epilogue.activation = Activation::kSigmoid;
    for (const winograd::TileRow& row : winograd::Rows()) {
      if (row.base.isa != isa) continue;
      Choice choice;
      ASSERT_TRUE(winograd::Choose(row, &p, &choice).ok());
      const auto weights = static_cast<uint64_t>(winograd::PackedSize(*choice.row, p)) * 4;
      const uint64_t output = 2 * 36 * 19 * 4;
      EXPECT_GT(RunDamaged(choice, p, {output, 2 * 36 * 9 * 4, weights, 76, output, 0}), 1);
    }
  }
}

TEST(HostileParams, Winograd) {
  for (Isa isa : RunnableIsas()) {
    qconv::Params p;
    p.batch = 2;
    p.in_h = p.in_w = p.out_h = p.out_w = 6;
    p.cin = p.in_stride = 9;
    p.cout = p.out_stride = 19;
    p.kernel_h = p.kernel_w = 3;
    p.pad_top = p.pad_left = 1;
    p.input = DType::kU8;
    p.output = DType::kI8;
    p.low = -100;
    p.high = 90;
    for (const qwinograd::TileRow& row : qwinograd::Rows()) {
      if (row.base.isa != isa) continue;
      Choice choice;
      ASSERT_TRUE(qwinograd::Choose(row, &p, &choice).ok());
      const std::vector<int8_t> weights(19 * 9 * 9, 1);
      const qconv::Weights given{weights.data(), DType::kI8, {9 * 9, 27, 9, 1}, nullptr, nullptr};
      const qconv::Prepared prepared = qwinograd::Prepare(*choice.row, p, given, true);
      EXPECT_GT(
          RunDamaged(choice, p, {2 * 36 * 19, 2 * 36 * 9, prepared.weights.size(), 76, 76, 0, 0, 1, 76, 0}),
          1);
    }
  }
}

TEST(HostileParams, StoredWeights) {
  for (Isa isa : RunnableIsas()) {
    for (stored::Format format :
         {stored::Format::kF16, stored::Format::kI8, stored::Format::kU4, stored::Format::kBf16}) {
      weight_gemm::Params p;
      p.m = 3;
      p.n = p.ldc = 37;
      p.k = p.lda = 50;
      p.form.group = stored::IsHalf(format) ? 50 : 16;
      p.form.format = format;
      Choice choice;
      ASSERT_TRUE(weight_gemm::Choose(isa, &p, &choice).ok());
      const std::vector<uint16_t> halves(50 * 37, 1);
      const std::vector<int16_t> integers(50 * 37, 1);
      const std::vector<float> scales(4 * 37, 1);
      const uint64_t packed = weight_gemm::Pack(*choice.row, p, {halves, integers, scales, {}}).size();
      EXPECT_GT(RunDamaged(choice, p, {444, 600, packed, 148, 0, 0}), 1);
    }
  }
}

TEST(HostileParams, StoredWeightsOfManyRows) {
  for (Isa isa : RunnableIsas()) {
    for (stored::Format format :
         {stored::Format::kF16, stored::Format::kI8, stored::Format::kU4, stored::Format::kBf16}) {
      const stored::Form form = {stored::IsHalf(format) ? 50 : 16, format, 0};
      const std::vector<uint16_t> halves(50 * 37, 1);
      const std::vector<int16_t> integers(50 * 37, 1);
      const std::vector<float> scales(4 * 37, 1);
      const stored::Weights weights = {halves, integers, scales, {}};
      Choice choice;
      gemm::Params product;
      product.m = 20;
      product.n = product.ldc = 37;
      product.k = product.lda = 50;
      product.b_form = gemm::BForm::kStored;
      product.stored = form;
      ASSERT_TRUE(gemm::Choose(isa, &product, &choice).ok());
      EXPECT_GT(RunDamaged(choice, product,
                           {20 * 37 * 4, 20 * 50 * 4, gemm::PackStored(*choice.row, product, weights).size(),
                            148, 0, 0}),
                1);
      conv::Params p;
      p.in_h = p.out_h = 4;
      p.in_w = p.out_w = 5;
      p.cin = p.in_stride = 50;
      p.cout = p.out_stride = 37;
      p.is_stored = 1;
      p.stored = form;
      ASSERT_TRUE(conv::Choose(isa, &p, &choice).ok());
      EXPECT_GT(
          RunDamaged(choice, p,
                     {20 * 37 * 4, 20 * 50 * 4, conv::PackStored(*choice.row, p, weights).size(), 148, 0, 0}),
          1);
    }
  }
}

TEST(HostileParams, Moves) {
  for (Isa isa : RunnableIsas()) {
    for (bool transpose : {false, true}) {
      copy::Params p;
      Choice choice;
      const std::vector<int64_t> dims{3, 20, 30}, dst{660, 33, 1},
          src = transpose ? dst : std::vector<int64_t>{600, 1, 20};
      ASSERT_TRUE(copy::Choose(isa, 4, dims, dst, src, 0, &p, &choice).ok());
      EXPECT_GT(RunDamaged(choice, p, {8000, 8000}), 1);
    }
  }
  for (int mode = 0; mode < 5; ++mode) {
    pad::Params p;
    Choice choice;
    const std::vector<int64_t> sizes{4, 5, 6, 3}, before{0, 1, 2, 0}, after{0, 2, 1, 0};
    ASSERT_TRUE(pad::Choose(Isa::kPortable, static_cast<pad::Mode>(mode), 4, sizes, before, after, nullptr,
                            &p, &choice)
                    .ok());
    EXPECT_GT(RunDamaged(choice, p, {4 * 8 * 9 * 3 * 4, 4 * 5 * 6 * 3 * 4}), 1);
  }
  gather::Params p{DType::kI32, {}, 3, 9, 5, 20, 180, 20, 100, 20, 0};
  Choice choice;
  ASSERT_TRUE(gather::Choose(Isa::kPortable, &p, &choice).ok());
  EXPECT_GT(RunDamaged(choice, p, {300, 540, 20}), 1);
}

TEST(HostileParams, Resize) {
  for (Isa isa : RunnableIsas()) {
    const resize::Params p{2, 5, 4, 6, 8, 9, 2, 2, 120, 30, 5, 360, 45, 5};
    Choice choice;
    ASSERT_TRUE(resize::Choose(isa, p, &choice).ok());
    EXPECT_GT(RunDamaged(choice, p, {2880, 960, 128, 144}), 1);
  }
}

TEST(HostileParams, GridSample) {
  for (Isa isa : RunnableIsas()) {
    const grid_sample::Params p{
        grid_sample::Mode::kLinear, grid_sample::Border::kReflect, 0, {}, 2, 5, 4, 6, 70, 6, 7};
    Choice choice;
    ASSERT_TRUE(grid_sample::Choose(isa, p, &choice).ok());
    EXPECT_GT(RunDamaged(choice, p, {3920, 1152, 1120}), 1);
  }
}

TEST(HostileParams, RowsAndColumns) {
  for (Isa isa : RunnableIsas()) {
    Choice choice;
    reduce::Params r;
    for (int axes = 1; axes < 8; ++axes) {
      const std::vector<int64_t> dims{4, 9, 21}, strides{189, 21, 1};
      ASSERT_TRUE(reduce::Choose(isa, reduce::Op::kLogSumExp, dims, strides,
                                 {(axes & 1) != 0, (axes & 2) != 0, (axes & 4) != 0}, &r, &choice)
                      .ok());
      EXPECT_GT(RunDamaged(choice, r, {4 * 9 * 21 * 4, 4 * 9 * 21 * 4}), 1);
    }
    for (int64_t inner : {1, 20}) {
      softmax::Params s{0, 1.0f, 6, 35, inner, 35 * inner, inner, 0};
      ASSERT_TRUE(softmax::Choose(isa, &s, &choice).ok());
      const uint64_t bytes = static_cast<uint64_t>(6 * 35 * inner * 4);
      EXPECT_GT(RunDamaged(choice, s, {bytes, bytes}), 1);
      arg_reduce::Params a{0, 0, DType::kI64, {}, 6, 35, inner, 0};
      ASSERT_TRUE(arg_reduce::Choose(isa, &a, &choice).ok());
      EXPECT_GT(RunDamaged(choice, a, {static_cast<uint64_t>(48 * inner), bytes}), 1);
      cumulative_sum::Params c{0, 0, 6, 35, inner, 0};
      ASSERT_TRUE(cumulative_sum::Choose(isa, &c, &choice).ok());
      EXPECT_GT(RunDamaged(choice, c, {bytes, bytes}), 1);
    }
    const row_norm::Params n{row_norm::Kind::kLayer, 1e-5f, 7, 37, 37, 37};
    ASSERT_TRUE(row_norm::Choose(isa, n, &choice).ok());
    EXPECT_GT(RunDamaged(choice, n, {7 * 37 * 4, 7 * 37 * 4, 37 * 4, 37 * 4}), 1);
    group_norm::Params g{1e-5f, 0, 2, 9, 30, 3, 270, 30, 0};
    ASSERT_TRUE(group_norm::Choose(isa, &g, &choice).ok());
    EXPECT_GT(RunDamaged(choice, g, {2160, 2160, 120, 120}), 1);
  }
}

TEST(HostileParams, Attention) {
  for (Isa isa : RunnableIsas()) {
    Choice choice;
    attention::Params p{};
    p.batch = 2, p.heads = 4, p.kv_heads = 2;
    p.queries = 19, p.keys = 30, p.size = 5, p.value_size = 7;
    p.query = {380, 5, 20};
    p.y = {532, 7, 28};
    p.key = {300, 5, 10};
    p.value = {420, 7, 14};
    p.mask = {0, 0, 30}, p.mask_key = 1;
    p.scale = 1, p.causal = 1, p.causal_offset = 3;
    ASSERT_TRUE(attention::Choose(isa, &p, &choice).ok());
    EXPECT_GT(RunDamaged(choice, p, {4256, 3040, 2400, 3360, 2280}), 1);
  }
}

TEST(HostileParams, Recurrent) {
  for (Isa isa : RunnableIsas()) {
    Choice choice;
    const lstm::Params l{5, 2, 20, 0, 40, 20, 160, 80};
    ASSERT_TRUE(lstm::Choose(isa, l, &choice).ok());
    const uint64_t unit = static_cast<uint64_t>(recurrent::PackedSize(1, 20)) * 4;
    EXPECT_GT(RunDamaged(choice, l, {800, 160, 160, 3200, 160, 160, 4 * unit}), 1);
    ASSERT_TRUE(qlstm::Choose(isa, l, &choice).ok());
    EXPECT_GT(RunDamaged(choice, l, {800, 160, 160, 3200, 160, 160, 2 * 10 * 4 * 16 * 2, 2 * 4 * 16 * 4}), 1);
    const gru::Params g{5, 2, 20, 0, 1, 40, 20, 120, 60};
    ASSERT_TRUE(gru::Choose(isa, g, &choice).ok());
    EXPECT_GT(RunDamaged(choice, g, {800, 160, 2400, 160, 2 * unit, unit, 80}), 1);
  }
}

TEST(HostileParams, Conversions) {
  for (Isa isa : RunnableIsas()) {
    Choice choice;
    convert::Params c;
    ASSERT_TRUE(convert::Choose(isa, DType::kF32, DType::kF16, 333, &c, &choice).ok());
    EXPECT_GT(RunDamaged(choice, c, {666, 1332}), 1);
    for (int64_t inner : {1, 11}) {
      quantize::Params q{DType::kI8, 0, {}, 3, 5, inner, 0};
      ASSERT_TRUE(quantize::Choose(isa, &q, &choice).ok());
      EXPECT_GT(RunDamaged(choice, q,
                           {static_cast<uint64_t>(15 * inner), static_cast<uint64_t>(60 * inner), 20, 5}),
                1);
    }
  }
}

TEST(HostileParams, QuantizedIntegers) {
  for (Isa isa : RunnableIsas()) {
    Choice choice;
    table::Params t{3, 50, 60, 55, 0, 0};
    ASSERT_TRUE(table::Choose(isa, &t, &choice).ok());
    EXPECT_GT(RunDamaged(choice, t, {160, 170, 256}), 1);

    quantized_binary::Params q{};
    q.a_type = q.b_type = q.y_type = DType::kU8;
    q.high = 255;
    q.a_ratio = q.b_ratio = 0.7F;
    const std::vector<int64_t> dims{2, 3, 37}, dense{111, 37, 1}, channels{0, 0, 1}, turned{3, 1, 6};
    for (const auto& b : {dense, channels, turned}) {
      ASSERT_TRUE(quantized_binary::Choose(isa, dims, dense, dense, b, &q, &choice).ok());
      EXPECT_GT(RunDamaged(choice, q, {222, 222, 222}), 1);
    }

    q.a_type = q.b_type = q.y_type = DType::kI16;
    for (const auto& b : {dense, channels, turned}) {
      ASSERT_TRUE(quantized_binary::Choose(isa, dims, dense, dense, b, &q, &choice).ok());
      EXPECT_GT(RunDamaged(choice, q, {444, 444, 444}), 1);
    }

    quantized_prelu::Params l{};
    l.x_type = DType::kI8;
    l.y_type = DType::kU8;
    l.high = 255;
    l.rows = 6;
    l.channels = l.y_stride = 37;
    l.x_stride = 40;
    ASSERT_TRUE(quantized_prelu::Choose(isa, &l, &choice).ok());
    EXPECT_GT(RunDamaged(choice, l, {222, 240, 148}), 1);
    l.x_type = l.y_type = DType::kU16;
    ASSERT_TRUE(quantized_prelu::Choose(isa, &l, &choice).ok());
    EXPECT_GT(RunDamaged(choice, l, {444, 480, 148}), 1);

    quantized_pool::Params p{};
    pool::Params& w = p.window;
    w.batch = 2;
    w.channels = w.in_pixel_stride = w.out_pixel_stride = 19;
    w.height = w.width = 7;
    w.out_height = w.out_width = 4;
    w.kernel_height = w.kernel_width = 3;
    w.stride_height = w.stride_width = 2;
    w.dilation_height = w.dilation_width = 1;
    w.pad_top = w.pad_left = w.pad_bottom = w.pad_right = 1;
    w.in_row_stride = 7 * 19;
    w.in_batch_stride = 49 * 19;
    w.out_row_stride = 4 * 19;
    w.out_batch_stride = 16 * 19;
    p.in_type = p.out_type = DType::kI8;
    p.ratio = 1;
    p.low = -128;
    p.high = 127;
    for (pool::Mode mode : {pool::Mode::kMax, pool::Mode::kAverage}) {
      w.mode = mode;
      ASSERT_TRUE(quantized_pool::Choose(isa, &p, &choice).ok());
      EXPECT_GT(RunDamaged(choice, p, {32 * 19, 98 * 19}), 1);
      quantized_pool::Params halves = p;
      halves.in_type = halves.out_type = DType::kI16;
      ASSERT_TRUE(quantized_pool::Choose(isa, &halves, &choice).ok());
      EXPECT_GT(RunDamaged(choice, halves, {64 * 19, 196 * 19}), 1);
    }

    softmax_8bit::Params s{DType::kI8, DType::kU8, {}, 0.01F, 0, 0, 255, 0, 6, 35, 2};
    ASSERT_TRUE(softmax_8bit::Choose(isa, &s, &choice).ok());
    EXPECT_GT(RunDamaged(choice, s, {420, 420, 1024}), 1);

    resize_8bit::Params r{2, 5,          4,          6, 8, 9,    120, 30, 5, 360, 45,
                          5, DType::kU8, DType::kU8, 0, 0, 1.0F, 0,   0,  0, 255};
    for (uint8_t nearest : {0, 1}) {
      r.nearest = nearest;
      ASSERT_TRUE(resize_8bit::Choose(isa, &r, &choice).ok());
      EXPECT_GT(RunDamaged(choice, r, {720, 240, 64, 72}), 1);
    }
  }
}

}  // namespace
}  // namespace whet::kernels
