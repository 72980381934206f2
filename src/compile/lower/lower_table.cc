#include "compile/lower/lower.h"
#include "ops/elementwise_program_common.h"

namespace whet {
namespace {

struct Entry {
  std::string_view op;
  LowerFn lower;
};

constexpr Entry kTable[] = {
    {"Attention", LowerAttention},
    {"AveragePool", LowerPool},
    {"Cast", LowerCast},
    {"Concat", LowerConcat},
    {"Conv", LowerConv},
    {"ConvTranspose", LowerConvTranspose},
    {"DepthToSpace", LowerDepthToSpace},
    {"DequantizeLinear", LowerQuantize},
    {"Expand", LowerExpand},
    {"Flatten", LowerReshape},
    {"FusedElementwise", LowerElementwise},
    {"GRU", LowerGru},
    {"Gather", LowerGather},
    {"GlobalAveragePool", LowerGlobalPool},
    {"GlobalMaxPool", LowerGlobalPool},
    {"GridSample", LowerGridSample},
    {"GroupNormalization", LowerGroupNorm},
    {"Identity", LowerReshape},
    {"InstanceNormalization", LowerGroupNorm},
    {"LSTM", LowerLstm},
    {"LayerNormalization", LowerRowNorm},
    {"LogSoftmax", LowerSoftmax},
    {"LpNormalization", LowerRowNorm},
    {"MatMul", LowerMatMul},
    {"MaxPool", LowerPool},
    {"Pad", LowerPad},
    {"QuantizeLinear", LowerQuantize},
    {"QuantizedAveragePool", LowerQuantizedAveragePool},
    {"QuantizedBinary", LowerQuantizedBinary},
    {"QuantizedConv", LowerQuantizedConv},
    {"QuantizedMatMul", LowerQuantizedMatMul},
    {"QuantizedPRelu", LowerQuantizedPRelu},
    {"QuantizedResize", LowerQuantizedResize},
    {"QuantizedSoftmax", LowerQuantizedSoftmax},
    {"QuantizedTable", LowerQuantizedTable},
    {"RMSNormalization", LowerRowNorm},
    {"ReduceL1", LowerReduce},
    {"ReduceL2", LowerReduce},
    {"ReduceLogSum", LowerReduce},
    {"ReduceLogSumExp", LowerReduce},
    {"ReduceMax", LowerReduce},
    {"ReduceMean", LowerReduce},
    {"ReduceMin", LowerReduce},
    {"ReduceProd", LowerReduce},
    {"ReduceSum", LowerReduce},
    {"ReduceSumSquare", LowerReduce},
    {"Reshape", LowerReshape},
    {"Resize", LowerResize},
    {"Slice", LowerSlice},
    {"Softmax", LowerSoftmax},
    {"SpaceToDepth", LowerSpaceToDepth},
    {"Split", LowerSplit},
    {"Squeeze", LowerReshape},
    {"Tile", LowerTile},
    {"Transpose", LowerTranspose},
    {"Unsqueeze", LowerReshape},
};

}  // namespace

LowerFn FindLowering(std::string_view op) {
  for (const Entry& entry : kTable) {
    if (entry.op == op) return entry.lower;
  }
  // Everything else that can be an instruction of an elementwise program; LowerElementwise looks at the node
  // itself.
  const bool elementwise = ops::FindElementFunction(op) != nullptr || op == "Swish";
  return elementwise ? LowerElementwise : nullptr;
}

}  // namespace whet
