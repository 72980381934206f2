#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/onnx_dtype_common.h"
#include "ops/random_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  WHET_ASSIGN_OR_RETURN(const DType dtype, DTypeAttribute(context.attributes(), DType::kI32));
  const int64_t count = context.attributes().Int("sample_size", 1);
  if (count < 0 || (x.ranked && x.rank() != 2)) {
    return Error(Code::kBadFile, "log-probabilities %s must be [batch, classes] and sample_size not negative",
                 ToString(x).c_str());
  }
  context.SetOutput(0, Type(dtype, {x.ranked ? x.dims[0] : Dim(), Dim(count)}));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const int64_t classes = x.shape[1];
  RandomSequence random(context.attributes());
  const std::span<double> sums = context.Scratch<double>(classes);
  for (int64_t row = 0; row < x.shape[0]; ++row) {
    double largest = -std::numeric_limits<double>::infinity();
    for (int64_t k = 0; k < classes; ++k) largest = std::max(largest, LoadFloat(x, row * classes + k));
    double sum = 0;
    for (int64_t k = 0; k < classes; ++k)
      sums[static_cast<size_t>(k)] = sum += std::exp(LoadFloat(x, row * classes + k) - largest);
    for (int64_t i = 0; i < y.shape[1]; ++i) {
      const auto drawn = std::upper_bound(sums.begin(), sums.end(), random.Uniform() * sum) - sums.begin();
      StoreInt(y, row * y.shape[1] + i, std::min<int64_t>(drawn, classes - 1));
    }
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"dtype", AttributeKind::kInt}, {"sample_size", AttributeKind::kInt}, {"seed", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{"Multinomial", 7}};

}  // namespace

extern const OpDef op_multinomial;
const OpDef op_multinomial = {
    .name = "Multinomial",
    .summary = "Indices drawn with the given unnormalized log-probabilities",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .nondeterministic = true,
};

extern const OpSpellings spellings_multinomial;
const OpSpellings spellings_multinomial = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
