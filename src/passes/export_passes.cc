#include "passes/pass_list.h"

namespace whet {
namespace {

constexpr Pass kPasses[] = {
    {"fold_constants", "computes what depends on constants and known shapes only", FoldConstantsButWeights},
    {"inline_constant_if", "puts the chosen branch in the place of an If whose condition is known",
     InlineConstantIf},
    {"fold_constants", "computes what depends on constants and known shapes only", FoldConstantsButWeights},
    {"remove_dead_nodes", "drops what no output depends on", RemoveDeadNodes},
    {"remove_identities", "drops operators that change nothing", RemoveIdentities},
    {"recognize_activations", "finds activations that are spelled out in smaller operators",
     RecognizeActivations},
    {"recognize_normalizations",
     "finds layer normalization and softmax that are spelled out in smaller operators",
     RecognizeNormalizations},
    {"sink_transposes", "moves transposes towards the outputs until they meet their inverse", SinkTransposes},
    {"fold_batch_norm", "multiplies batch normalization into weights, or makes it a scale and a shift",
     FoldBatchNorm},
    {"fold_scale_into_weights", "multiplies a constant scale after a convolution into its weights",
     FoldScaleIntoWeights},
    {"fuse_bias", "makes an added constant vector the bias", FuseBias},
    {"fold_constants", "computes what depends on constants and known shapes only", FoldConstantsButWeights},
    {"remove_dead_nodes", "drops what no output depends on", RemoveDeadNodes},
};

}  // namespace

std::span<const Pass> ExportPasses() { return kPasses; }

}  // namespace whet
