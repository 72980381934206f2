#include "ir/spelling.h"
#include "ops/random_common.h"

namespace whet::ops {
namespace {

constexpr AttributeDef kAttributes[] = {{"dtype", AttributeKind::kInt},
                                        {"high", AttributeKind::kFloat},
                                        {"low", AttributeKind::kFloat},
                                        {"seed", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{"RandomUniformLike"}};

}  // namespace

extern const OpDef op_random_uniform_like;
const OpDef op_random_uniform_like = {
    .name = "RandomUniformLike",
    .summary = "Uniformly distributed random numbers in the shape of x",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferRandomLike,
    .reference = UniformReference,
    .nondeterministic = true,
};

extern const OpSpellings spellings_random_uniform_like;
const OpSpellings spellings_random_uniform_like = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
