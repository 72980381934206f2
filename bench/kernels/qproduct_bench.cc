// Products, convolutions and depthwise convolutions of 8-bit integers. peak% is of the integer unit's own
// peak.
#include <cstring>

#include "kernels/qconv/qconv.h"
#include "kernels/qdepthwise/qdepthwise.h"
#include "kernels/qwinograd/qwinograd.h"
#include "measure.h"

namespace whet::bench {
namespace {

namespace qconv = kernels::qconv;
namespace qdepthwise = kernels::qdepthwise;
namespace qwinograd = kernels::qwinograd;

struct Shape {
  const char* name;
  int64_t height, width, cin, cout, kernel, stride;
};

constexpr Shape kProducts[] = {
    {"gemm_384_384_k16", 1, 384, 16, 384, 1, 1},         {"gemm_384_384_k64", 1, 384, 64, 384, 1, 1},
    {"gemm_384_384_k384", 1, 384, 384, 384, 1, 1},       {"gemm_512_512_k1024", 1, 512, 1024, 512, 1, 1},
    {"gemv_1_1024_k1024", 1, 1, 1024, 1024, 1, 1},       {"r50_stem_224_3_64_7x7s2", 224, 224, 3, 64, 7, 2},
    {"mnv2_stem_224_3_32_3x3s2", 224, 224, 3, 32, 3, 2}, {"blaze_stem_128_3_24_5x5s2", 128, 128, 3, 24, 5, 2},
    {"r50_56_64_64_3x3", 56, 56, 64, 64, 3, 1},          {"r50_14_256_256_3x3", 14, 14, 256, 256, 3, 1},
    {"mlsd_160_64_64_3x3", 160, 160, 64, 64, 3, 1},      {"mnv2_112_32_16_1x1", 112, 112, 32, 16, 1, 1},
    {"mnv2_112_16_96_1x1", 112, 112, 16, 96, 1, 1},      {"mnv2_56_24_144_1x1", 56, 56, 24, 144, 1, 1},
    {"mnv2_14_384_64_1x1", 14, 14, 384, 64, 1, 1},       {"mnv2_7_320_1280_1x1", 7, 7, 320, 1280, 1, 1},
};

constexpr Shape kWinograd[] = {
    {"r50_56_64_64_3x3", 56, 56, 64, 64, 3, 1},
    {"r50_14_256_256_3x3", 14, 14, 256, 256, 3, 1},
    {"mlsd_160_64_64_3x3", 160, 160, 64, 64, 3, 1},
    {"80_16_16_3x3", 80, 80, 16, 16, 3, 1},
};

constexpr Shape kDepthwise[] = {
    {"mnv2_112_32_3x3", 112, 112, 32, 32, 3, 1},     {"mnv2_112_96_3x3s2", 112, 112, 96, 96, 3, 2},
    {"mnv2_56_144_3x3", 56, 56, 144, 144, 3, 1},     {"mnv2_14_576_3x3", 14, 14, 576, 576, 3, 1},
    {"mnv2_7_960_3x3", 7, 7, 960, 960, 3, 1},        {"faces_56_128_3x3", 56, 56, 128, 128, 3, 1},
    {"blaze_64_24_5x5", 64, 64, 24, 24, 5, 1},       {"mnv3_28_72_5x5s2", 56, 56, 72, 72, 5, 2},
    {"convnext_28_192_7x7", 28, 28, 192, 192, 7, 1},
};

qconv::Params ParamsOf(const Shape& shape) {
  qconv::Params p;
  p.in_h = shape.height;
  p.in_w = shape.width;
  p.cin = p.in_stride = shape.cin;
  p.cout = p.out_stride = shape.cout;
  p.kernel_h = p.kernel_w = shape.kernel;
  p.stride_h = p.stride_w = shape.stride;
  p.pad_top = p.pad_left = shape.kernel / 2;
  p.out_h = (shape.height + 2 * p.pad_top - shape.kernel) / shape.stride + 1;
  p.out_w = (shape.width + 2 * p.pad_left - shape.kernel) / shape.stride + 1;
  p.input = p.output = DType::kU8;
  p.input_zero = 128;
  p.output_zero = 128;
  p.high = 255;
  return p;
}

// `inputs`: channels that an output channel sees.
template <typename FamilyRow, typename ChooseFn, typename PrepareFn>
void Run(benchmark::State& state, const FamilyRow& row, const Shape& shape, int64_t inputs, ChooseFn choose,
         PrepareFn prepare) {
  qconv::Params p = ParamsOf(shape);
  kernels::Choice choice{};
  if (!choose(row, &p, &choice).ok()) return state.SkipWithError("refused");
  const int64_t taps = p.kernel_h * p.kernel_w;
  std::vector<int8_t> weights(static_cast<size_t>(p.cout * taps * inputs));
  std::mt19937 random(1);
  for (int8_t& w : weights) w = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
  const qconv::Weights given{
      weights.data(), DType::kI8, {taps * inputs, p.kernel_w * inputs, inputs, 1}, nullptr, nullptr};
  qconv::Prepared prepared = prepare(row.base, p, given, true);
  Floats input(p.in_h * p.in_w * p.in_stride / 4), output(p.out_h * p.out_w * p.out_stride / 4);
  Floats packed(static_cast<int64_t>(prepared.weights.size()) / 4 + 1);
  std::memcpy(packed.data(), prepared.weights.data(), prepared.weights.size());
  prepared.offset.resize(static_cast<size_t>(p.cout) + 16);
  std::vector<float> multiplier(static_cast<size_t>(p.cout) + 16, 1e-4F);
  const double macs = static_cast<double>(p.out_h * p.out_w * p.cout * taps * inputs);
  const double bytes =
      static_cast<double>(p.in_h * p.in_w * p.cin + p.cout * taps * inputs + p.out_h * p.out_w * p.cout);
  Measure(state, choice, p,
          {output.data(), input.data(), packed.data(), prepared.offset.data(), multiplier.data(), nullptr,
           nullptr, nullptr, nullptr, nullptr},
          2 * macs, bytes, PeakIntegerGops);
}

template <typename FamilyRow, typename ChooseFn, typename PrepareFn>
void Register(std::span<const FamilyRow> rows, std::span<const Shape> shapes, bool depthwise, ChooseFn choose,
              PrepareFn prepare) {
  for (const FamilyRow& row : rows) {
    for (const Shape& shape : shapes) {
      benchmark::RegisterBenchmark((std::string(row.base.name) + "/" + shape.name).c_str(),
                                   [=, &row, &shape](benchmark::State& state) {
                                     Run(state, row, shape, depthwise ? 1 : shape.cin, choose, prepare);
                                   });
    }
  }
}

[[maybe_unused]] const bool kRegistered = [] {
  Register(
      qconv::Rows(), kProducts, false,
      [](const qconv::TileRow& row, qconv::Params* p, kernels::Choice* choice) {
        return qconv::Choose(row, p, choice);
      },
      qconv::Prepare);
  Register(
      qwinograd::Rows(), kWinograd, false,
      [](const qconv::TileRow& row, qconv::Params* p, kernels::Choice* choice) {
        return qwinograd::Choose(row, p, choice);
      },
      qwinograd::Prepare);
  Register(
      qdepthwise::Rows(), kDepthwise, true,
      [](const qdepthwise::DepthwiseRow& row, qconv::Params* p, kernels::Choice* choice) {
        return qdepthwise::Choose(row, p, choice);
      },
      qdepthwise::Prepare);
  return true;
}();

}  // namespace
}  // namespace whet::bench
