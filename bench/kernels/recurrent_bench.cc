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
      benchmark::RegisterBenchmark(("gru/" + suffix).c_str(),
                                   [=](benchmark::State& state) { Gru(state, isa, 16, hidden); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
