#include <algorithm>
#include <string>
#include <vector>

#include "export/tflite/prepare.h"
#include "export/tflite/quantized_values.h"
#include "ir/builder.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"

namespace whet {
namespace {

constexpr int kMostRounds = 64;

bool IsQuantization(const Node& node) { return node.Is("QuantizeLinear") || node.Is("DequantizeLinear"); }

// The same zero points as i8, 128 lower.
std::shared_ptr<const Constant> AsSigned(const Constant& constant) {
  auto shifted = Constant::Allocate(DType::kI8, constant.shape());
  for (int64_t i = 0; i < constant.view().elements(); ++i) {
    ops::StoreInt(shifted->view(), i, ops::LoadInt(constant.view(), i) - 128);
  }
  return shifted;
}

// A zero point of 0 may be left out.
std::shared_ptr<const Constant> ZeroPointOf(const Node& node) {
  if (node.input(2) != nullptr) return node.input(2)->constant();
  auto zeros = Constant::Allocate(DType::kU8, node.input(1)->constant()->shape());
  for (int64_t i = 0; i < zeros->view().elements(); ++i) ops::StoreInt(zeros->view(), i, 0);
  return zeros;
}

Status MakeSigned(Graph& graph, Node* node) {
  const auto zero_point = ZeroPointOf(*node);
  if (zero_point->dtype() == DType::kU8) {
    const std::string name =
        node->input(2) != nullptr ? node->input(2)->name() : node->name() + ":zero_point";
    node->SetInput(2, graph.AddConstant(graph.UniqueName(name), AsSigned(*zero_point)));
  }
  if (node->Is("QuantizeLinear")) node->output()->type.dtype = DType::kI8;
  return InferNode(*node);
}

// Quantizes `real` and dequantizes it again: its value, as TFLite will have it there.
Value* EmitRounded(GraphBuilder& builder, Value* real, Value* scale, Value* zero_point) {
  Value* integers = zero_point != nullptr ? builder.Emit("QuantizeLinear", {real, scale, zero_point})
                                          : builder.Emit("QuantizeLinear", {real, scale});
  return zero_point != nullptr ? builder.Emit("DequantizeLinear", {integers, scale, zero_point})
                               : builder.Emit("DequantizeLinear", {integers, scale});
}
Value* EmitRounded(GraphBuilder& builder, Value* real, const QuantizationParameters& parameters,
                   DType dtype) {
  return EmitRounded(builder, real,
                     builder.Scalar(static_cast<double>(parameters.scales[0]), DType::kF32, "scale"),
                     builder.Scalar(static_cast<double>(parameters.zero_points[0]), dtype, "zero_point"));
}

// Everything that reads `from`, but for `except`, reads `to`.
void ReplaceReaders(Value* from, Value* to, const Node* except) {
  const std::vector<Use> uses(from->uses().begin(), from->uses().end());
  for (const Use& use : uses) {
    if (use.node != except) use.node->SetInput(static_cast<size_t>(use.input), to);
  }
}

bool HasAsymmetricWeights(const Graph& graph) {
  for (const auto& node : graph.nodes()) {
    if (!node->Is("DequantizeLinear") || !node->input(0)->IsConstant()) continue;
    QuantizationParameters parameters;
    if (node->input(0)->type.dtype != DType::kU8 || !ParametersOf(*node, &parameters)) continue;
    for (int64_t zero : parameters.zero_points) {
      if (zero != 128) return true;
    }
  }
  return false;
}

Status MakeAllSigned(Graph& graph) {
  if (HasAsymmetricWeights(graph)) return {};
  for (Node* node : graph.NodeList()) {
    QuantizationParameters parameters;
    if (!IsQuantization(*node) || !ParametersOf(*node, &parameters)) continue;
    Value* integers = node->Is("QuantizeLinear") ? node->output() : node->input(0);
    if (integers->type.dtype != DType::kU8) continue;
    const auto is_dequantize = [&](const Use& use) {
      QuantizationParameters own;
      return use.node->Is("DequantizeLinear") && use.input == 0 && ParametersOf(*use.node, &own) &&
             own == parameters;
    };
    const bool inside = !graph.IsLive(integers) &&
                        std::all_of(integers->uses().begin(), integers->uses().end(), is_dequantize);
    if (inside && integers->IsConstant()) {
      Value* shifted = graph.AddConstant(graph.UniqueName(integers->name()), AsSigned(*integers->constant()));
      const std::vector<Use> uses(integers->uses().begin(), integers->uses().end());
      for (const Use& use : uses) {
        use.node->SetInput(0, shifted);
        WHET_RETURN_IF_ERROR(MakeSigned(graph, use.node));
      }
    } else if (inside && node->Is("QuantizeLinear")) {
      WHET_RETURN_IF_ERROR(MakeSigned(graph, node));
      const std::vector<Use> uses(integers->uses().begin(), integers->uses().end());
      for (const Use& use : uses) WHET_RETURN_IF_ERROR(MakeSigned(graph, use.node));
    } else if (parameters.per_tensor()) {
      // An input or output of the Graph keeps its type; next to it the same values as i8.
      QuantizationParameters shifted = parameters;
      shifted.zero_points[0] -= 128;
      const bool quantizes = node->Is("QuantizeLinear");
      Value* real = quantizes ? node->input(0) : node->output();
      GraphBuilder builder(graph);
      if (quantizes) {
        builder.SetInsertBefore(node);
        Value* rounded = EmitRounded(builder, real, shifted, DType::kI8);
        WHET_RETURN_IF_ERROR(builder.TakeStatus());
        node->SetInput(0, rounded);
      } else if (!real->uses().empty()) {
        auto nodes = graph.NodeList();
        const auto next = std::find(nodes.begin(), nodes.end(), node) + 1;
        builder.SetInsertBefore(next != nodes.end() ? *next : nullptr);
        Value* rounded = EmitRounded(builder, real, shifted, DType::kI8);
        WHET_RETURN_IF_ERROR(builder.TakeStatus());
        ReplaceReaders(real, rounded, rounded->producer()->input(0)->producer());
      }
    }
  }
  return {};
}

std::vector<size_t> QuantizedInputs(const Node& node) {
  std::vector<size_t> inputs;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    const Value* input = node.input(i);
    if (input == nullptr || input->type.dtype != DType::kF32) continue;
    if ((SpellingsOf(node.op()).to_tflite.unquantized_inputs >> i & 1) == 0) inputs.push_back(i);
  }
  return inputs;
}

Node* After(Graph& graph, const Node* node) {
  const auto nodes = graph.NodeList();
  const auto at = std::find(nodes.begin(), nodes.end(), node);
  return at == nodes.end() || at + 1 == nodes.end() ? nullptr : *(at + 1);
}

// What is moved is as quantized after the node as before it.
Result<bool> PropagateForward(Graph& graph, Node* node) {
  const std::vector<size_t> inputs = QuantizedInputs(*node);
  if (inputs.empty()) return false;
  QuantizationParameters parameters;
  const Value* integers = nullptr;
  for (size_t i : inputs) {
    QuantizationParameters own;
    const Value* found = IntegersFor(node->input(i), &own);
    if (found == nullptr || !own.per_tensor()) return false;
    if (integers != nullptr && (!(own == parameters) || found->type.dtype != integers->type.dtype))
      return false;
    integers = found;
    parameters = std::move(own);
  }
  // Weights that are reordered are still weights.
  if (BitsOf(integers->type.dtype) > 16 || integers->IsConstant()) return false;
  bool changed = false;
  for (Value* output : node->outputs()) {
    if (output == nullptr || output->type.dtype != DType::kF32 || output->uses().empty()) continue;
    const bool is_quantized = std::any_of(output->uses().begin(), output->uses().end(),
                                          [](const Use& use) { return use.node->Is("QuantizeLinear"); });
    if (is_quantized) continue;
    GraphBuilder builder(graph, After(graph, node));
    Value* rounded = EmitRounded(builder, output, parameters, integers->type.dtype);
    WHET_RETURN_IF_ERROR(builder.TakeStatus());
    const bool live = graph.IsLive(output);
    const std::string name = output->name();
    if (live) {
      graph.ReplaceAllUses(output, rounded);
      rounded->producer()->input(0)->producer()->SetInput(0, output);
      graph.Rename(output, name + ":moved");
      graph.Rename(rounded, name);
    } else {
      ReplaceReaders(output, rounded, rounded->producer()->input(0)->producer());
    }
    changed = true;
  }
  return changed;
}

// Operands of an operator that moves values are rounded as its output is: choosing among values and rounding
// them commute.
Result<bool> PropagateBackward(Graph& graph, Node* node) {
  const std::vector<size_t> inputs = QuantizedInputs(*node);
  QuantizationParameters parameters;
  const Value* integers = node->outputs().size() == 1 ? IntegersFor(node->output(), &parameters) : nullptr;
  if (integers == nullptr || !parameters.per_tensor() || inputs.empty()) return false;
  bool changed = false;
  for (size_t i : inputs) {
    QuantizationParameters own;
    const Value* found = IntegersFor(node->input(i), &own);
    if (found != nullptr && own == parameters && found->type.dtype == integers->type.dtype) continue;
    GraphBuilder builder(graph, node);
    Value* rounded = EmitRounded(builder, node->input(i), parameters, integers->type.dtype);
    WHET_RETURN_IF_ERROR(builder.TakeStatus());
    node->SetInput(i, rounded);
    changed = true;
  }
  return changed;
}

// The output gets `wanted`, and a requantization to what it had follows.
Result<bool> FixOutput(Graph& graph, Node* node, const QuantizationParameters& wanted, DType dtype) {
  QuantizationParameters parameters;
  Value* output = node->output();
  const Value* integers = IntegersFor(output, &parameters);
  if (integers == nullptr || integers->type.dtype != dtype || parameters == wanted) return false;
  GraphBuilder builder(graph, After(graph, node));
  Value* rounded = EmitRounded(builder, output, wanted, dtype);
  WHET_RETURN_IF_ERROR(builder.TakeStatus());
  ReplaceReaders(output, rounded, rounded->producer()->input(0)->producer());
  return true;
}

Result<bool> FixScales(Graph& graph, Node* node) {
  const TfliteScales scales = SpellingsOf(node->op()).to_tflite.scales;
  const std::vector<size_t> inputs = QuantizedInputs(*node);
  QuantizationParameters parameters;
  const Value* integers = inputs.empty() ? nullptr : IntegersFor(node->input(inputs[0]), &parameters);
  if (integers == nullptr || !parameters.per_tensor()) return false;
  const DType dtype = integers->type.dtype;
  if (dtype != DType::kI8 && dtype != DType::kU8 && dtype != DType::kI16) return false;
  const bool wide = dtype == DType::kI16;
  const int64_t middle = dtype == DType::kU8 ? 128 : 0;
  switch (scales) {
    case TfliteScales::kEqual: return FixOutput(graph, node, parameters, dtype);
    case TfliteScales::kUnit:
      return FixOutput(graph, node, {{wide ? 1.0f / 32768 : 1.0f / 256}, {wide ? 0 : middle - 128}}, dtype);
    case TfliteScales::kSymmetric:
      return FixOutput(graph, node, {{wide ? 1.0f / 32768 : 1.0f / 128}, {middle}}, dtype);
    case TfliteScales::kLogSoftmax:
      if (wide) return false;
      return FixOutput(graph, node, {{16.0f / 256}, {middle + 127}}, dtype);
    case TfliteScales::kNone:
    case TfliteScales::kAny:
    case TfliteScales::kMoved: return false;
  }
  return false;
}

}  // namespace

Status PrepareQuantization(Graph& graph) {
  WHET_RETURN_IF_ERROR(MakeAllSigned(graph));
  bool changed = true;
  for (int round = 0; changed && round < kMostRounds; ++round) {
    changed = false;
    for (Node* node : graph.NodeList()) {
      if (SpellingsOf(node->op()).to_tflite.scales == TfliteScales::kMoved) {
        WHET_ASSIGN_OR_RETURN(const bool moved, PropagateForward(graph, node));
        changed = changed || moved;
      }
      WHET_ASSIGN_OR_RETURN(const bool fixed, FixScales(graph, node));
      changed = changed || fixed;
    }
    auto nodes = graph.NodeList();
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
      if (SpellingsOf((*node)->op()).to_tflite.scales != TfliteScales::kMoved) continue;
      WHET_ASSIGN_OR_RETURN(const bool moved, PropagateBackward(graph, *node));
      changed = changed || moved;
    }
  }
  return {};
}

}  // namespace whet
