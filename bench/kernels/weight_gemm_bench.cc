// Products by weights as floats, by gemm, and as they are stored: of at most eight rows by weight_gemm, of
// more by gemm. Weights of 4096 x 4096 come from memory, those of 512 x 512 from a cache. GB/s is of the
// packed weights.
#include "kernels/weight_gemm/weight_gemm.h"

#include <cstring>

#include "kernels/gemm/gemm.h"
#include "measure.h"

namespace whet::bench {
namespace {

namespace gemm = kernels::gemm;
namespace stored = kernels::stored;
namespace weight_gemm = kernels::weight_gemm;

struct Problem {
  Isa isa;
  int64_t rows, size;
  double Operations() const { return 2.0 * static_cast<double>(rows * size * size); }
};

template <typename Params>
Params ParamsOf(const Problem& problem) {
  Params p;
  p.m = problem.rows;
  p.n = p.k = p.lda = p.ldc = problem.size;
  return p;
}

void RunFloats(benchmark::State& state, const Problem& problem) {
  auto p = ParamsOf<gemm::Params>(problem);
  kernels::Choice choice{};
  if (!gemm::Choose(problem.isa, &p, &choice).ok()) return state.SkipWithError("refused");
  Floats a(p.m * p.k), b(p.k * p.n), c(p.m * p.n);
  Measure(state, choice, p, {c.data(), a.data(), b.data(), nullptr, nullptr, nullptr}, problem.Operations(),
          4.0 * static_cast<double>(p.k * p.n));
}

void RunStored(benchmark::State& state, const Problem& problem, stored::Format format, int64_t group) {
  const int64_t k = problem.size;
  const stored::Form form = {group == 0 ? k : group, format, 0};
  const auto count = static_cast<size_t>(k * k);
  const std::vector<uint16_t> halves(count, 0x2e66);  // 0.1
  const std::vector<int16_t> integers(count, 3);
  const std::vector<float> scales(static_cast<size_t>(k / form.group * k), 0.01F);
  const stored::Weights weights = {halves, integers, scales, {}};
  Floats a(problem.rows * k), c(problem.rows * k);
  kernels::Choice choice{};
  const auto measure = [&](const auto& p, const std::vector<uint8_t>& packed) {
    Floats b(static_cast<int64_t>(packed.size() / sizeof(float)) + 1);
    std::memcpy(b.data(), packed.data(), packed.size());
    Measure(state, choice, p, {c.data(), a.data(), b.data(), nullptr, nullptr, nullptr}, problem.Operations(),
            static_cast<double>(packed.size()));
  };
  if (problem.rows <= weight_gemm::kMostRows) {
    auto p = ParamsOf<weight_gemm::Params>(problem);
    p.form = form;
    if (!weight_gemm::Choose(problem.isa, &p, &choice).ok()) return state.SkipWithError("refused");
    measure(p, weight_gemm::Pack(*choice.row, p, weights));
  } else {
    auto p = ParamsOf<gemm::Params>(problem);
    p.b_form = gemm::BForm::kStored;
    p.stored = form;
    if (!gemm::Choose(problem.isa, &p, &choice).ok()) return state.SkipWithError("refused");
    measure(p, gemm::PackStored(*choice.row, p, weights));
  }
}

[[maybe_unused]] const bool kRegistered = [] {
  const auto add = [](const Problem& problem, const std::string& name, auto run) {
    const std::string full = "stored_weights/" + std::string(IsaName(problem.isa)) + "/" +
                             std::to_string(problem.size) + "/" + std::to_string(problem.rows) + "_rows/" +
                             name;
    benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) { run(state, problem); });
  };
  const auto add_all = [&](const Problem& problem) {
    const auto stored_as = [](stored::Format format, int64_t group) {
      return [=](benchmark::State& state, const Problem& p) { RunStored(state, p, format, group); };
    };
    add(problem, "f32", RunFloats);
    add(problem, "f16", stored_as(stored::Format::kF16, 0));
    add(problem, "8bit_by_64", stored_as(stored::Format::kI8, 64));
    add(problem, "4bit_by_64", stored_as(stored::Format::kU4, 64));
  };
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    for (int64_t rows : {1, 4, 8, 9, 12, 16, 32, 64}) add_all({isa, rows, 4096});
    for (int64_t rows : {9, 16, 32, 49, 64, 100, 196, 784}) add_all({isa, rows, 512});
    for (int64_t rows : {9, 12, 16, 24, 32, 49}) add_all({isa, rows, 1024});
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
