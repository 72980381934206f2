#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/random_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const TensorView& y = context.output(0);
  RandomSequence random(context.attributes());
  for (int64_t i = 0; i < y.elements(); ++i)
    StoreInt(y, i, random.Uniform() < LoadFloat(context.input(0), i));
  return {};
}

constexpr AttributeDef kAttributes[] = {{"dtype", AttributeKind::kInt}, {"seed", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{"Bernoulli", 15}};

}  // namespace

extern const OpDef op_bernoulli;
const OpDef op_bernoulli = {
    .name = "Bernoulli",
    .summary = "1 with the probability x, else 0",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferRandomLike,
    .reference = Reference,
    .nondeterministic = true,
};

extern const OpSpellings spellings_bernoulli;
const OpSpellings spellings_bernoulli = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
