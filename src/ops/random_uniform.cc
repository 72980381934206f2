#include "ir/spelling.h"
#include "ops/random_common.h"

namespace whet::ops {
namespace {

constexpr AttributeDef kAttributes[] = {{"dtype", AttributeKind::kInt},
                                        {"high", AttributeKind::kFloat},
                                        {"low", AttributeKind::kFloat},
                                        {"seed", AttributeKind::kFloat},
                                        {"shape", AttributeKind::kInts, true}};
constexpr OnnxSpelling kOnnx[] = {{"RandomUniform"}};

}  // namespace

extern const OpDef op_random_uniform;
const OpDef op_random_uniform = {
    .name = "RandomUniform",
    .summary = "Uniformly distributed random numbers",
    .min_inputs = 0,
    .max_inputs = 0,
    .attributes = kAttributes,
    .infer = InferRandomShape,
    .reference = UniformReference,
    .nondeterministic = true,
};

extern const OpSpellings spellings_random_uniform;
const OpSpellings spellings_random_uniform = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
