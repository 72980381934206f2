#include "compile/lower/lower.h"
#include "ops/elementwise_program_common.h"

namespace whet {
namespace {

struct Entry {
  std::string_view op;
  LowerFn lower;
};

constexpr Entry kTable[] = {
    {"AveragePool", LowerPool},
    {"Concat", LowerConcat},
    {"Conv", LowerConv},
    {"DepthToSpace", LowerDepthToSpace},
    {"Expand", LowerExpand},
    {"Flatten", LowerReshape},
    {"FusedElementwise", LowerElementwise},
    {"GlobalAveragePool", LowerGlobalPool},
    {"GlobalMaxPool", LowerGlobalPool},
    {"Identity", LowerReshape},
    {"MatMul", LowerMatMul},
    {"MaxPool", LowerPool},
    {"Reshape", LowerReshape},
    {"Slice", LowerSlice},
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
