#include "passes/weights.h"

#include <algorithm>

namespace whet {

bool IsPlainWeighted(const Node& node) {
  if (!node.Is("Conv") && !node.Is("ConvTranspose") && !node.Is("MatMul")) return false;
  const Value* weights = node.input(1);
  if (!weights->IsConstant() || weights->type.dtype != DType::kF32) return false;
  if (node.Is("MatMul") && (weights->type.rank() != 2 || node.input(0)->type.rank() < 2)) return false;
  return node.inputs().size() <= 3 && node.attributes.String("activation").empty();
}

int64_t OutputChannels(const Node& node) { return node.output()->type.dims.back().lo; }

std::optional<std::vector<float>> PerChannel(const Value* value, int64_t channels) {
  if (!value->IsConstant() || value->type.dtype != DType::kF32) return std::nullopt;
  const TensorView& view = value->constant()->view();
  const float* data = view.as<float>();
  const auto count = static_cast<size_t>(channels);
  if (view.elements() == 1) return std::vector<float>(count, data[0]);
  if (view.elements() != channels || view.shape.back() != channels) return std::nullopt;
  return std::vector<float>(data, data + count);
}

std::shared_ptr<const Constant> ScaledWeights(const Node& node, std::span<const float> scale) {
  const TensorView& view = node.input(1)->constant()->view();
  auto scaled = Constant::Allocate(DType::kF32, view.shape);
  const float* from = view.as<float>();
  auto* to = static_cast<float*>(scaled->mutable_data());
  const auto channels = static_cast<int64_t>(scale.size());
  // Channels come first, but last in a product's matrix that is not transposed.
  const bool channels_last = node.Is("MatMul") && node.attributes.Int("transpose_b") == 0;
  const int64_t inner = channels_last ? 1 : view.elements() / channels;
  for (int64_t i = 0; i < view.elements(); ++i) {
    to[i] = from[i] * scale[static_cast<size_t>(channels_last ? i % channels : i / inner)];
  }
  return scaled;
}

std::optional<std::vector<float>> BiasOf(const Node& node) {
  const int64_t channels = OutputChannels(node);
  if (node.input(2) == nullptr) return std::vector<float>(static_cast<size_t>(channels), 0.0F);
  return PerChannel(node.input(2), channels);
}

Value* CopyWeighted(GraphBuilder& builder, const Node& node, Value* weights, Value* bias) {
  std::vector<Value*> inputs(node.inputs().begin(), node.inputs().end());
  if (weights != nullptr) inputs[1] = weights;
  if (bias != nullptr) {
    inputs.resize(std::max<size_t>(inputs.size(), 3), nullptr);
    inputs[2] = bias;
  }
  builder.SetNodeName(node.name());
  return builder.Emit(node.op_name(), inputs, node.attributes);
}

}  // namespace whet
