#include "compile/lower/epilogue.h"

#include <limits>

namespace whet {
namespace {

using kernels::Activation;

bool ReadActivation(const Attributes& attributes, kernels::Epilogue* epilogue) {
  const std::string_view name = attributes.String("activation");
  const auto alpha = static_cast<float>(attributes.Float("alpha"));
  const auto beta = static_cast<float>(attributes.Float("beta"));
  epilogue->a = alpha;
  epilogue->b = beta;
  if (name.empty()) {
    epilogue->activation = Activation::kNone;
  } else if (name == "relu") {
    epilogue->activation = Activation::kClip;
    epilogue->a = 0;
    epilogue->b = std::numeric_limits<float>::infinity();
  } else if (name == "clip") {
    epilogue->activation = Activation::kClip;
  } else if (name == "leaky_relu") {
    epilogue->activation = Activation::kLeaky;
  } else if (name == "prelu") {
    epilogue->activation = Activation::kPRelu;
  } else if (name == "hard_swish") {
    epilogue->activation = Activation::kHardSwish;
  } else if (name == "hard_sigmoid") {
    epilogue->activation = Activation::kHardSigmoid;
  } else if (name == "sigmoid") {
    epilogue->activation = Activation::kSigmoid;
  } else if (name == "tanh") {
    epilogue->activation = Activation::kTanh;
  } else if (name == "silu") {
    epilogue->activation = Activation::kSilu;
  } else if (name == "gelu") {
    epilogue->activation = Activation::kGelu;
  } else if (name == "gelu_tanh") {
    epilogue->activation = Activation::kGeluTanh;
  } else {
    return false;
  }
  return true;
}

// A vector of `channels` values; a constant of one value is repeated.
bool ReadVector(const Value* value, int64_t channels, Lowering& lowering, TensorId* id) {
  if (value == nullptr) return true;
  const Shape shape = value->type.ToShape();
  if (shape.elements() == channels) {
    *id = lowering.DenseInput(value);
    return true;
  }
  if (shape.elements() != 1 || !value->IsConstant()) return false;
  const std::vector<float> repeated(static_cast<size_t>(channels), value->constant()->view().as<float>()[0]);
  *id = lowering.WeightsOf<float>(DType::kF32, repeated);
  return true;
}

}  // namespace

bool ReadEpilogue(const Node& node, size_t first_input, int64_t channels, Lowering& lowering,
                  EpilogueOperands* operands) {
  if (!ReadActivation(node.attributes, &operands->epilogue)) return false;
  const Value* residual = node.input(first_input + 1);
  if (residual != nullptr && residual->type.ToShape() != node.output()->type.ToShape()) return false;
  if (!ReadVector(node.input(first_input), channels, lowering, &operands->bias) ||
      !ReadVector(node.input(first_input + 2), channels, lowering, &operands->slope)) {
    return false;
  }
  if (residual != nullptr) {
    operands->residual = lowering.TensorOf(residual);
    operands->epilogue.residual = kernels::Residual::kBeforeActivation;
  }
  return true;
}

}  // namespace whet
