// Bias, residual and activation of Conv, ConvTranspose and MatMul, as their kernels' epilogue.
#pragma once

#include "compile/lowering.h"
#include "kernels/epilogue/epilogue.h"

namespace whet {

struct EpilogueOperands {
  kernels::Epilogue epilogue;
  TensorId bias = kNoTensor;
  TensorId residual = kNoTensor;
  TensorId slope = kNoTensor;
};

// False if the kernels have no such activation, or an operand is not of the form they take. `residual` is the
// node's input at `first_input` + 1, after the bias at `first_input` and before the slope. `channels` is the
// length of bias and slope.
bool ReadEpilogue(const Node& node, size_t first_input, int64_t channels, Lowering& lowering,
                  EpilogueOperands* operands);

}  // namespace whet
