#include "kernels/depthwise/depthwise.h"

#include "measure.h"

namespace whet::bench {
namespace {

namespace depthwise = kernels::depthwise;

struct Shape {
  const char* name;
  int64_t size, channels, kernel, stride;
};

constexpr Shape kShapes[] = {
    {"l1_6_32_3x3", 6, 32, 3, 1},           {"mnv2_112_32_3x3", 112, 32, 3, 1},
    {"mnv2_112_96_3x3s2", 112, 96, 3, 2},   {"mnv2_56_144_3x3", 56, 144, 3, 1},
    {"mnv2_28_192_3x3", 28, 192, 3, 1},     {"mnv2_14_576_3x3", 14, 576, 3, 1},
    {"mnv2_14_576_3x3s2", 14, 576, 3, 2},   {"mnv2_7_960_3x3", 7, 960, 3, 1},
    {"faces_56_128_3x3", 56, 128, 3, 1},    {"blaze_64_24_5x5", 64, 24, 5, 1},
    {"mnv3_28_72_5x5s2", 56, 72, 5, 2},     {"mnv3_14_240_5x5", 14, 240, 5, 1},
    {"convnext_28_192_7x7", 28, 192, 7, 1},
};

void Run(benchmark::State& state, Isa isa, const Shape& shape) {
  depthwise::Params p;
  p.in_h = p.in_w = shape.size;
  p.channels = shape.channels;
  p.kernel_h = p.kernel_w = shape.kernel;
  p.stride_h = p.stride_w = shape.stride;
  p.pad_top = p.pad_left = shape.kernel / 2;
  p.out_h = p.out_w = (shape.size + 2 * p.pad_top - shape.kernel) / shape.stride + 1;
  p.in_stride = p.out_stride = p.channels;
  p.epilogue = {kernels::Activation::kClip, kernels::Residual::kNone, 0, 6};
  kernels::Choice choice{};
  if (!depthwise::Choose(isa, &p, &choice).ok()) return state.SkipWithError("refused");
  Floats input(p.in_h * p.in_w * p.channels);
  Floats weights(depthwise::PackedSize(p));
  Floats bias(p.channels);
  Floats output(p.out_h * p.out_w * p.channels);
  const double macs = static_cast<double>(p.out_h * p.out_w * p.channels * p.kernel_h * p.kernel_w);
  const double floats = static_cast<double>((p.in_h * p.in_w + p.out_h * p.out_w) * p.channels);
  Measure(state, choice, p, {output.data(), input.data(), weights.data(), bias.data(), nullptr, nullptr},
          2 * macs, 4 * floats);
}

[[maybe_unused]] const bool kRegistered = [] {
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    for (const Shape& shape : kShapes) {
      benchmark::RegisterBenchmark(("depthwise/f32/" + std::string(IsaName(isa)) + "/" + shape.name).c_str(),
                                   [isa, &shape](benchmark::State& state) { Run(state, isa, shape); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
