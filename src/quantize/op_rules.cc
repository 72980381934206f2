#include "quantize/op_rules.h"

#include <algorithm>
#include <string_view>

#include "passes/match.h"

namespace whet::quantize {
namespace {

struct OpRule {
  std::string_view op;
  Rule onnx;
  Rule tflite;
  uint32_t activations;  // bit i: input i is one
};

constexpr uint32_t kAll = ~uint32_t{0};

constexpr OpRule kRules[] = {
    {"Add", Rule::kComputes, Rule::kComputes, 3},
    {"AveragePool", Rule::kComputes, Rule::kSameScale, 1},
    {"Clip", Rule::kClamps, Rule::kClamps, 1},
    {"Concat", Rule::kComputes, Rule::kSameScale, kAll},
    {"Conv", Rule::kWeighted, Rule::kWeighted, 1},
    {"ConvTranspose", Rule::kWeighted, Rule::kWeighted, 1},
    {"DepthToSpace", Rule::kSameScale, Rule::kSameScale, 1},
    {"Elu", Rule::kComputes, Rule::kComputes, 1},
    {"Expand", Rule::kSameScale, Rule::kSameScale, 1},
    {"Flatten", Rule::kSameScale, Rule::kSameScale, 1},
    {"GRU", Rule::kRecurrent, Rule::kNone, 0},
    {"Gather", Rule::kSameScale, Rule::kSameScale, 1},
    {"Gelu", Rule::kComputes, Rule::kComputes, 1},
    {"GlobalAveragePool", Rule::kComputes, Rule::kComputes, 1},
    {"GlobalMaxPool", Rule::kSameScale, Rule::kSameScale, 1},
    {"HardSigmoid", Rule::kComputes, Rule::kComputes, 1},
    {"HardSwish", Rule::kComputes, Rule::kComputes, 1},
    {"Identity", Rule::kSameScale, Rule::kSameScale, 1},
    {"LSTM", Rule::kRecurrent, Rule::kNone, 0},
    {"LeakyRelu", Rule::kComputes, Rule::kComputes, 1},
    {"MatMul", Rule::kWeighted, Rule::kWeighted, 1},
    {"MaxPool", Rule::kSameScale, Rule::kSameScale, 1},
    {"Mul", Rule::kComputes, Rule::kComputes, 3},
    {"PRelu", Rule::kComputes, Rule::kComputes, 1},
    {"Pad", Rule::kSameScale, Rule::kSameScale, 1},
    {"ReduceMean", Rule::kComputes, Rule::kComputes, 1},
    {"Relu", Rule::kClamps, Rule::kClamps, 1},
    {"Reshape", Rule::kSameScale, Rule::kSameScale, 1},
    {"Resize", Rule::kSameScale, Rule::kSameScale, 1},
    {"Sigmoid", Rule::kComputes, Rule::kComputes, 1},
    {"Silu", Rule::kComputes, Rule::kComputes, 1},
    {"Slice", Rule::kSameScale, Rule::kSameScale, 1},
    {"Softmax", Rule::kComputes, Rule::kComputes, 1},
    {"SpaceToDepth", Rule::kSameScale, Rule::kSameScale, 1},
    {"Split", Rule::kSameScale, Rule::kSameScale, 1},
    {"Squeeze", Rule::kSameScale, Rule::kSameScale, 1},
    {"Sub", Rule::kComputes, Rule::kComputes, 3},
    {"Tanh", Rule::kComputes, Rule::kComputes, 1},
    {"Tile", Rule::kSameScale, Rule::kSameScale, 1},
    {"Transpose", Rule::kSameScale, Rule::kSameScale, 1},
    {"Unsqueeze", Rule::kSameScale, Rule::kSameScale, 1},
};

const OpRule* Find(const Node& node) {
  const auto* it = std::find_if(std::begin(kRules), std::end(kRules),
                                [&](const OpRule& rule) { return node.Is(rule.op); });
  return it != std::end(kRules) ? it : nullptr;
}

bool IsF32(const Value* value) { return value != nullptr && value->type.dtype == DType::kF32; }

}  // namespace

Rule RuleOf(const Node& node, Convention convention) {
  const OpRule* entry = Find(node);
  if (entry == nullptr || !node.subgraphs.empty() || !IsF32(node.input(0))) return Rule::kNone;
  for (const Value* output : node.outputs()) {
    if (output != nullptr && !IsF32(output)) return Rule::kNone;  // as the indices of MaxPool
  }
  if (node.attributes.Has("activation")) return Rule::kNone;
  const Rule rule = convention == Convention::kTflite ? entry->tflite : entry->onnx;
  if (node.Is("MatMul") || rule == Rule::kWeighted) {
    const Value* weights = node.input(1);
    if (!IsF32(weights) || node.inputs().size() > 3) return Rule::kNone;
    const bool bias_fits = node.input(2) == nullptr || (node.input(2)->IsConstant() && IsF32(node.input(2)));
    if (weights->IsConstant())
      return bias_fits && !node.input(0)->IsConstant() ? Rule::kWeighted : Rule::kNone;
    return node.Is("MatMul") && node.input(2) == nullptr ? Rule::kComputes : Rule::kNone;
  }
  if (rule == Rule::kRecurrent) {
    for (size_t i : {1u, 2u}) {
      if (!IsF32(node.input(i)) || !node.input(i)->IsConstant()) return Rule::kNone;
    }
    return node.output() != nullptr ? rule : Rule::kNone;
  }
  if (node.Is("Clip")) {
    for (size_t i : {1u, 2u}) {
      if (node.input(i) != nullptr && !ScalarOf(node.input(i))) return Rule::kNone;
    }
  }
  if (node.Is("Pad")) {
    // Padding with 0, which every zero point stands for.
    if (node.input(2) != nullptr && ScalarOf(node.input(2)).value_or(1) != 0) return Rule::kNone;
  }
  if (node.Is("Resize") && node.attributes.String("mode", "nearest") == "cubic") return Rule::kNone;
  return rule;
}

uint32_t ActivationInputs(const Node& node, Rule rule, Convention convention) {
  if (rule == Rule::kNone || rule == Rule::kRecurrent) return 0;
  if (node.Is("MatMul") && rule == Rule::kComputes) return 3;
  uint32_t mask = Find(node)->activations;
  if (node.Is("PRelu") && convention == Convention::kTflite) mask |= 2;
  const size_t count = node.inputs().size();
  return count < 32 ? mask & ((uint32_t{1} << count) - 1) : mask;
}

std::optional<Parameters> FixedOutput(const Node& node, DType activation) {
  if (activation == DType::kI16) {
    if (node.Is("Softmax") || node.Is("Sigmoid") || node.Is("Tanh"))
      return Parameters{activation, 1.0F / 32768, 0};
    return std::nullopt;
  }
  const int64_t least = LeastOf(activation);
  if (node.Is("Softmax") || node.Is("Sigmoid")) return Parameters{activation, 1.0F / 256, least};
  if (node.Is("Tanh")) return Parameters{activation, 1.0F / 128, least + 128};
  return std::nullopt;
}

WeightAxes AxesOf(const Node& node) {
  const int rank = node.input(1)->type.rank();
  if (node.Is("Conv")) return {0, rank - 1};
  if (node.Is("ConvTranspose")) return {node.attributes.Int("group", 1) == 1 ? 0 : -1, rank - 1};
  const bool transposed = node.attributes.Int("transpose_b") != 0;
  if (rank < 2) return {-1, 0};
  // Of a stack of matrices, the channels of all have one scale, which the bias could not follow.
  const int channel = transposed ? rank - 2 : rank - 1;
  return {rank == 2 ? channel : -1, transposed ? rank - 1 : rank - 2};
}

bool IsRecurrent(std::string_view op) { return op == "LSTM" || op == "GRU"; }

bool IsDepthwise(const Node& node) {
  if (!node.Is("Conv") && !node.Is("ConvTranspose")) return false;
  const Type& weights = node.input(1)->type;
  return weights.IsStatic() && weights.dims.back().lo == 1 && node.attributes.Int("group", 1) > 1;
}

}  // namespace whet::quantize
