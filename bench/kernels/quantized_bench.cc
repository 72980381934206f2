// Kernels on 8-bit integers, each beside the f32 kernel for the same operator and shape.
#include <numeric>

#include "kernels/elementwise/elementwise.h"
#include "kernels/pool/pool.h"
#include "kernels/quantized/binary.h"
#include "kernels/quantized/pool.h"
#include "kernels/quantized/resize_8bit.h"
#include "kernels/quantized/softmax_8bit.h"
#include "kernels/quantized/table.h"
#include "kernels/resize/resize.h"
#include "kernels/softmax/softmax.h"
#include "measure.h"

namespace whet::bench {
namespace {

// An image of 56 x 56 pixels.
constexpr int64_t kPixels = 56 * 56, kChannels = 96, kElements = kPixels * kChannels;

namespace elementwise = kernels::elementwise;
namespace binary = kernels::quantized_binary;

void Elementwise(benchmark::State& state, Isa isa, elementwise::Op op, bool two, bool channel) {
  const int64_t dims[] = {kPixels, kChannels};
  const elementwise::View dense{DType::kF32, {kChannels, 1}};
  std::vector<elementwise::View> inputs{dense};
  if (two) inputs.push_back({DType::kF32, {channel ? 0 : kChannels, 1}});
  const elementwise::Instruction program[] = {
      {op, elementwise::Input(0), elementwise::Input(1), 0, 0, {}, 0, 0}};
  elementwise::Params params;
  kernels::Choice choice{};
  if (!elementwise::Choose(isa, dims, dense, inputs, {}, program, &params, &choice).ok())
    return state.SkipWithError("refused");
  Floats out(kElements), a(kElements), b(kElements);
  Measure(state, choice, params, {out.data(), a.data(), b.data()}, static_cast<double>(kElements),
          static_cast<double>(4 * kElements * (two && !channel ? 3 : 2)));
}

void Table(benchmark::State& state, Isa isa) {
  kernels::table::Params params{1, kElements, kElements, kElements, 0, 0};
  kernels::Choice choice{};
  if (!kernels::table::Choose(isa, &params, &choice).ok()) return state.SkipWithError("refused");
  Floats out(kElements / 4), in(kElements / 4), table(64);
  Measure(state, choice, params, {out.data(), in.data(), table.data()}, static_cast<double>(kElements),
          static_cast<double>(2 * kElements));
}

void Binary(benchmark::State& state, Isa isa, binary::Op op, bool channel) {
  binary::Params params{};
  params.op = op;
  params.a_type = params.b_type = params.y_type = DType::kU8;
  params.a_zero = params.b_zero = params.y_zero = 128;
  params.high = 255;
  params.a_ratio = params.b_ratio = 0.7F;
  kernels::Choice choice{};
  const int64_t dims[] = {kPixels, kChannels}, dense[] = {kChannels, 1}, channels[] = {0, 1};
  if (!binary::Choose(isa, dims, dense, dense, channel ? channels : dense, &params, &choice).ok())
    return state.SkipWithError("refused");
  Floats out(kElements / 4), a(kElements / 4), b(kElements / 4);
  Measure(state, choice, params, {out.data(), a.data(), b.data()}, static_cast<double>(kElements),
          static_cast<double>(kElements * (channel ? 2 : 3)));
}

struct PoolShape {
  const char* name;
  kernels::pool::Mode mode;
  int64_t size, channels, kernel, stride, pad;
};
constexpr PoolShape kPools[] = {
    {"max_112_64_3x3s2", kernels::pool::Mode::kMax, 112, 64, 3, 2, 1},
    {"average_56_96_2x2s2", kernels::pool::Mode::kAverage, 56, 96, 2, 2, 0},
    {"global_7_1280", kernels::pool::Mode::kAverage, 7, 1280, 7, 1, 0},
};

void Pool(benchmark::State& state, Isa isa, const PoolShape& shape, bool integers) {
  kernels::pool::Params p{};
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
  const int64_t in_elements = p.height * p.in_row_stride, out_elements = p.out_height * p.out_row_stride;
  const auto operations = static_cast<double>(out_elements * shape.kernel * shape.kernel);
  Floats in(in_elements), out(out_elements);
  kernels::Choice choice{};
  if (!integers) {
    if (!kernels::pool::Choose(isa, &p, &choice).ok()) return state.SkipWithError("refused");
    return Measure(state, choice, p, {out.data(), in.data()}, operations,
                   static_cast<double>(4 * (in_elements + out_elements)));
  }
  kernels::quantized_pool::Params params{};
  params.window = p;
  params.in_type = params.out_type = DType::kU8;
  params.ratio = 0.9F;
  params.high = 255;
  if (!kernels::quantized_pool::Choose(isa, &params, &choice).ok()) return state.SkipWithError("refused");
  Measure(state, choice, params, {out.data(), in.data()}, operations,
          static_cast<double>(in_elements + out_elements));
}

void Softmax(benchmark::State& state, Isa isa, bool integers) {
  constexpr int64_t kRows = 1024, kColumns = 128, kCount = kRows * kColumns;
  Floats in(kCount), out(kCount), table(256);
  kernels::Choice choice{};
  if (!integers) {
    kernels::softmax::Params p{0, 1.0F, kRows, kColumns, 1, kColumns, 1, 0};
    if (!kernels::softmax::Choose(isa, &p, &choice).ok()) return state.SkipWithError("refused");
    return Measure(state, choice, p, {out.data(), in.data()}, kCount, 8 * kCount);
  }
  kernels::softmax_8bit::Params p{DType::kU8, DType::kU8, {}, 1.0F / 256, 0, 0, 255, 0, kRows, kColumns, 1};
  if (!kernels::softmax_8bit::Choose(isa, &p, &choice).ok()) return state.SkipWithError("refused");
  std::vector<int32_t> exponentials(256);
  std::iota(exponentials.rbegin(), exponentials.rend(), 1);
  Measure(state, choice, p, {out.data(), in.data(), exponentials.data()}, kCount, 2 * kCount);
}

void Resize(benchmark::State& state, Isa isa, bool integers) {
  constexpr int64_t kSize = 80, kOut = 160, kDepth = 64;
  kernels::resize::Axis axis;
  axis.size = kSize;
  axis.out_size = kOut;
  axis.scale = 2;
  Floats in(kSize * kSize * kDepth), out(kOut * kOut * kDepth);
  kernels::Choice choice{};
  if (!integers) {
    int64_t taps = 0;
    auto table = kernels::resize::AxisTable(axis, &taps);
    const kernels::resize::Params p{1,    kDepth, kSize,          kSize,  kOut, kOut,          taps,
                                    taps, 0,      kSize * kDepth, kDepth, 0,    kOut * kDepth, kDepth};
    if (!kernels::resize::Choose(isa, p, &choice).ok()) return state.SkipWithError("refused");
    return Measure(state, choice, p, {out.data(), in.data(), table.data(), table.data()},
                   6 * kOut * kOut * kDepth, 4 * (kOut * kOut + kSize * kSize) * kDepth);
  }
  auto table = kernels::resize_8bit::AxisTable(axis);
  kernels::resize_8bit::Params p{};
  p.batch = 1;
  p.channels = p.in_pixel_stride = p.out_pixel_stride = kDepth;
  p.height = p.width = kSize;
  p.out_height = p.out_width = kOut;
  p.in_row_stride = kSize * kDepth;
  p.out_row_stride = kOut * kDepth;
  p.in_type = p.out_type = DType::kU8;
  p.ratio = 1;
  p.high = 255;
  if (!kernels::resize_8bit::Choose(isa, &p, &choice).ok()) return state.SkipWithError("refused");
  Measure(state, choice, p, {out.data(), in.data(), table.data(), table.data()}, 6 * kOut * kOut * kDepth,
          (kOut * kOut + kSize * kSize) * kDepth);
}

template <typename Function, typename... Values>
void Register(Isa isa, const std::string& name, Function function, Values... values) {
  benchmark::RegisterBenchmark(("quantized/" + std::string(IsaName(isa)) + "/" + name).c_str(),
                               [=](benchmark::State& state) { function(state, isa, values...); });
}

[[maybe_unused]] const bool kRegistered = [] {
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    Register(isa, "sigmoid/f32", Elementwise, elementwise::Op::kSigmoid, false, false);
    Register(isa, "relu/f32", Elementwise, elementwise::Op::kRelu, false, false);
    Register(isa, "table/8bit", Table);
    Register(isa, "add/f32", Elementwise, elementwise::Op::kAdd, true, false);
    Register(isa, "add/8bit", Binary, binary::Op::kAdd, false);
    Register(isa, "mul_channel/f32", Elementwise, elementwise::Op::kMul, true, true);
    Register(isa, "mul_channel/8bit", Binary, binary::Op::kMul, true);
    for (const PoolShape& shape : kPools) {
      for (bool integers : {false, true}) {
        Register(isa, std::string(shape.name) + (integers ? "/8bit" : "/f32"), Pool, shape, integers);
      }
    }
    Register(isa, "softmax_128/f32", Softmax, false);
    Register(isa, "softmax_128/8bit", Softmax, true);
    Register(isa, "linear_80_to_160_64/f32", Resize, false);
    Register(isa, "linear_80_to_160_64/8bit", Resize, true);
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
