#include "ir/check_reference.h"

#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ir/verify.h"

namespace whet {
namespace {

bool Possible(const Type& type, const Shape& shape) {
  if (!type.ranked) return true;
  if (type.rank() != shape.rank()) return false;
  for (int i = 0; i < shape.rank(); ++i) {
    const Dim& dim = type.dims[static_cast<size_t>(i)];
    if (shape[i] < dim.lo || shape[i] > dim.hi) return false;
  }
  return true;
}

}  // namespace

Status CheckReference(std::string_view op, const Attributes& attributes, std::span<const TensorView> inputs,
                      std::span<const TensorView> outputs) {
  const OpDef* def = FindOp(op);
  if (def == nullptr || def->reference == nullptr) {
    return Error(Code::kUnsupported, "there is no reference of operator %s", std::string(op).c_str());
  }
  // A graph of this node alone.
  Graph graph;
  std::vector<Value*> operands;
  for (const TensorView& input : inputs) {
    Value* value = nullptr;
    if (input.dtype != DType::kUndefined && input.data != nullptr) {
      value = graph.AddConstant(graph.UniqueName("x"),
                                Constant::Refer(input.dtype, input.shape, input.data, nullptr));
    } else if (input.dtype != DType::kUndefined) {
      value = graph.AddInput(graph.UniqueName("x"), Type::Of(input.dtype, input.shape.dims()));
    }
    operands.push_back(value);
  }
  const std::vector<std::string> names(outputs.size());
  const Node* node = graph.AddNode(*def, "step", operands, names, attributes);
  if (Status status = VerifyGraph(graph); !status.ok()) {
    return Error(Code::kBadFile, "%s", status.ToString().c_str());
  }
  std::vector<const Type*> types;
  std::vector<const TensorView*> values;
  for (const Value* input : node->inputs()) {
    types.push_back(input != nullptr ? &input->type : nullptr);
    values.push_back(input != nullptr && input->IsConstant() ? &input->constant()->view() : nullptr);
  }
  WHET_ASSIGN_OR_RETURN(const std::vector<Type> inferred, InferTypes(*node, types, values));
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].dtype == DType::kUndefined) continue;
    const Type& type = inferred[i];
    if (type.dtype != outputs[i].dtype || !Possible(type, outputs[i].shape)) {
      return Error(Code::kBadFile, "output %zu is %s but the operator gives %s", i,
                   ToString(Type::Of(outputs[i].dtype, outputs[i].shape.dims())).c_str(),
                   ToString(type).c_str());
    }
    if (!type.IsStatic() && !def->data_dependent_shape) {
      return Error(Code::kUnsupported, "the shape %s of output %zu depends on data", ToString(type).c_str(),
                   i);
    }
  }
  return {};
}

}  // namespace whet
