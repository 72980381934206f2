#include "passes/pass_list.h"

namespace whet {
namespace {

constexpr Pass kPasses[] = {
    {"fold_constants", "computes what depends on constants and known shapes only",
     FoldConstantsButDequantized},
    {"inline_constant_if", "puts the chosen branch in the place of an If whose condition is known",
     InlineConstantIf},
    {"fold_constants", "computes what depends on constants and known shapes only",
     FoldConstantsButDequantized},
    {"remove_dead_nodes", "drops what no output depends on", RemoveDeadNodes},
    {"remove_identities", "drops operators that change nothing", RemoveIdentities},
    {"recognize_activations", "finds activations that are spelled out in smaller operators",
     RecognizeActivations},
    {"recognize_normalizations",
     "finds layer normalization and softmax that are spelled out in smaller operators",
     RecognizeNormalizations},
    {"recognize_attention", "finds attention that is spelled out in products and a softmax",
     RecognizeAttention},
    {"sink_transposes", "moves transposes towards the outputs until they meet their inverse", SinkTransposes},
    {"fuse_quantized_products",
     "runs convolutions and products between DequantizeLinear and QuantizeLinear on integers",
     FuseQuantizedProducts},
    {"fold_constants", "computes what depends on constants and known shapes only", FoldConstants},
    {"fuse_bias", "makes an added constant vector the bias", FuseBias},
    {"fold_batch_norm", "multiplies batch normalization into weights, or makes it a scale and a shift",
     FoldBatchNorm},
    {"fold_scale_into_weights", "multiplies a constant scale after a convolution into its weights",
     FoldScaleIntoWeights},
    {"phase_transposed_convolutions",
     "runs transposed convolutions to few channels as convolutions to those of all their phases",
     PhaseTransposedConvolutions},
    {"fuse_pad", "makes explicit padding part of the convolution that follows", FusePad},
    {"propagate_quantization", "lets operators that only move elements work on quantized integers",
     PropagateQuantization},
    {"fuse_quantized_tables", "makes functions from 8-bit integers to 8-bit integers tables",
     FuseQuantizedTables},
    {"fuse_quantized_binary", "adds, subtracts and multiplies quantized integers without dequantizing them",
     FuseQuantizedBinary},
    {"fuse_quantized_prelu", "applies parametric ReLUs to quantized integers without dequantizing them",
     FuseQuantizedPRelu},
    {"fuse_quantized_pools", "averages quantized integers without dequantizing them", FuseQuantizedPools},
    {"fuse_quantized_resize", "resamples quantized images without dequantizing them", FuseQuantizedResize},
    {"fuse_quantized_softmax", "computes softmax of quantized integers by a table", FuseQuantizedSoftmax},
    {"fuse_bias", "makes an added constant vector the bias", FuseBias},
    {"fuse_activation", "applies an activation where the convolution or product before it stores",
     FuseActivation},
    {"fuse_residual", "adds a residual, and the activation after it, where a convolution stores",
     FuseResidual},
    {"fuse_elementwise", "runs a chain of elementwise operators as one loop", FuseElementwise},
    {"fold_constants", "computes what depends on constants and known shapes only", FoldConstants},
    {"remove_dead_nodes", "drops what no output depends on", RemoveDeadNodes},
};

}  // namespace

std::span<const Pass> OptimizationPasses() { return kPasses; }

}  // namespace whet
