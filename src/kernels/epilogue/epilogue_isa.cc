#include "kernels/epilogue/epilogue_simd.h"
#include "kernels/simd/math.h"

namespace whet::kernels::WHET_ISA {
namespace {

template <Activation kActivation>
WHET_INLINE F32 Activate(F32 x, F32 a, F32 b) {
  if constexpr (kActivation == Activation::kHardSwish) {
    return x * Min(Set1(1.0f), Max(Zero(), x * (1.0f / 6.0f) + 0.5f));
  }
  if constexpr (kActivation == Activation::kHardSigmoid) return Min(Set1(1.0f), Max(Zero(), x * a + b));
  if constexpr (kActivation == Activation::kSigmoid) return Sigmoid(x);
  if constexpr (kActivation == Activation::kTanh) return Tanh(x);
  if constexpr (kActivation == Activation::kSilu) return x * Sigmoid(x);
  if constexpr (kActivation == Activation::kGelu) return x * 0.5f * (Erf(x * 0.70710678f) + 1.0f);
  if constexpr (kActivation == Activation::kGeluTanh) {
    // (1 + tanh z) / 2 = sigmoid(2 z)
    return x * Sigmoid((x * x * 0.044715f + 1.0f) * x * 1.59576912f);
  }
}

template <Activation kActivation>
void Finish(const Epilogue& epilogue, float* c, int64_t ldc, int64_t rows, int64_t columns,
            const float* residual, int64_t ldr) {
  const F32 a = Set1(epilogue.a);
  const F32 b = Set1(epilogue.b);
  for (int64_t i = 0; i < rows; ++i) {
    float* row = c + i * ldc;
    for (int64_t j = 0; j < columns; j += kLanes) {
      const int64_t n = columns - j;
      F32 y = Activate<kActivation>(n >= kLanes ? Load(row + j) : LoadPartial(row + j, n), a, b);
      if (residual != nullptr) {
        const float* r = residual + i * ldr + j;
        y += n >= kLanes ? Load(r) : LoadPartial(r, n);
      }
      if (n >= kLanes) {
        Store(row + j, y);
      } else {
        StorePartial(row + j, y, n);
      }
    }
  }
}

}  // namespace

void FinishRows(const Epilogue& epilogue, float* c, int64_t ldc, int64_t rows, int64_t columns,
                const float* residual, int64_t ldr) {
  const auto finish = [&]<Activation kActivation>() {
    Finish<kActivation>(epilogue, c, ldc, rows, columns, residual, ldr);
  };
  switch (epilogue.activation) {
    case Activation::kHardSwish: return finish.template operator()<Activation::kHardSwish>();
    case Activation::kHardSigmoid: return finish.template operator()<Activation::kHardSigmoid>();
    case Activation::kSigmoid: return finish.template operator()<Activation::kSigmoid>();
    case Activation::kTanh: return finish.template operator()<Activation::kTanh>();
    case Activation::kSilu: return finish.template operator()<Activation::kSilu>();
    case Activation::kGelu: return finish.template operator()<Activation::kGelu>();
    case Activation::kGeluTanh: return finish.template operator()<Activation::kGeluTanh>();
    default: return;
  }
}

}  // namespace whet::kernels::WHET_ISA
