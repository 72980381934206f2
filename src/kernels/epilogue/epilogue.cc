#include "kernels/epilogue/epilogue.h"

namespace whet::kernels {

const char* CheckEpilogue(const Epilogue& epilogue, bool has_residual, bool has_slope) {
  if (static_cast<uint32_t>(epilogue.activation) >= kActivationCount) return "unknown activation";
  if (static_cast<uint32_t>(epilogue.residual) > 2) return "unknown place of the residual";
  if (has_residual != (epilogue.residual != Residual::kNone)) return "residual operand and params disagree";
  if (epilogue.activation == Activation::kPRelu && !has_slope) return "PReLU without its slope operand";
  return nullptr;
}

}  // namespace whet::kernels
