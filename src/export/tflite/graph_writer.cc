#include "export/tflite/graph_writer.h"

#include <algorithm>

#include "export/tflite/node_kinds.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"

namespace whet {
namespace {

bool ScalarIs(const Value* value, double expected) {
  return value != nullptr && value->IsConstant() && value->constant()->view().elements() == 1 &&
         ops::LoadFloat(value->constant()->view(), 0) == expected;
}

// The fused activation that the node is; empty if it is none.
std::string_view FusedName(const Node& node) {
  if (node.Is("Relu")) return "RELU";
  if (!node.Is("Clip")) return {};
  if (ScalarIs(node.input(1), 0) && node.input(2) == nullptr) return "RELU";
  if (ScalarIs(node.input(1), 0) && ScalarIs(node.input(2), 6)) return "RELU6";
  return ScalarIs(node.input(1), -1) && ScalarIs(node.input(2), 1) ? "RELU_N1_TO_1" : std::string_view();
}

// The operator's builtin of the same inputs, outputs and options; empty if there is none.
std::string_view PlainBuiltin(const OpDef& op) {
  for (const TfliteSpelling& spelling : SpellingsOf(op).tflite) {
    if (spelling.import == nullptr) return spelling.builtin;
  }
  return {};
}

}  // namespace

// --- operators

void TfliteGraphWriter::Operator(std::string_view builtin, std::span<const Tensor> inputs,
                                 std::span<const Tensor> outputs, const Attributes& options) {
  if (!status_.ok()) return;
  const auto operands = [&](std::span<const Tensor> list) {
    std::vector<TfliteOperand> result;
    for (const Tensor tensor : list) {
      if (tensor == kAbsent) {
        result.emplace_back();
        continue;
      }
      const TensorEntry& entry = main_.tensors[static_cast<size_t>(tensor)];
      result.push_back(
          {&entry.type, entry.quantization ? &*entry.quantization : nullptr, entry.constant != nullptr});
    }
    return result;
  };
  const auto ins = operands(inputs), outs = operands(outputs);
  if (Status status = CheckTfliteOperator(builtin, ins, outs, options); !status.ok()) {
    Fail(std::move(status));
    return;
  }
  main_.operators.push_back({std::string(builtin), TfliteOperatorVersion(builtin, ins, outs, options),
                             std::vector<Tensor>(inputs.begin(), inputs.end()),
                             std::vector<Tensor>(outputs.begin(), outputs.end()), options});
}

const Node* TfliteGraphWriter::FusableActivation(const Node& node) const {
  if (!SpellingsOf(node.op()).to_tflite.activation || node.outputs().empty()) return nullptr;
  const Value* output = node.output();
  if (output->uses().size() != 1 || graph_.IsLive(output) || output->type.dtype != DType::kF32)
    return nullptr;
  const Node* reader = output->uses()[0].node;
  return reader->graph() == &graph_ && output->uses()[0].input == 0 && !FusedName(*reader).empty() ? reader
                                                                                                   : nullptr;
}

bool TfliteGraphWriter::CanBeQuantized(const Node& node, const Value* result) {
  const TfliteForm& form = SpellingsOf(node.op()).to_tflite;
  if (form.scales == TfliteScales::kNone) return false;
  const bool equal = form.scales == TfliteScales::kEqual || form.scales == TfliteScales::kMoved;
  std::optional<QuantizationParameters> first;
  DType dtype = DType::kUndefined;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    const Value* input = node.input(i);
    if (input == nullptr || input->type.dtype != DType::kF32 || (form.unquantized_inputs >> i & 1) != 0)
      continue;
    QuantizationParameters parameters;
    const Value* integers = IntegersFor(input, &parameters);
    if (integers == nullptr || BitsOf(integers->type.dtype) > 16) return false;
    if (!first) {
      // Weights may be of another type, and have several scales.
      if (!parameters.per_tensor()) return false;
      dtype = integers->type.dtype;
      first = std::move(parameters);
      continue;
    }
    if (equal && (!(*first == parameters) || integers->type.dtype != dtype)) return false;
  }
  if (!first) return false;
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    const Value* output = i == 0 ? result : node.output(i);
    if (output == nullptr || output->type.dtype != DType::kF32) continue;
    if (equal && output->uses().empty() && !graph_.IsLive(output)) continue;
    QuantizationParameters parameters;
    const Value* integers = IntegersFor(output, &parameters);
    if (integers == nullptr || !parameters.per_tensor() || integers->type.dtype != dtype) return false;
    if (equal && !(*first == parameters)) return false;
  }
  operands_ = {dtype, std::move(*first)};
  return true;
}

Status TfliteGraphWriter::TryNode(const Node& node, const Manner& manner) {
  quantized_ = manner.quantized;
  activation_ = manner.activation != nullptr ? FusedName(*manner.activation) : "NONE";
  end_ = manner.activation != nullptr ? manner.activation->output() : node.output();
  status_ = {};
  const size_t tensors = main_.tensors.size(), operators = main_.operators.size();
  const auto old_tensors = tensors_;
  const auto old_weights = weights_;
  const auto old_small = small_;
  const auto old_names = names_;
  const TfliteForm& form = SpellingsOf(node.op()).to_tflite;
  Status status;
  if (form.write != nullptr) {
    status = form.write(node, *this);
  } else if (const std::string_view builtin = PlainBuiltin(node.op()); !builtin.empty()) {
    std::vector<Tensor> inputs, outputs;
    for (const Value* input : node.inputs()) inputs.push_back(Of(input));
    for (size_t i = 0; i < node.outputs().size(); ++i) outputs.push_back(Result(node, i));
    Operator(builtin, inputs, outputs, {});
  } else {
    status = Error(Code::kUnsupported, "TFLite has no such operator");
  }
  if (status.ok()) status = std::move(status_);
  status_ = {};
  if (status.ok()) {
    if (manner.activation != nullptr) fused_[manner.activation] = true;
    return {};
  }
  main_.tensors.resize(tensors);
  main_.operators.resize(operators);
  tensors_ = old_tensors;
  weights_ = old_weights;
  small_ = old_small;
  names_ = old_names;
  return status;
}

Status TfliteGraphWriter::WriteQuantize(const Node& node) {
  const Value* real = node.input(0);
  QuantizationParameters parameters, own;
  if (!ParametersOf(node, &parameters)) {
    return Error(Code::kUnsupported, "the scale is not constant, or one for each block");
  }
  quantized_ = false;
  if (tensors_.contains(node.output())) return {};
  if (real->IsConstant()) {
    auto folded = Folded(node);
    if (folded == nullptr) return Error(Code::kUnsupported, "a constant that cannot be quantized");
    const Value* y = node.output();
    tensors_[y] =
        AddTensor({y->name(), Type::Of(folded->dtype(), folded->shape().dims()), folded, parameters, false});
    return {};
  }
  const Node* producer = real->producer();
  Tensor from = kAbsent;
  // Another node that quantizes the same value the same way has been written.
  for (const Use& use : real->uses()) {
    const bool same = use.node->Is("QuantizeLinear") && use.node != &node && ParametersOf(*use.node, &own) &&
                      own == parameters && use.node->output()->type.dtype == node.output()->type.dtype;
    const auto it = same ? tensors_.find(use.node->output()) : tensors_.end();
    if (it != tensors_.end() && !graph_.IsLive(node.output())) {
      tensors_[node.output()] = it->second;
      return {};
    }
  }
  if (producer != nullptr && producer->Is("DequantizeLinear") && ParametersOf(*producer, &own)) {
    const Value* integers = producer->input(0);
    if (own == parameters && integers->type.dtype == node.output()->type.dtype &&
        !graph_.IsLive(node.output())) {
      tensors_[node.output()] = TensorOf(integers);
      return {};
    }
    // Integers to integers, where TFLite can.
    const size_t operators = main_.operators.size(), tensors = main_.tensors.size();
    const auto old_tensors = tensors_;
    from = TensorOf(integers);
    const Tensor to = Define(node.output());
    Operator("QUANTIZE", std::span(&from, 1), std::span(&to, 1), {});
    if (status_.ok()) return {};
    status_ = {};
    main_.operators.resize(operators);
    main_.tensors.resize(tensors);
    tensors_ = old_tensors;
  }
  from = TensorOf(real);
  const Tensor to = Define(node.output());
  Operator("QUANTIZE", std::span(&from, 1), std::span(&to, 1), {});
  return std::move(status_);
}

Status TfliteGraphWriter::WriteNode(const Node& node) {
  status_ = {};
  if (fused_.contains(&node) || node.Is("DequantizeLinear") || IsCopy(node) || IsHalfWeights(node)) return {};
  if (node.Is("QuantizeLinear")) return WriteQuantize(node);
  if (!node.subgraphs.empty()) return Error(Code::kUnsupported, "control flow");
  const Node* activation = FusableActivation(node);
  const Value* end = activation != nullptr ? activation->output() : node.output();
  Status status;
  if (CanBeQuantized(node, end)) {
    status = TryNode(node, {true, activation});
    if (status.ok()) return status;
  }
  if (activation != nullptr && CanBeQuantized(node, node.output())) {
    status = TryNode(node, {true, nullptr});
    if (status.ok()) return status;
  }
  if (activation != nullptr) {
    status = TryNode(node, {false, activation});
    if (status.ok()) return status;
  }
  return TryNode(node, {false, nullptr});
}

// --- the graph

Status TfliteGraphWriter::WriteInputs() {
  for (const Value* input : graph_.inputs()) {
    const bool is_state = std::any_of(graph_.states.begin(), graph_.states.end(),
                                      [&](const State& state) { return state.input == input; });
    if (is_state) continue;
    if (!input->type.ranked) {
      return Error(Code::kUnsupported, "input '%s' has no known number of dimensions; give its shape",
                   input->name().c_str());
    }
    main_.inputs.push_back(Define(input));
  }
  return {};
}

Status TfliteGraphWriter::WriteOutputs() {
  std::vector<Tensor> seen;
  for (const Value* output : graph_.outputs()) {
    quantized_ = false;
    Tensor tensor = TensorOf(output);
    WHET_RETURN_IF_ERROR(std::move(status_));
    status_ = {};
    // An output is a tensor of its own.
    const bool own = tensor >= 0 && main_.tensors[static_cast<size_t>(tensor)].constant == nullptr &&
                     std::find(main_.inputs.begin(), main_.inputs.end(), tensor) == main_.inputs.end() &&
                     std::find(seen.begin(), seen.end(), tensor) == seen.end();
    if (!own) {
      const TensorEntry source = main_.tensors[static_cast<size_t>(tensor)];
      if (!output->type.IsStatic()) {
        return Error(Code::kUnsupported, "output '%s' is a copy whose shape is not known",
                     output->name().c_str());
      }
      std::vector<int64_t> sizes;
      for (const Dim& dim : output->type.dims) sizes.push_back(dim.lo);
      const Tensor inputs[] = {tensor, Ints(sizes)};
      tensor = AddTensor({output->name(), source.type, nullptr, source.quantization, false});
      Operator("RESHAPE", inputs, std::span(&tensor, 1), {{"new_shape", sizes}});
      WHET_RETURN_IF_ERROR(std::move(status_));
      status_ = {};
    } else if (output->producer() != nullptr && IsCopy(*output->producer())) {
      // The name is part of the model's interface.
      main_.tensors[static_cast<size_t>(tensor)].name = output->name();
    }
    seen.push_back(tensor);
    main_.outputs.push_back(tensor);
  }
  return {};
}

TfliteSink::Tensor TfliteGraphWriter::Handle(SubgraphEntry& subgraph, const State& state) {
  TensorEntry handle{state.name + ":handle", Type(DType::kI32, {}), nullptr, {}, true};
  subgraph.tensors.push_back(std::move(handle));
  const auto tensor = static_cast<Tensor>(subgraph.tensors.size()) - 1;
  subgraph.operators.push_back(
      {"VAR_HANDLE", 1, {}, {tensor}, {{"container", std::string()}, {"shared_name", state.name}}});
  return tensor;
}

void TfliteGraphWriter::WriteReads() {
  if (graph_.states.empty()) return;
  main_.operators.push_back({"CALL_ONCE", 1, {}, {}, {{"init_subgraph_index", int64_t{1}}}});
  initial_.name = "initial";
  for (const State& state : graph_.states) {
    const Tensor handle = Handle(main_, state);
    const Tensor now = Define(state.input);
    main_.operators.push_back({"READ_VARIABLE", 1, {handle}, {now}, {}});
    auto first = state.initial;
    if (first == nullptr) {
      first = whet::Constant::Copy(state.input->type.dtype, state.input->type.ToShape(), nullptr);
    }
    const Tensor target = Handle(initial_, state);
    initial_.tensors.push_back({state.name + ":initial", state.input->type, std::move(first), {}, false});
    const auto value = static_cast<Tensor>(initial_.tensors.size()) - 1;
    initial_.operators.push_back({"ASSIGN_VARIABLE", 1, {target, value}, {}, {}});
  }
}

void TfliteGraphWriter::WriteAssignments() {
  // All are read before any is assigned.
  std::vector<Tensor> values;
  for (const State& state : graph_.states) values.push_back(TensorOf(state.output));
  for (size_t i = 0; i < values.size(); ++i) {
    const Tensor handle = Handle(main_, graph_.states[i]);
    main_.operators.push_back({"ASSIGN_VARIABLE", 1, {handle, values[i]}, {}, {}});
  }
}

Status TfliteGraphWriter::Write(TfliteRefusals* refusals) {
  main_.name = graph_.name();
  for (const Value* value : graph_.values()) {
    if (value->IsGraphInput() || graph_.IsOutput(value)) names_.try_emplace(value->name(), 0);
  }
  WHET_RETURN_IF_ERROR(WriteInputs());
  for (const State& state : graph_.states) {
    if (!state.input->type.IsStatic()) {
      return Error(Code::kUnsupported, "state '%s' has no known shape", state.name.c_str());
    }
  }
  WriteReads();
  for (const auto& node : graph_.nodes()) {
    Status status = WriteNode(*node);
    if (status.ok()) continue;
    if (status.code() != Code::kUnsupported) {
      return std::move(status).At("node '" + node->name() + "' (" + std::string(node->op_name()) + ")");
    }
    refusals->Add(*node, std::string(status.what()));
  }
  if (!refusals->empty()) return {};
  WHET_RETURN_IF_ERROR(WriteOutputs());
  WriteAssignments();
  return std::move(status_);
}

}  // namespace whet
