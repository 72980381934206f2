// Kernels that walk rows or columns of a matrix: reductions, softmax, normalization.
#include <string>

#include "kernels/normalize/group_norm.h"
#include "kernels/normalize/row_norm.h"
#include "kernels/reduce/arg_reduce.h"
#include "kernels/reduce/reduce.h"
#include "kernels/softmax/softmax.h"
#include "measure.h"

namespace whet::bench {
namespace {

struct Shape {
  int64_t rows, columns;
};

void Reduce(benchmark::State& state, Isa isa, Shape shape, kernels::reduce::Op op, bool columns) {
  kernels::reduce::Params params;
  kernels::Choice choice{};
  const int64_t dims[] = {shape.rows, shape.columns}, strides[] = {shape.columns, 1};
  if (!kernels::reduce::Choose(isa, op, dims, strides, {columns, !columns}, &params, &choice).ok()) {
    return state.SkipWithError("refused");
  }
  Floats in(shape.rows * shape.columns), out(shape.rows + shape.columns);
  const double elements = static_cast<double>(shape.rows * shape.columns);
  Measure(state, choice, params, {out.data(), in.data()}, elements, 4 * elements);
}

void ArgMax(benchmark::State& state, Isa isa, Shape shape) {
  kernels::arg_reduce::Params params{0, 0, DType::kI64, {}, shape.rows, shape.columns, 1, 0};
  kernels::Choice choice{};
  if (!kernels::arg_reduce::Choose(isa, &params, &choice).ok()) return state.SkipWithError("refused");
  Floats in(shape.rows * shape.columns), out(2 * shape.rows);
  const double elements = static_cast<double>(shape.rows * shape.columns);
  Measure(state, choice, params, {out.data(), in.data()}, elements, 4 * elements);
}

void Softmax(benchmark::State& state, Isa isa, Shape shape) {
  kernels::softmax::Params params{0, 1.0f, shape.rows, shape.columns, 1, shape.columns, 1, 0};
  kernels::Choice choice{};
  if (!kernels::softmax::Choose(isa, &params, &choice).ok()) return state.SkipWithError("refused");
  Floats in(shape.rows * shape.columns), out(shape.rows * shape.columns);
  const double elements = static_cast<double>(shape.rows * shape.columns);
  Measure(state, choice, params, {out.data(), in.data()}, elements, 8 * elements);
}

void LayerNorm(benchmark::State& state, Isa isa, Shape shape) {
  const kernels::row_norm::Params params{
      kernels::row_norm::Kind::kLayer, 1e-5f, shape.rows, shape.columns, shape.columns, shape.columns};
  kernels::Choice choice{};
  if (!kernels::row_norm::Choose(isa, params, &choice).ok()) return state.SkipWithError("refused");
  Floats in(shape.rows * shape.columns), out(shape.rows * shape.columns), scale(shape.columns),
      shift(shape.columns);
  const double elements = static_cast<double>(shape.rows * shape.columns);
  Measure(state, choice, params, {out.data(), in.data(), scale.data(), shift.data()}, elements, 8 * elements);
}

void InstanceNorm(benchmark::State& state, Isa isa, Shape shape) {
  kernels::group_norm::Params params{1e-5f, 0, 1, shape.rows, shape.columns, 1, 0, shape.columns, 0};
  kernels::Choice choice{};
  if (!kernels::group_norm::Choose(isa, &params, &choice).ok()) return state.SkipWithError("refused");
  Floats in(shape.rows * shape.columns), out(shape.rows * shape.columns), scale(shape.columns),
      shift(shape.columns);
  const double elements = static_cast<double>(shape.rows * shape.columns);
  Measure(state, choice, params, {out.data(), in.data(), scale.data(), shift.data()}, elements, 8 * elements);
}

[[maybe_unused]] const bool kRegistered = [] {
  using kernels::reduce::Op;
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    for (const Shape shape : {Shape{1, 1000}, Shape{784, 96}, Shape{3136, 64}, Shape{128, 768}}) {
      const auto add = [&](const char* family, auto run) {
        const std::string name = std::string(family) + "/" + std::string(IsaName(isa)) + "/" +
                                 std::to_string(shape.rows) + "x" + std::to_string(shape.columns);
        benchmark::RegisterBenchmark(name.c_str(), run);
      };
      add("mean_of_rows", [=](benchmark::State& state) { Reduce(state, isa, shape, Op::kMean, false); });
      add("mean_of_columns", [=](benchmark::State& state) { Reduce(state, isa, shape, Op::kMean, true); });
      add("max_of_rows", [=](benchmark::State& state) { Reduce(state, isa, shape, Op::kMax, false); });
      add("arg_max", [=](benchmark::State& state) { ArgMax(state, isa, shape); });
      add("softmax", [=](benchmark::State& state) { Softmax(state, isa, shape); });
      add("layer_norm", [=](benchmark::State& state) { LayerNorm(state, isa, shape); });
      add("instance_norm", [=](benchmark::State& state) { InstanceNorm(state, isa, shape); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
