// The lower functions, one file per kernel family; lower_table.cc says which operators each takes.
#pragma once

#include "compile/lowering.h"

namespace whet {

Result<bool> LowerAttention(const Node& node, Lowering& lowering);
Result<bool> LowerConv(const Node& node, Lowering& lowering);
Result<bool> LowerConvTranspose(const Node& node, Lowering& lowering);
Result<bool> LowerQuantizedConv(const Node& node, Lowering& lowering);
Result<bool> LowerQuantizedMatMul(const Node& node, Lowering& lowering);
Result<bool> LowerMatMul(const Node& node, Lowering& lowering);
Result<bool> LowerElementwise(const Node& node, Lowering& lowering);
Result<bool> LowerPool(const Node& node, Lowering& lowering);
Result<bool> LowerGlobalPool(const Node& node, Lowering& lowering);
Result<bool> LowerQuantizedAveragePool(const Node& node, Lowering& lowering);
Result<bool> LowerQuantize(const Node& node, Lowering& lowering);
Result<bool> LowerQuantizedTable(const Node& node, Lowering& lowering);
Result<bool> LowerQuantizedBinary(const Node& node, Lowering& lowering);
Result<bool> LowerQuantizedPRelu(const Node& node, Lowering& lowering);
Result<bool> LowerQuantizedResize(const Node& node, Lowering& lowering);
Result<bool> LowerQuantizedSoftmax(const Node& node, Lowering& lowering);
Result<bool> LowerReshape(const Node& node, Lowering& lowering);
Result<bool> LowerTranspose(const Node& node, Lowering& lowering);
Result<bool> LowerConcat(const Node& node, Lowering& lowering);
Result<bool> LowerSlice(const Node& node, Lowering& lowering);
Result<bool> LowerSplit(const Node& node, Lowering& lowering);
Result<bool> LowerExpand(const Node& node, Lowering& lowering);
Result<bool> LowerTile(const Node& node, Lowering& lowering);
Result<bool> LowerDepthToSpace(const Node& node, Lowering& lowering);
Result<bool> LowerSpaceToDepth(const Node& node, Lowering& lowering);
Result<bool> LowerLstm(const Node& node, Lowering& lowering);
Result<bool> LowerGru(const Node& node, Lowering& lowering);
Result<bool> LowerSoftmax(const Node& node, Lowering& lowering);
Result<bool> LowerRowNorm(const Node& node, Lowering& lowering);
Result<bool> LowerGroupNorm(const Node& node, Lowering& lowering);
Result<bool> LowerReduce(const Node& node, Lowering& lowering);
Result<bool> LowerResize(const Node& node, Lowering& lowering);
Result<bool> LowerGridSample(const Node& node, Lowering& lowering);
Result<bool> LowerGather(const Node& node, Lowering& lowering);
Result<bool> LowerPad(const Node& node, Lowering& lowering);
Result<bool> LowerCast(const Node& node, Lowering& lowering);

}  // namespace whet
