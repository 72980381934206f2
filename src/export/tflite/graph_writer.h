// Writes a prepared Graph (prepare.h) as the tables of a TFLite file.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "export/tflite/operator_rules.h"
#include "export/tflite/quantized_values.h"
#include "export/tflite/refusals.h"
#include "ir/graph.h"
#include "ir/tflite_sink.h"

namespace whet {

class TfliteGraphWriter final : public TfliteSink {
 public:
  // A tensor of the file.
  struct TensorEntry {
    std::string name;
    Type type;
    std::shared_ptr<const whet::Constant> constant;  // null: computed
    std::optional<QuantizationParameters> quantization;
    bool is_resource = false;  // the handle of a variable
  };
  struct OperatorEntry {
    std::string builtin;
    int version = 1;
    std::vector<Tensor> inputs, outputs;
    Attributes options;
  };
  struct SubgraphEntry {
    std::string name;
    std::vector<TensorEntry> tensors;
    std::vector<OperatorEntry> operators;
    std::vector<Tensor> inputs, outputs;
  };

  explicit TfliteGraphWriter(const Graph& graph) : graph_(graph) {}

  // Nodes that TFLite cannot express are added to `refusals`; the rest is written all the same, so that all
  // are found.
  Status Write(TfliteRefusals* refusals);
  // The file's bytes.
  whet::Result<std::vector<std::byte>> Finish() const;

  // --- TfliteSink
  using TfliteSink::Ints;
  using TfliteSink::Operator;
  using TfliteSink::Weights;
  bool quantized() const override { return quantized_; }
  Tensor Of(const Value* value) override;
  Tensor Result(const Node& node, size_t i) override;
  std::string_view activation() const override { return activation_; }
  Tensor Ints(const Value* value) override;
  Tensor Ints(std::span<const int64_t> values) override;
  Tensor Int(int64_t value) override;
  Tensor IntMatrix(std::span<const int64_t> values, int64_t rows, int64_t columns) override;
  Tensor Constant(std::string_view base, std::shared_ptr<const whet::Constant> constant) override;
  Tensor Weights(const Value* value, std::span<const int64_t> perm) override;
  Tensor Bias(const Value* bias, const Value* x, const Value* w) override;
  Tensor ConstantLike(const Value* constant, const Value* like) override;
  Tensor Fresh(std::string_view base, const Type& type) override;
  void Operator(std::string_view builtin, std::span<const Tensor> inputs, std::span<const Tensor> outputs,
                const Attributes& options) override;

 private:
  // The integers that stand for the operands of a node.
  struct Operands {
    DType dtype = DType::kUndefined;
    QuantizationParameters parameters;
  };
  // How a node is tried to be written.
  struct Manner {
    bool quantized;
    const Node* activation;  // the reader that is fused; null: none
  };

  Status WriteInputs();
  Status WriteNode(const Node& node);
  Status TryNode(const Node& node, const Manner& manner);
  Status WriteQuantize(const Node& node);
  Status WriteOutputs();
  void WriteReads();
  void WriteAssignments();

  const Node* FusableActivation(const Node& node) const;
  // Sets operands_ if it can.
  bool CanBeQuantized(const Node& node, const Value* result);
  // The tensor of a value as it stands in the Graph: of reals if it is real.
  Tensor TensorOf(const Value* value);
  Tensor Define(const Value* value);
  Tensor Dequantized(const Node& node);
  Tensor AddTensor(TensorEntry tensor);
  Tensor Handle(SubgraphEntry& subgraph, const State& state);
  void Fail(Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

  const Graph& graph_;
  SubgraphEntry main_;
  SubgraphEntry initial_;  // assigns the variables their first values
  std::unordered_map<const Value*, Tensor> tensors_;
  std::map<std::pair<const Value*, std::vector<int64_t>>, Tensor> weights_;
  std::map<std::string, Tensor> small_;  // constants of integers, by their printed form
  std::map<std::string, int, std::less<>> names_;

  // While a node is written.
  Status status_;
  bool quantized_ = false;
  std::string_view activation_ = "NONE";
  Operands operands_;           // if it is quantized
  const Value* end_ = nullptr;  // what the node's last operator gives, the fused activation included
  std::unordered_map<const Node*, bool> fused_;  // activations that are part of the operator before
};

}  // namespace whet
