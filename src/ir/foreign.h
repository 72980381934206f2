// The neutral form in which importers hand a node of another format to the operator that knows its spelling,
// and in which operators hand nodes to the ONNX exporter. Keeps protobuf and FlatBuffers out of the
// operators.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ir/builder.h"
#include "ir/graph.h"

namespace whet {

struct ForeignNode {
  ForeignNode();
  ForeignNode(ForeignNode&&) noexcept;
  ~ForeignNode();

  std::string op_type;
  std::string domain;
  std::string name;
  int version = 0;  // ONNX: opset version of the domain; TFLite: the operator's version
  Attributes attributes;
  // Attributes that are tensors (ONNX), by name.
  std::map<std::string, std::shared_ptr<const Constant>, std::less<>> tensors;
  // Attributes that are types (ONNX), by name.
  std::map<std::string, Type, std::less<>> types;
  std::vector<Value*> inputs;  // null where absent
  // As the file declares them; empty name where absent. Undefined dtype or unranked where not declared.
  std::vector<std::string> output_names;
  std::vector<Type> output_types;
  std::vector<std::unique_ptr<Graph>>
      subgraphs;  // in the order of OpDef::subgraphs; moved out by import functions
  // TFLite: quantization has been made explicit by the importer, so import functions see real-valued tensors
  // only.

  Value* input(size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }
  bool HasInput(size_t i) const { return input(i) != nullptr; }
  bool HasOutput(size_t i) const { return i < output_names.size() && !output_names[i].empty(); }

  // What import functions set: the value that output i is. The importer gives it the file's name.
  std::vector<Value*> results;
  void SetResult(size_t i, Value* value);

  // TFLite: input i is a variable that keeps its value between runs; `value` is its new one.
  std::map<size_t, Value*> variables;
  void SetVariable(size_t i, Value* value);

  // The error for what this node asks and Whet cannot do; the importer adds where.
  Status Unsupported(std::string what) const;
};

// Where an operator's to_onnx function writes. Values of the Graph and names made by Fresh are its operands.
class OnnxSink {
 public:
  virtual ~OnnxSink() = default;
  virtual int opset() const = 0;

  // The ONNX name of a Graph value ("" for null).
  virtual std::string NameOf(const Value* value) = 0;
  // A new intermediate name.
  virtual std::string Fresh(std::string_view base) = 0;
  // An initializer; returns its name.
  virtual std::string Initializer(std::string_view base, std::shared_ptr<const Constant> constant) = 0;
  virtual void Node(std::string_view op_type, std::span<const std::string> inputs,
                    std::span<const std::string> outputs, const Attributes& attributes,
                    std::string_view domain = "") = 0;
  void Node(std::string_view op_type, std::initializer_list<std::string> inputs,
            std::initializer_list<std::string> outputs, const Attributes& attributes = {}) {
    Node(op_type, std::span(inputs.begin(), inputs.size()), std::span(outputs.begin(), outputs.size()),
         attributes);
  }
  // A node without inputs whose attribute "type" is `type`.
  virtual void NodeOfType(std::string_view op_type, const std::string& output, const Type& type) = 0;
  // For values that are channels last in the Graph and channels first in ONNX: the name of the channels-first
  // tensor that equals `value` transposed (reuses an existing one where the Graph has it) …
  virtual std::string ChannelsFirst(const Value* value) = 0;
  // … and the name under which to write a channels-first result, from which `value` is made by a transpose.
  virtual std::string DefineFromChannelsFirst(const Value* value) = 0;
};

}  // namespace whet
