#include "export/tflite/node_kinds.h"

#include "ir/evaluate.h"

namespace whet {

std::shared_ptr<const Constant> Folded(const Node& node) {
  std::vector<TensorPtr> inputs;
  for (const Value* input : node.inputs()) {
    if (input != nullptr && !input->IsConstant()) return nullptr;
    inputs.push_back(input != nullptr ? input->constant() : nullptr);
  }
  auto results = EvaluateNode(node, inputs);
  return results.ok() ? (*results)[0] : nullptr;
}

bool IsCopy(const Node& node) {
  return node.Is("Identity") || (node.Is("Dropout") && node.outputs().size() == 1);
}

bool IsHalfWeights(const Node& node) {
  return node.Is("Cast") && node.input(0)->IsConstant() && node.input(0)->type.dtype == DType::kF16 &&
         node.output()->type.dtype == DType::kF32;
}

}  // namespace whet
