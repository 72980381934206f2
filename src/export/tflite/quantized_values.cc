#include "export/tflite/quantized_values.h"

#include "ops/elements_common.h"

namespace whet {

bool ParametersOf(const Node& node, QuantizationParameters* parameters) {
  if (!node.Is("QuantizeLinear") && !node.Is("DequantizeLinear")) return false;
  const Value* scale = node.input(1);
  const Value* zero = node.input(2);
  if (!scale->IsConstant() || scale->type.dtype != DType::kF32 || (zero != nullptr && !zero->IsConstant()) ||
      node.attributes.Int("block_size") != 0) {
    return false;
  }
  *parameters = {};
  const int64_t count = scale->constant()->view().elements();
  if (count < 1) return false;
  for (int64_t i = 0; i < count; ++i) {
    parameters->scales.push_back(scale->constant()->view().as<float>()[i]);
    parameters->zero_points.push_back(zero != nullptr ? ops::LoadInt(zero->constant()->view(), i) : 0);
  }
  if (count > 1) {
    const int rank = node.input(0)->type.ranked ? node.input(0)->type.rank() : 0;
    parameters->axis = ops::NormalizeAxis(node.attributes.Int("axis", 1), rank);
  }
  return parameters->axis >= 0;
}

const Value* IntegersFor(const Value* real, QuantizationParameters* parameters) {
  QuantizationParameters found;
  if (real == nullptr) return nullptr;
  if (const Node* producer = real->producer(); producer != nullptr && producer->Is("DequantizeLinear")) {
    if (!ParametersOf(*producer, &found)) return nullptr;
    if (parameters != nullptr) *parameters = std::move(found);
    return producer->input(0);
  }
  if (real->IsConstant() || real->uses().empty() || real->graph()->IsLive(real)) return nullptr;
  const Value* integers = nullptr;
  for (const Use& use : real->uses()) {
    QuantizationParameters other;
    if (!use.node->Is("QuantizeLinear") || use.input != 0 || use.node->graph() != real->graph() ||
        !ParametersOf(*use.node, &other)) {
      return nullptr;
    }
    const Value* output = use.node->output();
    if (integers == nullptr) {
      integers = output;
      found = std::move(other);
    } else if (!(found == other) || output->type.dtype != integers->type.dtype) {
      return nullptr;
    }
  }
  if (parameters != nullptr) *parameters = std::move(found);
  return integers;
}

bool ParametersOfIntegers(const Value* integers, QuantizationParameters* parameters) {
  if (integers->producer() != nullptr && integers->producer()->Is("QuantizeLinear")) {
    return ParametersOf(*integers->producer(), parameters);
  }
  for (const Use& use : integers->uses()) {
    if (use.node->Is("DequantizeLinear") && use.input == 0) return ParametersOf(*use.node, parameters);
  }
  return false;
}

}  // namespace whet
