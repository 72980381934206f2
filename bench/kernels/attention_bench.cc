// Attention at once, and as two products with a softmax between.
#include "kernels/attention/attention.h"

#include "kernels/gemm/gemm.h"
#include "kernels/softmax/softmax.h"
#include "measure.h"

namespace whet::bench {
namespace {

struct Shape {
  const char* name;
  int64_t heads, length, size;
};

constexpr Shape kShapes[] = {
    {"minilm_128", 12, 128, 32}, {"bert_128", 12, 128, 64},   {"bert_512", 12, 512, 64},
    {"vit_197", 12, 197, 64},    {"svtr_40", 8, 40, 15},      {"swin_49", 24, 49, 32},
    {"long_2048", 2, 2048, 64},  {"decode_512", 12, 512, 64},
};

double Flops(const Shape& shape, int64_t queries) {
  return 4 * static_cast<double>(shape.heads * queries * shape.length * shape.size);
}

int64_t QueriesOf(const Shape& shape) {
  return std::string_view(shape.name).starts_with("decode") ? 1 : shape.length;
}

// All heads of a position beside each other, as projections leave them.
void Fused(benchmark::State& state, Isa isa, const Shape& shape) {
  const int64_t row = shape.heads * shape.size;
  const int64_t queries = QueriesOf(shape);
  kernels::attention::Params p{};
  p.batch = 1;
  p.heads = p.kv_heads = shape.heads;
  p.queries = queries;
  p.keys = shape.length;
  p.size = p.value_size = shape.size;
  p.y = p.query = {queries * row, shape.size, row};
  p.key = p.value = {shape.length * row, shape.size, row};
  p.scale = 0.125F;
  kernels::Choice choice{};
  if (!kernels::attention::Choose(isa, &p, &choice).ok()) return state.SkipWithError("refused");
  Floats q(queries * row), k(shape.length * row), v(shape.length * row), y(queries * row);
  Measure(state, choice, p, {y.data(), q.data(), k.data(), v.data(), nullptr}, Flops(shape, queries),
          8 * static_cast<double>((queries + shape.length) * row));
}

// Heads apart, which costs transposes that are not counted here.
void Unfused(benchmark::State& state, Isa isa, const Shape& shape) {
  const int64_t queries = QueriesOf(shape);
  const auto product = [&](int64_t n, int64_t k, kernels::gemm::BForm form) {
    kernels::gemm::Params p;
    p.m = queries;
    p.n = n;
    p.k = k;
    p.lda = k;
    p.ldb = form == kernels::gemm::BForm::kTransposed ? k : n;
    p.ldc = n;
    p.b_form = form;
    p.batch[0] = shape.heads;
    p.a_stride[0] = queries * k;
    p.b_stride[0] = n * k;
    p.c_stride[0] = queries * n;
    return p;
  };
  auto scores = product(shape.length, shape.size, kernels::gemm::BForm::kTransposed);
  auto values = product(shape.size, shape.length, kernels::gemm::BForm::kRowMajor);
  kernels::softmax::Params softmax{0, 0.125F, shape.heads * queries, shape.length, 1, shape.length, 1, 0};
  kernels::Choice choices[3];
  if (!kernels::gemm::Choose(isa, &scores, &choices[0]).ok() ||
      !kernels::softmax::Choose(isa, &softmax, &choices[1]).ok() ||
      !kernels::gemm::Choose(isa, &values, &choices[2]).ok()) {
    return state.SkipWithError("refused");
  }
  const int64_t tokens = shape.heads * shape.size;
  Floats q(queries * tokens), k(shape.length * tokens), v(shape.length * tokens), y(queries * tokens),
      s(shape.heads * queries * shape.length);
  Floats scratch(static_cast<int64_t>(std::max(choices[0].scratch_bytes, choices[2].scratch_bytes)) / 4 + 1);
  void* first[] = {s.data(), q.data(), k.data(), nullptr, nullptr, nullptr};
  void* second[] = {s.data(), s.data()};
  void* third[] = {y.data(), s.data(), v.data(), nullptr, nullptr, nullptr};
  double best = 1e30;
  for (auto _ : state) {
    const double start = Nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    choices[0].row->run({&scores, first, scratch.data()}, 0, choices[0].units);
    choices[1].row->run({&softmax, second, nullptr}, 0, choices[1].units);
    choices[2].row->run({&values, third, scratch.data()}, 0, choices[2].units);
    benchmark::ClobberMemory();
    best = std::min(best, Nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start);
  }
  state.counters["best_us"] = best / 1000;
  state.counters["GFLOP/s"] = Flops(shape, queries) / best;
}

[[maybe_unused]] const bool kRegistered = [] {
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    for (const Shape& shape : kShapes) {
      const std::string name = std::string(IsaName(isa)) + "/" + shape.name;
      benchmark::RegisterBenchmark(("attention/" + name).c_str(),
                                   [=](benchmark::State& state) { Fused(state, isa, shape); });
      benchmark::RegisterBenchmark(("products_and_softmax/" + name).c_str(),
                                   [=](benchmark::State& state) { Unfused(state, isa, shape); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
