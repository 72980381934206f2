#include <cmath>
#include <utility>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  if (x.rank() < 2 || !Meet(x.dims.back(), x.dims[x.dims.size() - 2]).ok()) {
    return Error(Code::kBadFile, "%s are not square matrices", ToString(x).c_str());
  }
  context.SetOutput(0, Type(x.dtype, {x.dims.begin(), x.dims.end() - 2}));
  return {};
}

// By Gaussian elimination with the largest pivots; destroys the matrix.
double Determinant(std::span<double> matrix, size_t n) {
  double determinant = 1;
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t row = k + 1; row < n; ++row) {
      if (std::abs(matrix[row * n + k]) > std::abs(matrix[pivot * n + k])) pivot = row;
    }
    if (matrix[pivot * n + k] == 0) return 0;
    if (pivot != k) {
      for (size_t column = k; column < n; ++column)
        std::swap(matrix[pivot * n + column], matrix[k * n + column]);
      determinant = -determinant;
    }
    determinant *= matrix[k * n + k];
    for (size_t row = k + 1; row < n; ++row) {
      const double factor = matrix[row * n + k] / matrix[k * n + k];
      for (size_t column = k + 1; column < n; ++column)
        matrix[row * n + column] -= factor * matrix[k * n + column];
    }
  }
  return determinant;
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const int64_t n = x.shape.back();
  const std::span<double> matrix = context.Scratch<double>(n * n);
  for (int64_t i = 0; i < context.output(0).elements(); ++i) {
    for (int64_t k = 0; k < n * n; ++k) matrix[static_cast<size_t>(k)] = LoadFloat(x, i * n * n + k);
    StoreFloat(context.output(0), i, Determinant(matrix, static_cast<size_t>(n)));
  }
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"Det", 11}};

}  // namespace

extern const OpDef op_det;
const OpDef op_det = {
    .name = "Det",
    .summary = "The determinants of square matrices",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_det;
const OpSpellings spellings_det = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
