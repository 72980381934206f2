#include "kernels/convert/convert.h"

#include "kernels/quantized/quantize.h"
#include "measure.h"

namespace whet::bench {
namespace {

constexpr int64_t kElements = 1 << 18;

void Convert(benchmark::State& state, Isa isa, DType from, DType to) {
  kernels::convert::Params params;
  kernels::Choice choice{};
  if (!kernels::convert::Choose(isa, from, to, kElements, &params, &choice).ok())
    return state.SkipWithError("refused");
  Floats in(2 * kElements), out(2 * kElements);
  Measure(state, choice, params, {out.data(), in.data()}, static_cast<double>(kElements),
          static_cast<double>(kElements * (BitsOf(from) + BitsOf(to)) / 8));
}

void Quantize(benchmark::State& state, Isa isa, bool inverse) {
  kernels::quantize::Params params{DType::kI8, inverse ? uint8_t{1} : uint8_t{0}, {}, 1, 1, kElements, 0};
  kernels::Choice choice{};
  if (!kernels::quantize::Choose(isa, &params, &choice).ok()) return state.SkipWithError("refused");
  Floats in(kElements), out(kElements), scale(1);
  Measure(state, choice, params, {out.data(), in.data(), scale.data(), nullptr},
          static_cast<double>(kElements), static_cast<double>(5 * kElements));
}

[[maybe_unused]] const bool kRegistered = [] {
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    const std::string name(IsaName(isa));
    for (DType type :
         {DType::kF16, DType::kBF16, DType::kI8, DType::kU8, DType::kI32, DType::kI64, DType::kBool}) {
      const std::string other(DTypeName(type));
      benchmark::RegisterBenchmark(("convert/" + name + "/f32_to_" + other).c_str(),
                                   [=](benchmark::State& state) { Convert(state, isa, DType::kF32, type); });
      benchmark::RegisterBenchmark(("convert/" + name + "/" + other + "_to_f32").c_str(),
                                   [=](benchmark::State& state) { Convert(state, isa, type, DType::kF32); });
    }
    benchmark::RegisterBenchmark(("quantize/" + name + "/i8").c_str(),
                                 [=](benchmark::State& state) { Quantize(state, isa, false); });
    benchmark::RegisterBenchmark(("dequantize/" + name + "/i8").c_str(),
                                 [=](benchmark::State& state) { Quantize(state, isa, true); });
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
