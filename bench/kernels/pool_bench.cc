#include "kernels/pool/pool.h"

#include "measure.h"

namespace whet::bench {
namespace {

namespace pool = kernels::pool;

struct Shape {
  const char* name;
  pool::Mode mode;
  int64_t size, channels, kernel, stride, pad;
};

constexpr Shape kShapes[] = {
    {"max_112_64_3x3s2", pool::Mode::kMax, 112, 64, 3, 2, 1},
    {"max_64_24_2x2s2", pool::Mode::kMax, 64, 24, 2, 2, 0},
    {"max_28_192_3x3s1", pool::Mode::kMax, 28, 192, 3, 1, 1},
    {"max_160_1_5x5s1", pool::Mode::kMax, 160, 1, 5, 1, 2},
    {"average_56_96_2x2s2", pool::Mode::kAverage, 56, 96, 2, 2, 0},
    {"global_7_1280", pool::Mode::kAverage, 7, 1280, 7, 1, 0},
    {"global_14_512", pool::Mode::kAverage, 14, 512, 14, 1, 0},
    {"global_112_16", pool::Mode::kAverage, 112, 16, 112, 1, 0},
};

void Run(benchmark::State& state, Isa isa, const Shape& shape) {
  pool::Params p{};
  p.mode = shape.mode;
  p.batch = 1;
  p.channels = p.in_pixel_stride = p.out_pixel_stride = shape.channels;
  p.height = p.width = shape.size;
  p.kernel_height = p.kernel_width = shape.kernel;
  p.stride_height = p.stride_width = shape.stride;
  p.dilation_height = p.dilation_width = 1;
  p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = shape.pad;
  p.out_height = p.out_width = (shape.size + 2 * shape.pad - shape.kernel) / shape.stride + 1;
  p.in_row_stride = p.width * p.channels;
  p.out_row_stride = p.out_width * p.channels;
  kernels::Choice choice{};
  if (!pool::Choose(isa, &p, &choice).ok()) return state.SkipWithError("refused");
  const int64_t in_elements = p.height * p.in_row_stride, out_elements = p.out_height * p.out_row_stride;
  Floats in(in_elements), out(out_elements);
  Measure(state, choice, p, {out.data(), in.data()},
          static_cast<double>(out_elements * shape.kernel * shape.kernel),
          4 * static_cast<double>(in_elements + out_elements));
}

[[maybe_unused]] const bool kRegistered = [] {
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    for (const Shape& shape : kShapes) {
      benchmark::RegisterBenchmark(("pool/" + std::string(IsaName(isa)) + "/" + shape.name).c_str(),
                                   [isa, &shape](benchmark::State& state) { Run(state, isa, shape); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
