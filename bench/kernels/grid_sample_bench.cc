#include "kernels/grid_sample/grid_sample.h"

#include "measure.h"

namespace whet::bench {
namespace {

namespace grid_sample = kernels::grid_sample;

struct Shape {
  const char* name;
  int64_t size, out_size, channels;
};

constexpr Shape kShapes[] = {{"linear_48_to_24_128", 48, 24, 128}, {"linear_256_to_256_3", 256, 256, 3}};

void Run(benchmark::State& state, Isa isa, const Shape& shape) {
  const int64_t points = shape.out_size * shape.out_size, pixels = shape.size * shape.size;
  const grid_sample::Params p{grid_sample::Mode::kLinear,
                              grid_sample::Border::kZeros,
                              0,
                              {},
                              1,
                              shape.channels,
                              shape.size,
                              shape.size,
                              points,
                              shape.channels,
                              shape.channels};
  kernels::Choice choice{};
  if (!grid_sample::Choose(isa, p, &choice).ok()) return state.SkipWithError("refused");
  Floats in(pixels * shape.channels), grid(points * 2), out(points * shape.channels);
  // Turned a little, as an image that is straightened.
  for (int64_t i = 0; i < points; ++i) {
    const auto n = static_cast<float>(shape.out_size);
    const float x = static_cast<float>(i % shape.out_size) * 2 / n - 1;
    const float y = static_cast<float>(i / shape.out_size) * 2 / n - 1;
    grid.data()[2 * i] = 0.8f * x - 0.3f * y;
    grid.data()[2 * i + 1] = 0.3f * x + 0.8f * y;
  }
  const auto outputs = static_cast<double>(points * shape.channels);
  Measure(state, choice, p, {out.data(), in.data(), grid.data()}, 8 * outputs,
          4 * (outputs + static_cast<double>(pixels * shape.channels)));
}

[[maybe_unused]] const bool kRegistered = [] {
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    for (const Shape& shape : kShapes) {
      benchmark::RegisterBenchmark(("grid_sample/" + std::string(IsaName(isa)) + "/" + shape.name).c_str(),
                                   [isa, &shape](benchmark::State& state) { Run(state, isa, shape); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
