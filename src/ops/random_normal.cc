#include "ir/spelling.h"
#include "ops/random_common.h"

namespace whet::ops {
namespace {

constexpr AttributeDef kAttributes[] = {{"dtype", AttributeKind::kInt},
                                        {"mean", AttributeKind::kFloat},
                                        {"scale", AttributeKind::kFloat},
                                        {"seed", AttributeKind::kFloat},
                                        {"shape", AttributeKind::kInts, true}};
constexpr OnnxSpelling kOnnx[] = {{"RandomNormal"}};

}  // namespace

extern const OpDef op_random_normal;
const OpDef op_random_normal = {
    .name = "RandomNormal",
    .summary = "Normally distributed random numbers",
    .min_inputs = 0,
    .max_inputs = 0,
    .attributes = kAttributes,
    .infer = InferRandomShape,
    .reference = NormalReference,
    .nondeterministic = true,
};

extern const OpSpellings spellings_random_normal;
const OpSpellings spellings_random_normal = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
