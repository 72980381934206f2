#include "ir/spelling.h"
#include "ops/random_common.h"

namespace whet::ops {
namespace {

constexpr AttributeDef kAttributes[] = {{"dtype", AttributeKind::kInt},
                                        {"mean", AttributeKind::kFloat},
                                        {"scale", AttributeKind::kFloat},
                                        {"seed", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{"RandomNormalLike"}};

}  // namespace

extern const OpDef op_random_normal_like;
const OpDef op_random_normal_like = {
    .name = "RandomNormalLike",
    .summary = "Normally distributed random numbers in the shape of x",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferRandomLike,
    .reference = NormalReference,
    .nondeterministic = true,
};

extern const OpSpellings spellings_random_normal_like;
const OpSpellings spellings_random_normal_like = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
