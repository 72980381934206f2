#include <unordered_map>

#include "ir/builder.h"
#include "ir/verify.h"
#include "quantize/compare.h"

namespace whet::quantize {
namespace {

class Isolator {
 public:
  Isolator(const Graph& prepared, const QuantizedGraph& quantized)
      : quantized_(quantized), graph_(prepared.Clone()), builder_(*graph_) {}

  Result<std::unique_ptr<Graph>> Run(std::span<const size_t> which) {
    for (size_t i : which) {
      const QuantizedLayer& layer = quantized_.layers[i];
      Value* before = graph_->FindValue(layer.output);
      const Value* after = quantized_.graph->FindValue(layer.dequantized);
      if (before == nullptr || after == nullptr || after->producer() == nullptr) {
        return Error(Code::kInternal, "layer '%s' is not in both graphs", layer.node.c_str());
      }
      copies_.clear();
      Value* alone = CopyOutput(after);
      if (!builder_.ok()) return builder_.TakeStatus();
      graph_->AddOutput(before);
      graph_->AddOutput(alone);
    }
    WHET_RETURN_IF_ERROR(VerifyGraph(*graph_));
    return std::move(graph_);
  }

 private:
  static bool IsPlumbing(const Node& node) {
    return node.Is("QuantizeLinear") || node.Is("DequantizeLinear");
  }

  // The prepared graph's value that `value` of the quantized one is, or null.
  Value* FloatOf(const Value* value) const {
    std::string name = value->name();
    // What stands before the quantization of one of the model's outputs had to leave its name to that.
    constexpr std::string_view kSuffix = ":float";
    Value* found = graph_->FindValue(name);
    if (found != nullptr && found->producer() == nullptr && !found->IsGraphInput()) return nullptr;
    if (found == nullptr && name.ends_with(kSuffix)) {
      name.resize(name.size() - kSuffix.size());
      found = graph_->FindValue(name);
    }
    return found;
  }

  // A value of the quantized graph as the layer's node sees it: the float value, quantized as there.
  Value* CopyInput(const Value* value) {
    if (value == nullptr) return nullptr;
    if (const auto it = copies_.find(value); it != copies_.end()) return it->second;
    Value* copy = nullptr;
    const Node* producer = value->producer();
    if (value->IsConstant()) {
      copy = builder_.Const(value->constant(), value->name());
    } else if (producer == nullptr) {
      copy = graph_->FindValue(value->name());
    } else if (IsPlumbing(*producer) || IsOfConstants(*producer)) {
      copy = CopyNode(*producer, value);
    } else {
      copy = FloatOf(value);
      if (copy == nullptr) copy = CopyNode(*producer, value);  // finds a scale while running
    }
    if (copy == nullptr) {
      builder_.Fail(Error(Code::kInternal, "value '%s' is not in the prepared graph", value->name().c_str()));
      return nullptr;
    }
    copies_[value] = copy;
    return copy;
  }

  static bool IsOfConstants(const Node& node) {
    if (node.inputs().empty()) return false;
    for (const Value* input : node.inputs()) {
      if (input != nullptr && !input->IsConstant()) return false;
    }
    return true;
  }

  Value* CopyNode(const Node& node, const Value* wanted) {
    std::vector<Value*> inputs;
    for (const Value* input : node.inputs()) inputs.push_back(CopyInput(input));
    if (!builder_.ok()) return nullptr;
    builder_.SetNodeName(node.name());
    const std::vector<Value*> outputs =
        builder_.EmitNode(node.op_name(), inputs, node.outputs().size(), node.attributes);
    Value* result = nullptr;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (node.output(i) == wanted) result = outputs[i];
    }
    return result;
  }

  // The layer's output: its node, what clamps or quantizes it after that, up to `value`.
  Value* CopyOutput(const Value* value) {
    const Node& node = *value->producer();
    if (!IsPlumbing(node)) return CopyComputed(node, value);
    const Value* from = node.input(0);
    Value* x = CopyOutput(from);
    if (!builder_.ok()) return nullptr;
    copies_[from] = x;
    return CopyNode(node, value);
  }

  Value* CopyComputed(const Node& node, const Value* value) {
    // A Relu or Clip whose operand was not quantized before it belongs to the node that computes the operand.
    const Value* x = node.input(0);
    const Node* before = x != nullptr ? x->producer() : nullptr;
    const bool clamps = node.Is("Relu") || node.Is("Clip");
    if (clamps && before != nullptr && !IsPlumbing(*before)) copies_[x] = CopyNode(*before, x);
    return CopyNode(node, value);
  }

  const QuantizedGraph& quantized_;
  std::unique_ptr<Graph> graph_;
  GraphBuilder builder_;
  std::unordered_map<const Value*, Value*> copies_;  // of one layer
};

}  // namespace

Result<std::unique_ptr<Graph>> IsolateLayers(const Graph& prepared, const QuantizedGraph& quantized,
                                             std::span<const size_t> which) {
  return Isolator(prepared, quantized).Run(which);
}

}  // namespace whet::quantize
