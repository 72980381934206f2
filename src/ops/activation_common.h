// Activations that Conv, ConvTranspose and MatMul apply to their result (attributes "activation", "alpha",
// "beta", and for "prelu" the input `slope`).
#pragma once

#include "base/attributes.h"
#include "base/status.h"
#include "ir/foreign.h"

namespace whet::ops {

enum class ActivationKind : uint8_t {
  kNone,
  kRelu,
  kClip,         // alpha <= y <= beta
  kLeakyRelu,    // alpha * x below 0
  kPrelu,        // slope * x below 0
  kHardSwish,    // x * clip(x / 6 + 1/2, 0, 1)
  kHardSigmoid,  // clip(alpha * x + beta, 0, 1)
  kSigmoid,
  kTanh,
  kSilu,      // x * sigmoid(x)
  kGelu,      // by erf
  kGeluTanh,  // its approximation by tanh
  kElu,       // alpha * (exp(x) - 1) below 0
};

struct Activation {
  ActivationKind kind = ActivationKind::kNone;
  double alpha = 0;
  double beta = 0;
};

// An unknown name is an error.
Result<Activation> ReadActivation(const Attributes& attributes);

double Activate(const Activation& activation, double x, double slope);

// Checks the activation and that bias, residual and slope (inputs `bias`, `bias` + 1 and `bias` + 2) fit the
// output: [channels], like the output, and [channels].
Status CheckEpilogue(const InferContext& context, size_t bias, const Type& output);

// --- the ONNX spelling of "+ residual, then activation"

// Whether the node has anything after its own operation: a residual (input `residual`) or an activation.
bool HasEpilogue(const Node& node, size_t residual);
// Writes ONNX nodes that add the residual to `x` and apply the activation, the last of which defines
// `result`. `channels_first`: all tensors are channels first in ONNX, so a slope is reshaped to match.
Status ExportEpilogue(const Node& node, OnnxSink& sink, std::string x, size_t residual, bool channels_first,
                      const std::string& result);

// A scalar of any element type.
std::shared_ptr<const Constant> ScalarConstant(DType dtype, double value);

}  // namespace whet::ops
