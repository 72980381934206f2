#include "kernels/elementwise/elementwise.h"

#include <chrono>
#include <cstring>

#include "measure.h"

namespace whet::bench {
namespace {

using kernels::elementwise::Choose;
using kernels::elementwise::Input;
using kernels::elementwise::Instruction;
using kernels::elementwise::Op;
using kernels::elementwise::Params;
using kernels::elementwise::View;

enum class Second { kNone, kDense, kChannel, kScalar };

struct Case {
  const char* name;
  std::vector<Instruction> program;
  Second second;
};

Instruction One(Op op, float p = 0, float q = 0) { return {op, Input(0), Input(1), 0, 0, {}, p, q}; }

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"relu", {One(Op::kRelu)}, Second::kNone},
      {"hard_swish", {One(Op::kHardSwish)}, Second::kNone},
      {"exp", {One(Op::kExp)}, Second::kNone},
      {"log", {One(Op::kLog)}, Second::kNone},
      {"sigmoid", {One(Op::kSigmoid)}, Second::kNone},
      {"silu", {One(Op::kSilu, 1)}, Second::kNone},
      {"tanh", {One(Op::kTanh)}, Second::kNone},
      {"gelu", {One(Op::kGelu)}, Second::kNone},
      {"add", {One(Op::kAdd)}, Second::kDense},
      {"add_channel", {One(Op::kAdd)}, Second::kChannel},
      {"prelu_channel", {One(Op::kPRelu)}, Second::kChannel},
      {"mul_scalar", {One(Op::kMul)}, Second::kScalar},
      {"pow", {One(Op::kPow)}, Second::kDense},
      {"mul_add_relu6",
       {{Op::kMul, Input(0), Input(1), 0, 0, {}, 0, 0},
        {Op::kAdd, kernels::elementwise::Result(0), Input(0), 0, 0, {}, 0, 0},
        {Op::kClip, kernels::elementwise::Result(1), 0, 0, 0, {}, 0, 6}},
       Second::kDense},
  };
  return cases;
}

void Run(benchmark::State& state, Isa isa, const Case& one, int64_t rows, int64_t channels) {
  const int64_t dims[] = {rows, channels};
  const View dense{DType::kF32, {channels, 1}};
  std::vector<View> inputs{dense};
  if (one.second == Second::kDense) inputs.push_back(dense);
  if (one.second == Second::kChannel) inputs.push_back({DType::kF32, {0, 1}});
  if (one.second == Second::kScalar) inputs.push_back({DType::kF32, {0, 0}});
  Params params;
  kernels::Choice choice{};
  if (!Choose(isa, dims, dense, inputs, {}, one.program, &params, &choice).ok())
    return state.SkipWithError("refused");
  Floats out(rows * channels), a(rows * channels), b(rows * channels);
  const double elements = static_cast<double>(rows * channels);
  Measure(state, choice, params, {out.data(), a.data(), b.data()},
          elements * static_cast<double>(one.program.size()),
          4 * elements * (one.second == Second::kDense ? 3 : 2));
}

// What the memory itself can do.
void RunMemcpy(benchmark::State& state, int64_t elements) {
  Floats out(elements), in(elements);
  double best = 1e30;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    std::memcpy(out.data(), in.data(), static_cast<size_t>(elements) * 4);
    benchmark::ClobberMemory();
    const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count());
  }
  state.counters["best_us"] = best / 1000;
  state.counters["GB/s"] = 8.0 * static_cast<double>(elements) / best;
}

[[maybe_unused]] const bool kRegistered = [] {
  struct Shape {
    int64_t rows, channels;
  };
  for (const Shape& shape : {Shape{64, 64}, Shape{784, 24}, Shape{3136, 64}, Shape{25088, 96}}) {
    const std::string size = std::to_string(shape.rows) + "x" + std::to_string(shape.channels);
    benchmark::RegisterBenchmark(("memcpy/" + size).c_str(), [shape](benchmark::State& state) {
      RunMemcpy(state, shape.rows * shape.channels);
    });
    for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
      if (!IsaSupported(isa)) continue;
      for (const Case& one : Cases()) {
        const std::string name = "elementwise/" + std::string(IsaName(isa)) + "/" + one.name + "/" + size;
        benchmark::RegisterBenchmark(name.c_str(), [=, &one](benchmark::State& state) {
          Run(state, isa, one, shape.rows, shape.channels);
        });
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
