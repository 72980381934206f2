// The epilogue in double precision, for the tests of the families that have it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/epilogue/epilogue.h"

namespace whet::kernels {

inline double ScalarActivation(const Epilogue& e, double x, double slope) {
  switch (e.activation) {
    case Activation::kNone: return x;
    case Activation::kClip: return std::min<double>(e.b, std::max<double>(e.a, x));
    case Activation::kLeaky: return x < 0 ? e.a * x : x;
    case Activation::kPRelu: return x < 0 ? slope * x : x;
    case Activation::kHardSwish: return x * std::min(1.0, std::max(0.0, x / 6 + 0.5));
    case Activation::kHardSigmoid: return std::min(1.0, std::max(0.0, e.a * x + e.b));
    case Activation::kSigmoid: return 1 / (1 + std::exp(-x));
    case Activation::kTanh: return std::tanh(x);
    case Activation::kSilu: return x / (1 + std::exp(-x));
    case Activation::kGelu: return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::kGeluTanh:
      return x * 0.5 * (1 + std::tanh(std::sqrt(2 / 3.14159265358979) * (x + 0.044715 * x * x * x)));
  }
  return x;
}

inline double ScalarEpilogue(const Epilogue& e, double x, double residual, double slope) {
  if (e.residual == Residual::kBeforeActivation) x += residual;
  x = ScalarActivation(e, x, slope);
  if (e.residual == Residual::kAfterActivation) x += residual;
  return x;
}

// Every activation, each with every place of the residual.
inline std::vector<Epilogue> AllEpilogues() {
  std::vector<Epilogue> all;
  for (uint32_t activation = 0; activation < kActivationCount; ++activation) {
    for (Residual residual : {Residual::kNone, Residual::kBeforeActivation, Residual::kAfterActivation}) {
      Epilogue e{static_cast<Activation>(activation), residual, 0.2f, 0.4f};
      if (e.activation == Activation::kClip) e.a = -0.3f;
      all.push_back(e);
    }
  }
  return all;
}

}  // namespace whet::kernels
