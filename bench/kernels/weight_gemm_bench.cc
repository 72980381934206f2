// Products with few rows by weights of 4096 x 4096: as floats by gemm, and as they are stored by weight_gemm.
// GB/s is of the packed weights.
#include "kernels/weight_gemm/weight_gemm.h"

#include <cstring>

#include "kernels/gemm/gemm.h"
#include "measure.h"

namespace whet::bench {
namespace {

namespace gemm = kernels::gemm;
namespace stored = kernels::stored;
namespace weight_gemm = kernels::weight_gemm;

constexpr int64_t kSize = 4096;

double Operations(int64_t rows) { return 2.0 * static_cast<double>(rows * kSize * kSize); }

void RunFloats(benchmark::State& state, Isa isa, int64_t rows) {
  gemm::Params p;
  p.m = rows;
  p.n = p.k = p.lda = p.ldc = kSize;
  kernels::Choice choice{};
  if (!gemm::Choose(isa, &p, &choice).ok()) return state.SkipWithError("refused");
  Floats a(rows * kSize), b(kSize * kSize), c(rows * kSize);
  Measure(state, choice, p, {c.data(), a.data(), b.data(), nullptr, nullptr, nullptr}, Operations(rows),
          4.0 * kSize * kSize);
}

void RunStored(benchmark::State& state, Isa isa, int64_t rows, stored::Format format, int64_t group) {
  weight_gemm::Params p;
  p.m = rows;
  p.n = p.k = p.lda = p.ldc = kSize;
  p.form.group = group;
  p.form.format = format;
  kernels::Choice choice{};
  if (!weight_gemm::Choose(isa, &p, &choice).ok()) return state.SkipWithError("refused");
  constexpr auto kWeights = static_cast<size_t>(kSize * kSize);
  const std::vector<uint16_t> halves(kWeights, 0x2e66);  // 0.1
  const std::vector<int16_t> integers(kWeights, 3);
  const std::vector<float> scales(static_cast<size_t>(kSize / group * kSize), 0.01F);
  const std::vector<uint8_t> packed = weight_gemm::Pack(*choice.row, p, {halves, integers, scales, {}});
  Floats a(rows * kSize), b(static_cast<int64_t>(packed.size() / sizeof(float)) + 1), c(rows * kSize);
  std::memcpy(b.data(), packed.data(), packed.size());
  Measure(state, choice, p, {c.data(), a.data(), b.data(), nullptr, nullptr, nullptr}, Operations(rows),
          static_cast<double>(packed.size()));
}

[[maybe_unused]] const bool kRegistered = [] {
  const auto add = [](Isa isa, const std::string& name, int64_t rows, auto run) {
    const std::string full =
        "stored_weights/" + std::string(IsaName(isa)) + "/" + std::to_string(rows) + "_rows/" + name;
    benchmark::RegisterBenchmark(full.c_str(), run);
  };
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    for (int64_t rows : {1, 4, 8}) {
      const auto run = [=](stored::Format format, int64_t group) {
        return [=](benchmark::State& state) { RunStored(state, isa, rows, format, group); };
      };
      add(isa, "f32", rows, [=](benchmark::State& state) { RunFloats(state, isa, rows); });
      add(isa, "f16", rows, run(stored::Format::kF16, kSize));
      add(isa, "8bit_by_64", rows, run(stored::Format::kI8, 64));
      add(isa, "4bit_by_64", rows, run(stored::Format::kU4, 64));
    }
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
