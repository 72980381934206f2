// Walks a Graph and writes the messages of an ONNX model.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/foreign.h"
#include "ir/op_def.h"

namespace onnx {
class GraphProto;
class ModelProto;
class NodeProto;
}  // namespace onnx

namespace whet {

class OnnxGraphExporter final : public OnnxSink {
 public:
  OnnxGraphExporter(const Graph& graph, int opset) : graph_(graph), opset_(opset) {}
  ~OnnxGraphExporter() override;

  // One constant of the model and the message that describes it, still without its data.
  struct Initializer {
    std::string name;
    std::shared_ptr<const Constant> constant;
    const Graph* graph;       // in which it stands
    std::string better_name;  // to be taken if nothing else has it; may be empty
  };

  // Fails where the Graph cannot be expressed. needed_opset() says afterwards which opset would do.
  Status Export(onnx::ModelProto& model);
  int needed_opset() const { return needed_opset_; }
  // Those that the model refers to, in the order of their first use; index-parallel to the messages of each
  // graph.
  const std::vector<std::pair<onnx::GraphProto*, const Initializer*>>& used_initializers() const {
    return used_;
  }

  // --- OnnxSink
  using OnnxSink::Node;
  int opset() const override { return opset_; }
  std::string NameOf(const Value* value) override;
  std::string Fresh(std::string_view base) override;
  std::string Initializer(std::string_view base, std::shared_ptr<const Constant> constant) override;
  void Node(std::string_view op_type, std::span<const std::string> inputs,
            std::span<const std::string> outputs, const Attributes& attributes,
            std::string_view domain) override;
  void NodeOfType(std::string_view op_type, const std::string& output, const Type& type) override;
  std::string ChannelsFirst(const Value* value) override;
  std::string DefineFromChannelsFirst(const Value* value) override;

 private:
  // A tensor of the ONNX model: a Graph value, or one that exists only there.
  struct Source {
    const Value* value = nullptr;
    std::string name;
  };
  // A transpose that is written only if somebody reads its result.
  struct Pending {
    Source source;
    std::vector<int64_t> perm;
    size_t position = 0;    // where in the graph it belongs
    std::string node_name;  // empty: an ONNX node without a name
  };
  struct Emitted {
    size_t position;
    std::unique_ptr<onnx::NodeProto> proto;
  };
  // One graph or subgraph.
  struct Scope {
    onnx::GraphProto* proto = nullptr;
    size_t position = 0;  // of the node that is being written
    std::vector<Emitted> nodes;
  };

  Status ExportGraph(const Graph& graph, onnx::GraphProto& proto);
  void FindTransposes(const Graph& graph);
  Status ExportNode(const whet::Node& node);
  Status ExportOneToOne(const whet::Node& node);
  void FinishNodes(const Graph& graph, Scope& scope);
  void PlaceInitializers();

  std::string Resolve(const Source& source);
  void EmitTranspose(const Graph& graph, const std::string& input, const std::string& output,
                     const Pending& pending);
  // Writes a node that widens stored weights so that its result is channels first.
  void ExportTransposedWeights(const whet::Node& node, const std::string& result);
  // Adds a constant that is not a value of the Graph under its own name.
  std::string AddDerived(std::string_view base, std::shared_ptr<const Constant> constant, const Graph* graph,
                         std::string better_name);
  // The result of an operator of constants, computed now; false if it is not one that is worth it.
  bool Fold(std::string_view op_type, std::span<const std::string> inputs, const std::string& output,
            const Attributes& attributes);
  // The same for an operator that undoes the one of the Graph before it: its result is that one's operand.
  bool Cancel(std::string_view op_type, std::span<const std::string> inputs, const std::string& output,
              const Attributes& attributes);
  void RemoveBypassed(onnx::GraphProto& top);
  void NumberNodes(onnx::GraphProto& graph);
  void Fail(Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

  const Graph& graph_;
  int opset_;
  int needed_opset_ = 17;
  Status status_;

  std::unordered_map<const Graph*, Scope> scopes_;
  const Graph* current_ = nullptr;
  std::string node_root_;  // the name for what the present node becomes
  std::set<std::string, std::less<>> node_roots_;
  std::map<std::string, int, std::less<>> node_name_uses_;
  int since_ = 1;  // of the form of the node that is being written
  const whet::Node* subgraphs_of_ = nullptr;

  std::unordered_map<const Value*, Pending> pending_;
  std::unordered_map<const Value*, Source> channels_first_;
  std::set<std::string, std::less<>> fresh_;
  std::deque<struct Initializer> initializers_;
  std::map<std::string, struct Initializer*, std::less<>> initializers_by_name_;
  std::vector<std::pair<onnx::GraphProto*, const struct Initializer*>> used_;
  std::map<std::string, const Value*, std::less<>> values_;
  std::map<std::string, std::string, std::less<>> aliases_;  // made by Cancel: name -> what it equals
  std::set<std::string, std::less<>> bypassed_;              // values that an alias no longer reads
};

}  // namespace whet
