#include "ir/spelling.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kTheta, kSize };

// theta [N, k, k + 1] and the size [N, C, D1 … Dk] of the output give a grid [N, D1 … Dk, k] for GridSample.
Status Infer(InferContext& context) {
  const Type& theta = context.input(kTheta);
  const Type& size = context.input(kSize);
  context.SetOutput(0, Type::Unranked(theta.dtype));
  if (size.IsStatic()) {
    const int64_t rank = size.ToShape().elements();
    if (rank != 4 && rank != 5) {
      return Error(Code::kBadFile, "size has %lld entries; it must have 4 or 5",
                   static_cast<long long>(rank));
    }
    std::vector<Dim> dims(static_cast<size_t>(rank));
    dims.back() = Dim(rank - 2);
    std::vector<int64_t> values;
    if (context.IntValues(kSize, &values)) {
      dims[0] = Dim(values[0]);
      for (size_t i = 2; i < values.size(); ++i) dims[i - 1] = Dim(values[i]);
      for (int64_t value : values) {
        if (value < 0) return Error(Code::kBadFile, "size has an entry %lld", static_cast<long long>(value));
      }
    }
    if (theta.ranked && (theta.rank() != 3 || theta.dims[1].lo > rank - 2 || theta.dims[1].hi < rank - 2 ||
                         theta.dims[2].lo > rank - 1 || theta.dims[2].hi < rank - 1)) {
      return Error(Code::kBadFile, "theta %s does not fit %lld dimensions", ToString(theta).c_str(),
                   static_cast<long long>(rank));
    }
    context.SetOutput(0, Type(theta.dtype, std::move(dims)));
  }
  return {};
}

Status Reference(ReferenceContext& context) {
  const Shape& shape = context.output(0).shape;
  const int k = shape.rank() - 2;
  const bool align_corners = context.attributes().Int("align_corners") != 0;
  if (context.input(kTheta).shape[0] != shape[0]) {
    return Error(Code::kInvalidArgument, "theta is for %lld images but size says %lld",
                 static_cast<long long>(context.input(kTheta).shape[0]), static_cast<long long>(shape[0]));
  }
  const double* theta = InputArray<double>(context, kTheta);
  double* y = OutputArray<double>(context, 0);
  Shape positions = shape;
  positions[shape.rank() - 1] = 1;
  double* to = y;
  for (IndexWalk walk(positions, {}); !walk.done(); walk.Next()) {
    // Coordinates from -1 to 1, the innermost dimension first; then a 1 for the translation.
    double base[kMaxRank];
    for (int d = 0; d < k; ++d) {
      const auto size = static_cast<double>(shape[k - d]);
      const auto at = static_cast<double>(walk.index()[k - d]);
      base[d] = align_corners ? (size > 1 ? 2 * at / (size - 1) - 1 : -1) : (2 * at + 1) / size - 1;
    }
    base[k] = 1;
    for (int row = 0; row < k; ++row) {
      const double* weights = theta + (walk.index()[0] * k + row) * (k + 1);
      *to = 0;
      for (int d = 0; d <= k; ++d) *to += weights[d] * base[d];
      ++to;
    }
  }
  StoreArray(context, 0, y);
  return {};
}

constexpr AttributeDef kAttributes[] = {{"align_corners", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "AffineGrid", .since = 20}};

}  // namespace

extern const OpDef op_affine_grid;
const OpDef op_affine_grid = {
    .name = "AffineGrid",
    .summary = "The grid of sampling places of an affine map",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .value_inputs = 1u << kSize,
};

extern const OpSpellings spellings_affine_grid;
const OpSpellings spellings_affine_grid = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
