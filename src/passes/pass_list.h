// The optimizing passes, in the order in which they run. One file in this folder is one rewrite.
#pragma once

#include <span>

#include "ir/pass.h"

namespace whet {

// For a Graph whose inputs have concrete shapes.
std::span<const Pass> OptimizationPasses();

// Those that make a Graph simpler and leave it in operators that other formats have too: nothing is fused
// that only our kernels know, and weights keep the type in which they are stored.
std::span<const Pass> ExportPasses();

// --- the passes; what each does stands above its definition
Result<int> InlineConstantIf(Graph& graph);
Result<int> FoldConstants(Graph& graph);
Result<int> FoldConstantsButDequantized(Graph& graph);
Result<int> FoldConstantsButWeights(Graph& graph);
Result<int> RemoveIdentities(Graph& graph);
Result<int> RemoveDeadNodes(Graph& graph);
Result<int> RecognizeActivations(Graph& graph);
Result<int> RecognizeNormalizations(Graph& graph);
Result<int> RecognizeAttention(Graph& graph);
Result<int> SinkTransposes(Graph& graph);
Result<int> FuseQuantizedProducts(Graph& graph);
Result<int> FoldBatchNorm(Graph& graph);
Result<int> FoldScaleIntoWeights(Graph& graph);
Result<int> PhaseTransposedConvolutions(Graph& graph);
Result<int> FusePad(Graph& graph);
Result<int> PropagateQuantization(Graph& graph);
Result<int> FuseQuantizedTables(Graph& graph);
Result<int> FuseQuantizedBinary(Graph& graph);
Result<int> FuseQuantizedPRelu(Graph& graph);
Result<int> FuseQuantizedPools(Graph& graph);
Result<int> FuseQuantizedResize(Graph& graph);
Result<int> FuseQuantizedSoftmax(Graph& graph);
Result<int> FuseBias(Graph& graph);
Result<int> FuseResidual(Graph& graph);
Result<int> FuseActivation(Graph& graph);
Result<int> FuseElementwise(Graph& graph);

}  // namespace whet
