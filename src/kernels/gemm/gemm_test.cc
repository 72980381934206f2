#include "kernels/gemm/gemm.h"

#include <gtest/gtest.h>

#include "kernels/epilogue/epilogue_testing.h"
#include "kernels/gemm/blocking.h"
#include "kernels/stored/stored_testing.h"
#include "kernels/testing.h"

namespace whet::kernels::gemm {
namespace {

using Floats = GuardedBuffer<float>;

Floats RandomFloats(int64_t count, std::mt19937& random) {
  Floats floats(count);
  floats.FillRandom(random, -1, 1);
  return floats;
}

struct Problem {
  int64_t m, n, k;
  int64_t batch = 1;
  BForm form = BForm::kPacked;
  int64_t gap = 0;  // added to every row's length
  Epilogue epilogue = {};
  bool bias = true;
  stored::Form stored = {};
};

// Runs it on the row and compares with the sums in double.
void Check(const TileRow& row, const Problem& problem) {
  const auto [m, n, k, batch, form, gap, epilogue, with_bias, stored_form] = problem;
  SCOPED_TRACE(std::string(row.base.name) + " " + std::to_string(m) + "x" + std::to_string(n) + "x" +
               std::to_string(k) + " batch " + std::to_string(batch) + " form " +
               std::to_string(static_cast<int>(form)) + " stored " + stored::ToString(stored_form) +
               " activation " + std::to_string(static_cast<int>(epilogue.activation)));
  std::mt19937 random(7);
  const bool transposed = form == BForm::kTransposed;
  Params p;
  p.m = m;
  p.n = n;
  p.k = k;
  p.lda = k + gap;
  p.ldb = (transposed ? k : n) + gap;
  p.ldc = n + gap;
  p.ldr = n + 2 * gap;
  p.b_form = form;
  p.epilogue = epilogue;
  p.batch[1] = batch;
  const int64_t b_matrix = (transposed ? n : k) * p.ldb;
  p.a_stride[1] = m * p.lda;
  p.b_stride[1] = form == BForm::kPacked ? PackedSize(row.base, k, n) : b_matrix;
  p.c_stride[1] = m * p.ldc;
  p.r_stride[1] = m * p.ldr;

  Floats a = RandomFloats(batch * m * p.lda - gap, random);
  Floats b = RandomFloats(batch * b_matrix - gap, random);
  Floats bias = RandomFloats(n, random);
  Floats residual = RandomFloats(batch * m * p.ldr - 2 * gap, random);
  Floats slope = RandomFloats(n, random);
  Floats c(batch * m * p.ldc - gap);
  std::memset(c.data(), 0xff, c.size_bytes());
  Floats packed(batch * PackedSize(row.base, k, n));
  if (form == BForm::kPacked) {
    for (int64_t i = 0; i < batch; ++i) {
      Pack(row.base, k, n, b.data() + i * b_matrix, p.ldb, 1, packed.data() + i * p.b_stride[1]);
    }
    ASSERT_TRUE(packed.GuardsIntact());
  }
  std::vector<uint8_t> made;
  if (form == BForm::kStored) {
    p.stored = stored_form;
    const stored::TestMatrix matrix(p.stored, k, n, random);
    for (int64_t q = 0; q < k; ++q) std::copy_n(matrix.values.begin() + q * n, n, b.data() + q * p.ldb);
    made = PackStored(row.base, p, matrix.weights());
  }
  GuardedBuffer<uint8_t> as_stored(static_cast<int64_t>(made.size()));
  std::copy(made.begin(), made.end(), as_stored.data());
  const bool with_residual = epilogue.residual != Residual::kNone;
  const Operand absent{nullptr, 0};
  Choice choice{};
  ASSERT_TRUE(Choose(row, &p, &choice).ok());
  const std::vector<Operand> operands = {ToOperand(c),
                                         ToOperand(a),
                                         form == BForm::kStored   ? ToOperand(as_stored)
                                         : form == BForm::kPacked ? ToOperand(packed)
                                                                  : ToOperand(b),
                                         with_bias ? ToOperand(bias) : absent,
                                         with_residual ? ToOperand(residual) : absent,
                                         ToOperand(slope)};
  RunRow(choice, p, operands);
  ExpectRefusesSmallerOperands(choice, p, operands);

  for (int64_t s = 0; s < batch; ++s) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double sum = with_bias ? bias[j] : 0;
        double magnitude = std::abs(sum);
        for (int64_t q = 0; q < k; ++q) {
          const double product = static_cast<double>(a[s * p.a_stride[1] + i * p.lda + q]) *
                                 b[s * b_matrix + (transposed ? j * p.ldb + q : q * p.ldb + j)];
          sum += product;
          magnitude += std::abs(product);
        }
        const double r = with_residual ? residual[s * p.r_stride[1] + i * p.ldr + j] : 0;
        const double expected = ScalarEpilogue(epilogue, sum, r, slope[j]);
        ASSERT_NEAR(c[s * p.c_stride[1] + i * p.ldc + j], expected, 2e-6 * (magnitude + 1))
            << "batch " << s << " row " << i << " column " << j;
      }
    }
  }
  EXPECT_TRUE(c.GuardsIntact());
  for (int64_t i = 0; i + 1 < batch * m; ++i) {
    for (int64_t j = n; j < p.ldc; ++j) ASSERT_TRUE(std::isnan(c[i * p.ldc + j])) << "wrote between rows";
  }
}

class GemmTest : public ::testing::TestWithParam<const TileRow*> {
 protected:
  void SetUp() override {
    if (!IsaSupported(GetParam()->base.isa))
      GTEST_SKIP() << "this CPU has no " << IsaName(GetParam()->base.isa);
  }
};

TEST_P(GemmTest, EverySmallSize) {
  const TileRow& row = *GetParam();
  for (int64_t m = 1; m <= row.tile_m + 1; ++m) {
    for (int64_t n : {1, row.lanes - 1, row.lanes, row.lanes + 1, row.tile_n - 1, row.tile_n, row.tile_n + 1,
                      2 * row.tile_n + 3}) {
      for (int64_t k : {1, 3, 4, 9}) Check(row, {m, n, k});
    }
  }
}

TEST_P(GemmTest, Blocks) {
  Check(*GetParam(), {49, 200, 700});
  Check(*GetParam(), {1, 1000, 320});
  Check(*GetParam(), {301, 24, 16});
  Check(*GetParam(), {130, 130, 2100});
}

TEST_P(GemmTest, RowsWithGaps) {
  Check(*GetParam(), {13, 37, 5, 1, BForm::kPacked, 3});
  Check(*GetParam(), {13, 37, 5, 2, BForm::kRowMajor, 3});
  Check(*GetParam(), {13, 37, 5, 2, BForm::kTransposed, 3});
}

TEST_P(GemmTest, ProductsOfActivations) {
  for (BForm form : {BForm::kPacked, BForm::kRowMajor, BForm::kTransposed}) {
    for (int64_t m : {1, 2, 31, 128}) {
      Check(*GetParam(), {m, 77, 33, 3, form});
      Check(*GetParam(), {m, 16, 64, 1, form});
      Check(*GetParam(), {m, 1, 5, 2, form});
    }
  }
}

TEST_P(GemmTest, StoredWeights) {
  const TileRow& row = *GetParam();
  for (int64_t k : {1, 4, 7, 33, 70}) {
    for (const stored::Form& form : stored::FormsToTest(k)) {
      for (int64_t n : {1, row.lanes, row.lanes + 1, row.tile_n, 3 * row.tile_n + 1})
        Check(row, {row.tile_m + 3, n, k, 1, BForm::kStored, 2, {}, true, form});
    }
  }
  // Several units, of rows and of columns.
  for (const stored::Form& form : stored::FormsToTest(320)) {
    Check(row, {300, 70, 320, 1, BForm::kStored, 0, {}, true, form});
    Check(row, {20, 300, 320, 1, BForm::kStored, 0, {}, true, form});
  }
}

TEST_P(GemmTest, RefusesWhatIsNotStored) {
  Params p;
  p.m = p.n = p.k = p.lda = p.ldc = 64;
  p.b_form = BForm::kStored;
  p.stored = {33, stored::Format::kU4, 0};
  Choice choice{};
  EXPECT_FALSE(Choose(*GetParam(), &p, &choice).ok());
  p.stored.group = 32;
  EXPECT_TRUE(Choose(*GetParam(), &p, &choice).ok());
  p.batch[0] = 2;
  EXPECT_FALSE(Choose(*GetParam(), &p, &choice).ok());
}

TEST_P(GemmTest, Epilogues) {
  for (const Epilogue& epilogue : AllEpilogues()) {
    Check(*GetParam(), {7, 53, 6, 1, BForm::kPacked, 1, epilogue});
    Check(*GetParam(), {7, 53, 6, 1, BForm::kPacked, 1, epilogue, false});
  }
}

TEST_P(GemmTest, ClipKeepsNaN) {
  const TileRow& row = *GetParam();
  Floats a(1);
  Floats b(PackedSize(row.base, 1, 1));
  Floats c(1);
  const float one = 1;
  Pack(row.base, 1, 1, &one, 1, 1, b.data());
  Params p;
  p.m = p.n = p.k = p.lda = p.ldc = 1;
  p.epilogue.activation = Activation::kClip;
  Choice choice{};
  ASSERT_TRUE(Choose(row, &p, &choice).ok());
  a[0] = std::nanf("");
  c[0] = 0;
  RunRow(choice, p, {ToOperand(c), ToOperand(a), ToOperand(b), {}, {}, {}});
  EXPECT_TRUE(std::isnan(c[0]));
}

TEST_P(GemmTest, ValidateRejectsBadParams) {
  const TileRow& row = *GetParam();
  Params good;
  good.m = 20;
  good.n = 70;
  good.k = 11;
  good.lda = 12;
  good.ldb = 11;
  good.ldc = 71;
  good.ldr = 72;
  good.batch[0] = 2;
  good.a_stride[0] = 240;
  good.b_stride[0] = 770;
  good.c_stride[0] = 1420;
  good.b_form = BForm::kTransposed;
  good.epilogue.residual = Residual::kAfterActivation;
  Choice choice{};
  ASSERT_TRUE(Choose(row, &good, &choice).ok());
  const std::vector<uint64_t> bytes = {4 * (1420 + 19 * 71 + 70), 4 * (240 + 19 * 12 + 11),
                                       4 * (770 + 69 * 11 + 11),  4 * 70,
                                       4 * (19 * 72 + 70),        4 * 70};
  const auto valid = [&](const Params& p, int64_t units, uint64_t scratch) {
    return row.base.validate({std::as_bytes(std::span(&p, 1)), bytes, units, scratch}) == nullptr;
  };
  ASSERT_TRUE(valid(good, choice.units, choice.scratch_bytes));
  EXPECT_FALSE(valid(good, choice.units + 1, choice.scratch_bytes));
  EXPECT_FALSE(valid(good, choice.units, choice.scratch_bytes - 1));

  const auto rejects = [&](auto&& change) {
    Params p = good;
    change(p);
    return !valid(p, choice.units, choice.scratch_bytes);
  };
  EXPECT_TRUE(rejects([](Params& p) { p.m = 21; }));
  EXPECT_TRUE(rejects([](Params& p) { p.k = 12; }));
  EXPECT_TRUE(rejects([](Params& p) { p.lda = -1; }));
  EXPECT_TRUE(rejects([](Params& p) { p.lda = INT64_MAX; }));
  EXPECT_TRUE(rejects([](Params& p) { p.c_stride[0] = INT64_MIN; }));
  EXPECT_TRUE(rejects([](Params& p) { p.m_tile = 100; }));
  EXPECT_TRUE(rejects([](Params& p) { p.m_block = 0; }));
  EXPECT_TRUE(rejects([](Params& p) { p.n_block += 1; }));
  EXPECT_TRUE(rejects([](Params& p) { p.pack_b = 0; }));
  EXPECT_TRUE(rejects([](Params& p) { p.b_form = static_cast<BForm>(7); }));
  EXPECT_TRUE(rejects([](Params& p) { p.epilogue.activation = static_cast<Activation>(99); }));
  EXPECT_TRUE(rejects([](Params& p) { p.epilogue.residual = Residual::kNone; }));
}

std::vector<const TileRow*> EveryRow() {
  std::vector<const TileRow*> rows;
  for (const TileRow& row : Rows()) rows.push_back(&row);
  return rows;
}

std::string RowName(const ::testing::TestParamInfo<const TileRow*>& info) {
  std::string name = info.param->base.name;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Rows, GemmTest, ::testing::ValuesIn(EveryRow()), RowName);

TEST(Blocking, CoversEverythingWithTilesOfNearlyEqualHeight) {
  for (int64_t m : {1, 12, 13, 49, 196, 3136, 12544}) {
    for (int64_t n : {1, 24, 64, 1000, 2048}) {
      for (int64_t k : {1, 27, 576, 4608}) {
        const Blocking b = ChooseBlocking(1, m, n, k, 12, 32);
        EXPECT_LE(b.m_tile, 12);
        EXPECT_EQ(b.m_block % b.m_tile, 0);
        EXPECT_EQ(b.n_block % 32, 0);
        EXPECT_EQ(CeilDiv(m, b.m_tile), CeilDiv(m, 12));
        EXPECT_LE(CeilDiv(m, b.m_block) * CeilDiv(n, b.n_block), 200);
      }
    }
  }
}

TEST(Blocking, FloatsInScratchAreFewAndShared) {
  for (int64_t m : {9, 49, 196, 3136, 12544}) {
    for (int64_t n : {24, 64, 1000, 2048}) {
      for (int64_t k : {27, 576, 2048}) {
        const Blocking b = ChooseBlocking(1, m, n, k, 12, 32, true);
        EXPECT_GE(b.m_block, std::min<int64_t>(m, 128));
        EXPECT_LE(b.n_block * k * 4, std::max<int64_t>(256 << 10, 32 * k * 4));
      }
    }
  }
}

}  // namespace
}  // namespace whet::kernels::gemm
