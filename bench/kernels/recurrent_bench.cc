#include "kernels/qrecurrent/qlstm.h"
#include "kernels/recurrent/gru.h"
#include "kernels/recurrent/lstm.h"
#include "kernels/recurrent/pack.h"
#include "measure.h"

namespace whet::bench {
namespace {

void Lstm(benchmark::State& state, Isa isa, int64_t steps, int64_t hidden) {
  const kernels::lstm::Params p{steps, 1, hidden, 0, hidden, hidden, 4 * hidden, 4 * hidden};
  kernels::Choice choice{};
  if (!kernels::lstm::Choose(isa, p, &choice).ok()) return state.SkipWithError("refused");
  const int64_t packed = kernels::recurrent::PackedSize(4, hidden);
  Floats out(steps * hidden), gates(steps * 4 * hidden), weights(packed);
  Measure(state, choice, p, {out.data(), nullptr, nullptr, gates.data(), nullptr, nullptr, weights.data()},
          2 * static_cast<double>(steps * packed), 4 * static_cast<double>(steps * packed));
}

void QLstm(benchmark::State& state, Isa isa, int64_t steps, int64_t hidden) {
  const kernels::lstm::Params p{steps, 1, hidden, 0, hidden, hidden, 4 * hidden, 4 * hidden};
  kernels::Choice choice{};
  if (!kernels::qlstm::Choose(isa, p, &choice).ok()) return state.SkipWithError("refused");
  const std::vector<int8_t> weights(static_cast<size_t>(4 * hidden * hidden), 3);
  const std::vector<float> ones(static_cast<size_t>(4 * hidden), 0.001f);
  std::vector<int8_t> packed = kernels::qlstm::Pack(weights.data(), hidden);
  packed.resize(packed.size() + 64);
  std::vector<float> scales = kernels::qlstm::PackScales(ones.data(), hidden);
  scales.resize(scales.size() + 16);
  Floats out(steps * hidden), gates(steps * 4 * hidden);
  const auto products = static_cast<double>(steps * 4 * hidden * hidden);
  Measure(state, choice, p,
          {out.data(), nullptr, nullptr, gates.data(), nullptr, nullptr, packed.data(), scales.data()},
          2 * products, products);
}

void Gru(benchmark::State& state, Isa isa, int64_t steps, int64_t hidden) {
  const kernels::gru::Params p{steps, 1, hidden, 0, 1, hidden, hidden, 3 * hidden, 3 * hidden};
  kernels::Choice choice{};
  if (!kernels::gru::Choose(isa, p, &choice).ok()) return state.SkipWithError("refused");
  const int64_t packed = kernels::recurrent::PackedSize(3, hidden);
  Floats out(steps * hidden), gates(steps * 3 * hidden), two(packed), one(packed), bias(hidden);
  Measure(state, choice, p, {out.data(), nullptr, gates.data(), nullptr, two.data(), one.data(), bias.data()},
          2 * static_cast<double>(steps * packed), 4 * static_cast<double>(steps * packed));
}

[[maybe_unused]] const bool kRegistered = [] {
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    for (int64_t hidden : {32, 64, 128, 256}) {
      const std::string suffix = std::string(IsaName(isa)) + "/16x" + std::to_string(hidden);
      benchmark::RegisterBenchmark(("lstm/" + suffix).c_str(),
                                   [=](benchmark::State& state) { Lstm(state, isa, 16, hidden); });
      benchmark::RegisterBenchmark(("qlstm/" + suffix).c_str(),
                                   [=](benchmark::State& state) { QLstm(state, isa, 16, hidden); });
      benchmark::RegisterBenchmark(("gru/" + suffix).c_str(),
                                   [=](benchmark::State& state) { Gru(state, isa, 16, hidden); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
