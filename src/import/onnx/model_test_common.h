// Small ONNX models, made in memory for tests.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "import/onnx/onnx_import.h"

namespace whet::test {

// One input, then whatever the test adds.
inline onnx::ModelProto EmptyModel(int opset = 17) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  auto* import = model.add_opset_import();
  import->set_domain("");
  import->set_version(opset);
  model.mutable_graph()->set_name("g");
  return model;
}

inline void AddValue(onnx::ValueInfoProto* info, const std::string& name, std::vector<int64_t> dims) {
  info->set_name(name);
  auto* tensor = info->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(onnx::TensorProto::FLOAT);
  auto* shape = tensor->mutable_shape();
  for (const int64_t dim : dims) shape->add_dim()->set_dim_value(dim);
}

template <typename Owner>  // a GraphProto or a FunctionProto
onnx::NodeProto* AddNode(Owner* owner, const std::string& op, const std::vector<std::string>& inputs,
                         const std::vector<std::string>& outputs, const std::string& name = {}) {
  auto* node = owner->add_node();
  node->set_op_type(op);
  node->set_name(name);
  for (const auto& input : inputs) node->add_input(input);
  for (const auto& output : outputs) node->add_output(output);
  return node;
}

inline onnx::TensorProto* AddTensor(onnx::GraphProto* graph, const std::string& name, int type,
                                    const std::vector<int64_t>& dims) {
  auto* tensor = graph->add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(type);
  for (const int64_t dim : dims) tensor->add_dims(dim);
  return tensor;
}

// x -> Relu -> y, both f32[2,3].
inline onnx::ModelProto ReluModel() {
  onnx::ModelProto model = EmptyModel();
  AddValue(model.mutable_graph()->add_input(), "x", {2, 3});
  AddNode(model.mutable_graph(), "Relu", {"x"}, {"y"}, "relu");
  AddValue(model.mutable_graph()->add_output(), "y", {2, 3});
  return model;
}

inline Result<std::unique_ptr<Graph>> Import(const onnx::ModelProto& model,
                                             const OnnxImportOptions& options = {}) {
  const std::string bytes = model.SerializeAsString();
  return ImportOnnxBytes(std::as_bytes(std::span(bytes.data(), bytes.size())), "test", options);
}

// "" where the import succeeds.
inline std::string ErrorOf(const onnx::ModelProto& model, const OnnxImportOptions& options = {}) {
  const auto graph = Import(model, options);
  return graph.ok() ? "" : graph.status().ToString();
}

}  // namespace whet::test
