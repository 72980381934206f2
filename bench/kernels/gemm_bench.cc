#include "kernels/gemm/gemm.h"

#include "measure.h"

namespace whet::bench {
namespace {

namespace gemm = kernels::gemm;

struct Shape {
  const char* name;
  int64_t m, n, k, batch;
  gemm::BForm form;
};

constexpr Shape kShapes[] = {
    {"square_1024", 1024, 1024, 1024, 1, gemm::BForm::kPacked},
    {"square_512", 512, 512, 512, 1, gemm::BForm::kPacked},
    {"bert_ffn_up", 128, 3072, 768, 1, gemm::BForm::kPacked},
    {"bert_ffn_down", 128, 768, 3072, 1, gemm::BForm::kPacked},
    {"minilm_qkv", 128, 384, 384, 1, gemm::BForm::kPacked},
    {"attention_scores", 128, 128, 64, 12, gemm::BForm::kTransposed},
    {"attention_values", 128, 64, 128, 12, gemm::BForm::kRowMajor},
    {"two_activations", 256, 256, 256, 1, gemm::BForm::kRowMajor},
    {"few_rows_in_place", 8, 512, 512, 1, gemm::BForm::kRowMajor},
    {"classifier", 1, 1000, 1280, 1, gemm::BForm::kPacked},
    {"wake_word", 1, 128, 1536, 1, gemm::BForm::kPacked},
};

void Run(benchmark::State& state, const gemm::TileRow& row, const Shape& shape) {
  gemm::Params p;
  p.m = shape.m;
  p.n = shape.n;
  p.k = shape.k;
  p.lda = shape.k;
  p.ldb = shape.form == gemm::BForm::kTransposed ? shape.k : shape.n;
  p.ldc = shape.n;
  p.b_form = shape.form;
  p.batch[0] = shape.batch;
  p.a_stride[0] = p.m * p.k;
  p.b_stride[0] = p.n * p.k;
  p.c_stride[0] = p.m * p.n;
  const int64_t b_size =
      shape.form == gemm::BForm::kPacked ? gemm::PackedSize(row.base, p.k, p.n) : shape.batch * p.n * p.k;
  Floats a(shape.batch * p.m * p.k);
  Floats b(b_size);
  Floats c(shape.batch * p.m * p.n);
  Floats bias(p.n);
  kernels::Choice choice{};
  if (!gemm::Choose(row, &p, &choice).ok()) return state.SkipWithError("refused");
  const double count = static_cast<double>(shape.batch);
  const double m = static_cast<double>(p.m);
  const double n = static_cast<double>(p.n);
  const double k = static_cast<double>(p.k);
  Measure(state, choice, p, {c.data(), a.data(), b.data(), bias.data(), nullptr, nullptr},
          2 * count * m * n * k, 4 * count * (m * k + k * n + m * n));
}

[[maybe_unused]] const bool kRegistered = [] {
  for (const gemm::TileRow& row : gemm::Rows()) {
    for (const Shape& shape : kShapes) {
      benchmark::RegisterBenchmark((std::string(row.base.name) + "/" + shape.name).c_str(),
                                   [&row, &shape](benchmark::State& state) { Run(state, row, shape); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
