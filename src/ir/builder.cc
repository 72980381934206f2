#include "ir/builder.h"

#include <algorithm>

#include "ir/evaluate.h"
#include "ir/infer.h"

namespace whet {

GraphBuilder::GraphBuilder(Graph& graph, Node* before) : graph_(graph), before_(before) {}
GraphBuilder::~GraphBuilder() = default;

Value* GraphBuilder::Emit(std::string_view op, std::initializer_list<Value*> inputs, Attributes attributes) {
  return EmitNode(op, {inputs.begin(), inputs.size()}, 1, std::move(attributes))[0];
}

Value* GraphBuilder::Emit(std::string_view op, std::span<Value* const> inputs, Attributes attributes) {
  return EmitNode(op, inputs, 1, std::move(attributes))[0];
}

void GraphBuilder::Fail(Status status) {
  if (status_.ok()) status_ = std::move(status);
}

std::vector<Value*> GraphBuilder::EmitNode(std::string_view op, std::span<Value* const> inputs,
                                           size_t outputs, Attributes attributes,
                                           std::vector<std::unique_ptr<Graph>> subgraphs) {
  std::vector<Value*> results(outputs, &bad_);
  if (!ok()) return results;
  const OpDef* def = FindOp(op);
  if (def == nullptr || def->infer == nullptr) {
    Fail(Error(Code::kInternal, "there is no operator %s", std::string(op).c_str()));
    return results;
  }
  std::vector<std::string> output_names(outputs);
  Node* node = graph_.AddNode(*def, node_name_, inputs, output_names, std::move(attributes), before_);
  node->subgraphs = std::move(subgraphs);
  if (Status status = InferNode(*node); !status.ok()) {
    Fail(std::move(status));
    return results;
  }
  for (size_t i = 0; i < outputs; ++i) results[i] = node->output(i);
  return results;
}

Value* GraphBuilder::EmitFolded(std::string_view op, std::initializer_list<Value*> inputs,
                                Attributes attributes) {
  Value* result = Emit(op, inputs, std::move(attributes));
  std::vector<TensorPtr> tensors;
  std::string_view name = "const";
  for (const Value* input : inputs) {
    if (input != nullptr && !input->IsConstant()) return result;
    tensors.push_back(input != nullptr ? input->constant() : nullptr);
    if (tensors.size() == 1 && input != nullptr) name = input->name();
  }
  if (!ok()) return result;
  auto folded = EvaluateNode(*result->producer(), tensors);
  if (!folded.ok()) {
    Fail(folded.TakeStatus());
    return &bad_;
  }
  graph_.RemoveNode(result->producer());
  return Const((*folded)[0], name);
}

Value* GraphBuilder::Const(std::shared_ptr<const Constant> constant, std::string_view name) {
  return graph_.AddConstant(graph_.UniqueName(name), std::move(constant));
}

Value* GraphBuilder::Ints(std::span<const int64_t> values, std::string_view name) {
  return Const(Constant::Ints(values), name);
}

Value* GraphBuilder::Int(int64_t value, std::string_view name) {
  return Const(Constant::Copy(DType::kI64, Shape{}, &value), name);
}

Value* GraphBuilder::Scalar(double value, DType dtype, std::string_view name) {
  const auto make = [&]<typename T>(T typed) { return Const(Constant::Copy(dtype, Shape{}, &typed), name); };
  switch (dtype) {
    case DType::kF32: return make(static_cast<float>(value));
    case DType::kF64: return make(value);
    case DType::kF16: return make(F32ToF16(static_cast<float>(value)));
    case DType::kBF16: return make(F32ToBF16(static_cast<float>(value)));
    case DType::kI8: return make(static_cast<int8_t>(value));
    case DType::kU8: return make(static_cast<uint8_t>(value));
    case DType::kBool: return make(static_cast<uint8_t>(value != 0));
    case DType::kI16: return make(static_cast<int16_t>(value));
    case DType::kU16: return make(static_cast<uint16_t>(value));
    case DType::kI32: return make(static_cast<int32_t>(value));
    case DType::kU32: return make(static_cast<uint32_t>(value));
    case DType::kI64: return make(static_cast<int64_t>(value));
    case DType::kU64: return make(static_cast<uint64_t>(value));
    default: break;
  }
  Fail(Error(Code::kUnsupported, "a scalar constant of type %s", std::string(DTypeName(dtype)).c_str()));
  return &bad_;
}

namespace {

bool IsIdentity(std::span<const int64_t> perm) {
  for (size_t i = 0; i < perm.size(); ++i) {
    if (perm[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

}  // namespace

Value* GraphBuilder::Transpose(Value* x, std::span<const int64_t> perm) {
  if (!ok() || IsIdentity(perm)) return x;
  if (const Node* producer = x->producer(); producer != nullptr && producer->Is("Transpose")) {
    const auto inner = producer->attributes.Ints("perm");
    std::vector<int64_t> composed;
    for (int64_t p : perm) {
      if (p >= 0 && p < static_cast<int64_t>(inner.size())) composed.push_back(inner[static_cast<size_t>(p)]);
    }
    if (composed.size() == inner.size() && IsIdentity(composed)) return producer->input(0);
  }
  return EmitFolded("Transpose", {x}, {{"perm", std::vector<int64_t>(perm.begin(), perm.end())}});
}

Value* GraphBuilder::ToChannelsLast(Value* x) {
  std::vector<int64_t> perm = {0};
  for (int i = 2; i < x->type.rank(); ++i) perm.push_back(i);
  if (x->type.rank() >= 2) perm.push_back(1);
  return Transpose(x, perm);
}

Value* GraphBuilder::ToChannelsFirst(Value* x) {
  const int rank = x->type.rank();
  std::vector<int64_t> perm = {0};
  if (rank >= 2) perm.push_back(rank - 1);
  for (int i = 1; i + 1 < rank; ++i) perm.push_back(i);
  return Transpose(x, perm);
}

}  // namespace whet
