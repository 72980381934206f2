// Builds a Graph out of the messages of an ONNX model.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "import/onnx/onnx_import.h"
#include "import/onnx/tensor_reader.h"
#include "ir/builder.h"
#include "ir/foreign.h"
#include "ir/spelling.h"

namespace onnx {
class AttributeProto;
class FunctionProto;
class GraphProto;
class ModelProto;
class NodeProto;
class TensorProto;
class TypeProto;
class ValueInfoProto;
}  // namespace onnx

namespace whet {

class OnnxGraphImporter {
 public:
  // Takes the tensors out of `model`.
  OnnxGraphImporter(onnx::ModelProto& model, OnnxTensorReader& tensors, const OnnxImportOptions& options)
      : model_(model), tensors_(tensors), options_(options) {}

  Result<std::unique_ptr<Graph>> Import();

 private:
  // What a name of the file stands for.
  struct Binding {
    Value* value = nullptr;  // null and not poisoned: an optional input that the caller left out
    // Comes from something unsupported. What depends on it is not built, but still looked through for more
    // that is unsupported, so that one error can name everything.
    bool poisoned = false;
  };
  using Opsets = std::map<std::string, int, std::less<>>;
  // By name, with references to the caller's own attributes already resolved.
  using CallAttributes = std::map<std::string, const onnx::AttributeProto*, std::less<>>;

  // The names that a graph or a function's body sees.
  struct Scope {
    Graph* graph;
    const Scope* outer;  // null for the model's graph and in functions
    const Opsets* opsets;
    const CallAttributes* call = nullptr;  // null outside of functions
    std::string prefix;                    // of names that come from within functions
    std::unordered_map<std::string, Binding> bindings;
    std::unordered_map<std::string, const onnx::ValueInfoProto*> declared;
  };

  struct Spelling {
    const OpDef* op = nullptr;  // null: none fits
    const OnnxSpelling* spelling = nullptr;
  };
  Spelling FindSpelling(const ForeignNode& node) const;

  Status ReadOpsets();
  Status IndexFunctions();
  // Inputs, initializers, nodes, outputs. `input_types` are what the node around a subgraph is given.
  Status ImportGraph(onnx::GraphProto& proto, Scope& scope, std::span<const Type> input_types);
  Status ImportInputs(const onnx::GraphProto& proto, Scope& scope, std::span<const Type> input_types);
  Status ImportInitializers(onnx::GraphProto& proto, Scope& scope);
  Status ImportNode(onnx::NodeProto& proto, Scope& scope);
  Status ImportConstantNode(const ForeignNode& node, Scope& scope);
  Status ImportCall(const onnx::NodeProto& proto, const onnx::FunctionProto& function, ForeignNode& node,
                    bool poisoned, Scope& scope);
  Status ImportOneToOne(const OpDef& op, ForeignNode& node, GraphBuilder& builder);
  Status Build(ForeignNode& node, Scope& scope);

  Status ReadAttribute(onnx::AttributeProto& proto, const std::string& name, bool in_function,
                       ForeignNode& node, Scope& scope);
  // Tensors of the model's own graphs are read once; a function's are read by each call and shared.
  Result<std::shared_ptr<const Constant>> TakeTensor(onnx::TensorProto& proto, bool read_once);
  Result<std::unique_ptr<Graph>> ReadSubgraph(onnx::GraphProto& proto, const ForeignNode& node, Scope& scope);
  Result<CallAttributes> ResolveCall(const onnx::NodeProto& proto, const onnx::FunctionProto& function,
                                     const Scope& scope);
  // Undefined dtype for what is no tensor of a type that Whet has; `what` then says what it is.
  static Type ReadType(const onnx::TypeProto& whole, std::string* what);

  const Binding* Find(const Scope& scope, const std::string& name) const;
  Status Bind(Scope& scope, const std::string& name, Binding binding);
  // The value shall have the file's name, unless it already has another name of the file.
  void Claim(Value* value, const std::string& name);
  void RefineByDeclaration(const Scope& scope, const std::string& name, Value* value) const;
  void NoteUnsupported(const std::string& what, const std::string& node_name);
  Status UnsupportedError() const;

  void RemoveUnusedSequences(Graph& graph, const std::unordered_set<const Value*>& given_out);
  Status KeepOutputNames(const onnx::GraphProto& proto, Scope& scope);

  onnx::ModelProto& model_;
  OnnxTensorReader& tensors_;
  const OnnxImportOptions& options_;
  std::unique_ptr<Graph> graph_;

  std::map<std::string, std::vector<Spelling>, std::less<>> spellings_;  // by domain:op_type
  Opsets opsets_;
  std::map<std::string, onnx::FunctionProto*, std::less<>> functions_;  // by domain:name:overload
  std::map<const onnx::FunctionProto*, Opsets> function_opsets_;
  // Default attributes of functions, which Debian's definitions keep as unknown fields.
  std::map<const onnx::FunctionProto*, std::vector<std::unique_ptr<onnx::AttributeProto>>> function_defaults_;
  std::map<const onnx::TensorProto*, std::shared_ptr<const Constant>> shared_tensors_;
  int call_depth_ = 0;
  size_t nodes_ = 0;

  std::map<std::string, std::vector<std::string>> unsupported_;  // what -> names of nodes
  size_t unsupported_count_ = 0;
  std::unordered_map<Value*, std::string> claims_;
  std::unordered_set<std::string> file_names_;  // all that were ever claimed
  bool exported_ = false;                       // by Whet
  std::unordered_set<std::string> node_roots_;
};

}  // namespace whet
