#include "kernels/conv/conv.h"
#include "kernels/winograd/winograd.h"

#include "measure.h"

namespace whet::bench {
namespace {

namespace conv = kernels::conv;

struct Shape {
  const char* name;
  int64_t size, cin, cout, kernel, stride, groups;
};

constexpr Shape kShapes[] = {
    {"r50_stem_224_3_64_7x7s2", 224, 3, 64, 7, 2, 1},   {"r50_56_64_64_1x1", 56, 64, 64, 1, 1, 1},
    {"r50_56_64_256_1x1", 56, 64, 256, 1, 1, 1},        {"r50_56_256_64_1x1", 56, 256, 64, 1, 1, 1},
    {"r50_56_64_64_3x3", 56, 64, 64, 3, 1, 1},          {"r50_28_128_128_3x3", 28, 128, 128, 3, 1, 1},
    {"r50_28_512_128_1x1", 28, 512, 128, 1, 1, 1},      {"r50_28_256_512_1x1s2", 56, 256, 512, 1, 2, 1},
    {"r50_14_256_256_3x3", 14, 256, 256, 3, 1, 1},      {"r50_14_1024_256_1x1", 14, 1024, 256, 1, 1, 1},
    {"r50_14_256_1024_1x1", 14, 256, 1024, 1, 1, 1},    {"r50_7_512_512_3x3", 7, 512, 512, 3, 1, 1},
    {"r50_7_2048_512_1x1", 7, 2048, 512, 1, 1, 1},      {"r50_7_512_2048_1x1", 7, 512, 2048, 1, 1, 1},
    {"mnv2_stem_224_3_32_3x3s2", 224, 3, 32, 3, 2, 1},  {"mnv2_112_32_16_1x1", 112, 32, 16, 1, 1, 1},
    {"mnv2_112_16_96_1x1", 112, 16, 96, 1, 1, 1},       {"mnv2_56_96_24_1x1", 56, 96, 24, 1, 1, 1},
    {"mnv2_56_24_144_1x1", 56, 24, 144, 1, 1, 1},       {"mnv2_28_144_32_1x1", 28, 144, 32, 1, 1, 1},
    {"mnv2_14_384_64_1x1", 14, 384, 64, 1, 1, 1},       {"mnv2_14_64_384_1x1", 14, 64, 384, 1, 1, 1},
    {"mnv2_7_960_160_1x1", 7, 960, 160, 1, 1, 1},       {"mnv2_7_320_1280_1x1", 7, 320, 1280, 1, 1, 1},
    {"blaze_stem_128_3_24_5x5s2", 128, 3, 24, 5, 2, 1}, {"blaze_64_24_28_1x1", 64, 24, 28, 1, 1, 1},
    {"blaze_16_96_96_1x1", 16, 96, 96, 1, 1, 1},        {"faces_56_64_128_1x1", 56, 64, 128, 1, 1, 1},
    {"mlsd_160_64_64_3x3", 160, 64, 64, 3, 1, 1},       {"one_output_channel_128_16_1", 128, 16, 1, 1, 1, 1},
    {"resnext_28_groups_8_8_3x3", 28, 8, 8, 3, 1, 32},  {"unet_160_16_16_3x3", 160, 16, 16, 3, 1, 1},
    {"unet_80_32_32_3x3", 80, 32, 32, 3, 1, 1},         {"ocr_160_24_96_3x3", 160, 24, 96, 3, 1, 1},
    {"faces_12_64_64_3x3", 12, 64, 64, 3, 1, 1},
};

// conv, or winograd, which computes some of the same.
struct Family {
  Status (*choose)(const conv::TileRow& row, conv::Params* params, kernels::Choice* choice);
  int64_t (*packed_size)(const kernels::Row& row, const conv::Params& params);
};
constexpr Family kDirect = {conv::Choose, conv::PackedSize};
constexpr Family kWinograd = {kernels::winograd::Choose, kernels::winograd::PackedSize};

void Run(benchmark::State& state, const Family& family, const conv::TileRow& row, const Shape& shape) {
  conv::Params p;
  p.in_h = p.in_w = shape.size;
  p.cin = shape.cin;
  p.cout = shape.cout;
  p.groups = shape.groups;
  p.kernel_h = p.kernel_w = shape.kernel;
  p.stride_h = p.stride_w = shape.stride;
  p.pad_top = p.pad_left = shape.kernel / 2;
  p.out_h = p.out_w = (shape.size + 2 * p.pad_top - shape.kernel) / shape.stride + 1;
  p.in_stride = p.groups * p.cin;
  p.out_stride = p.groups * p.cout;
  p.epilogue = {kernels::Activation::kClip, kernels::Residual::kNone, 0, 6};
  kernels::Choice choice{};
  if (!family.choose(row, &p, &choice).ok()) return state.SkipWithError("refused");
  Floats input(p.in_h * p.in_w * p.in_stride);
  const int64_t packed = family.packed_size(row.base, p);
  Floats weights(packed);
  Floats bias(p.out_stride);
  Floats output(p.out_h * p.out_w * p.out_stride);
  const double macs = static_cast<double>(p.out_h * p.out_w * p.out_stride * p.kernel_h * p.kernel_w * p.cin);
  const double floats =
      static_cast<double>(p.in_h * p.in_w * p.in_stride + packed + p.out_h * p.out_w * p.out_stride);
  Measure(state, choice, p, {output.data(), input.data(), weights.data(), bias.data(), nullptr, nullptr},
          2 * macs, 4 * floats);
}

[[maybe_unused]] const bool kRegistered = [] {
  for (const conv::TileRow& row : conv::Rows()) {
    for (const Shape& shape : kShapes) {
      benchmark::RegisterBenchmark(
          (std::string(row.base.name) + "/" + shape.name).c_str(),
          [&row, &shape](benchmark::State& state) { Run(state, kDirect, row, shape); });
    }
  }
  for (const conv::TileRow& row : kernels::winograd::Rows()) {
    for (const Shape& shape : kShapes) {
      if (shape.kernel != 3 || shape.stride != 1 || shape.groups != 1) continue;
      benchmark::RegisterBenchmark(
          (std::string(row.base.name) + "/" + shape.name).c_str(),
          [&row, &shape](benchmark::State& state) { Run(state, kWinograd, row, shape); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
