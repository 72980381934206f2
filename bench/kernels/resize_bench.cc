#include "kernels/resize/resize.h"

#include <cstring>

#include "measure.h"

namespace whet::bench {
namespace {

namespace resize = kernels::resize;

struct Shape {
  const char* name;
  resize::Interpolation interpolation;
  int64_t size, out_size, channels;
};

constexpr Shape kShapes[] = {
    {"nearest_20_to_40_64", resize::Interpolation::kNearest, 20, 40, 64},
    {"linear_20_to_40_64", resize::Interpolation::kLinear, 20, 40, 64},
    {"linear_80_to_160_64", resize::Interpolation::kLinear, 80, 160, 64},
    {"linear_640_to_224_3", resize::Interpolation::kLinear, 640, 224, 3},
    {"cubic_64_to_128_24", resize::Interpolation::kCubic, 64, 128, 24},
};

void Run(benchmark::State& state, Isa isa, const Shape& shape) {
  resize::Axis axis;
  axis.interpolation = shape.interpolation;
  axis.size = shape.size;
  axis.out_size = shape.out_size;
  axis.scale = static_cast<double>(shape.out_size) / static_cast<double>(shape.size);
  int64_t taps = 0;
  std::vector<resize::Tap> table = resize::AxisTable(axis, &taps);
  const int64_t in_row = shape.size * shape.channels, out_row = shape.out_size * shape.channels;
  const resize::Params p{
      1,       shape.channels, shape.size,          shape.size, shape.out_size, shape.out_size,
      taps,    taps,           in_row * shape.size, in_row,     shape.channels, out_row * shape.out_size,
      out_row, shape.channels};
  kernels::Choice choice{};
  if (!resize::Choose(isa, p, &choice).ok()) return state.SkipWithError("refused");
  Floats in(in_row * shape.size), out(out_row * shape.out_size);
  const double outputs = static_cast<double>(out_row * shape.out_size);
  Measure(state, choice, p, {out.data(), in.data(), table.data(), table.data()},
          4 * outputs * static_cast<double>(taps), 4 * (outputs + static_cast<double>(in_row * shape.size)));
}

[[maybe_unused]] const bool kRegistered = [] {
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    for (const Shape& shape : kShapes) {
      benchmark::RegisterBenchmark(("resize/" + std::string(IsaName(isa)) + "/" + shape.name).c_str(),
                                   [isa, &shape](benchmark::State& state) { Run(state, isa, shape); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
