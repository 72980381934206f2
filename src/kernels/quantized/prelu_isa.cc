#include "kernels/quantized/prelu.h"

#include "kernels/quantized/halves_simd.h"
#include "kernels/requantize/bytes_simd.h"
#include "kernels/requantize/pack_bytes.h"

namespace whet::kernels::WHET_ISA {

void QuantizedPRelu(const Args& args, int64_t begin, int64_t end);

namespace {

using quantized_prelu::Params;

// What the elements are in the output's scale.
struct Scaling {
  EitherSign sign;
  I32 zero;  // of what `sign` loads
  F32 positive;
};
WHET_INLINE F32 Scaled(const Scaling& scaling, I32 x, F32 negative) {
  const F32 t = ConvertToF32(x - scaling.zero);
  return t * Select(t < 0.0f, negative, scaling.positive);
}

void PReluRow(const Params& p, const uint8_t* x, uint8_t* y, const float* negative, const Scaling& scaling,
              const Steps& steps) {
  const int64_t n = p.channels;
  int64_t c = 0;
#if defined(__AVX2__)
  const PackedSteps packed(p.y_type == DType::kI8, p.y_zero, p.low, p.high);
  for (; c + kVectorBytes <= n; c += kVectorBytes) {
    F32 values[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      values[v] =
          Scaled(scaling, LoadBytes(scaling.sign, x + c + v * kLanes), Load(negative + c + v * kLanes));
    }
    const Wide bytes = PackedSteps::PackInOrder(packed, values[0], values[1], values[2], values[3]);
    std::memcpy(y + c, &bytes, sizeof(bytes));
  }
#endif
  for (; c + kLanes <= n; c += kLanes)
    StoreBytes(y + c, ToSteps(Scaled(scaling, LoadBytes(scaling.sign, x + c), Load(negative + c)), steps));
  if (c < n) {
    const F32 value =
        Scaled(scaling, LoadBytesPartial(scaling.sign, x + c, n - c), LoadPartial(negative + c, n - c));
    StoreBytesPartial(y + c, ToSteps(value, steps), n - c);
  }
}

template <typename T>
void PReluRowOfHalves(const Params& p, const T* x, T* y, const float* negative, const Scaling& scaling,
                      const Steps& steps) {
  for (int64_t c = 0; c < p.channels; c += kLanes) {
    const int64_t left = p.channels - c;
    const F32 slope = left >= kLanes ? Load(negative + c) : LoadPartial(negative + c, left);
    StoreHalves(y + c, ToSteps(Scaled(scaling, LoadHalves(x + c, left), slope), steps), left);
  }
}

// Rows of T, by run(x, y, scaling, steps).
template <typename T, typename RowFn>
WHET_INLINE void ForRows(const Args& args, int64_t begin, int64_t end, RowFn run) {
  const Params& p = *static_cast<const Params*>(args.params);
  const EitherSign sign(p.x_type);
  const Scaling scaling{sign, Set1(p.x_zero + sign.excess), Set1(p.positive)};
  const Steps steps = MakeSteps(p.y_zero, p.low, p.high);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t first = unit * p.block_rows;
    const int64_t last = p.rows - first < p.block_rows ? p.rows : first + p.block_rows;
    for (int64_t r = first; r < last; ++r) {
      run(static_cast<const T*>(args.operands[1]) + r * p.x_stride,
          static_cast<T*>(args.operands[0]) + r * p.y_stride, scaling, steps);
    }
  }
}

}  // namespace

void QuantizedPRelu(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const auto* negative = static_cast<const float*>(args.operands[2]);
  const auto run_halves = [&](const auto* x, auto* y, const Scaling& scaling, const Steps& steps) {
    PReluRowOfHalves(p, x, y, negative, scaling, steps);
  };
  if (p.x_type == DType::kI16) return ForRows<int16_t>(args, begin, end, run_halves);
  if (p.x_type == DType::kU16) return ForRows<uint16_t>(args, begin, end, run_halves);
  ForRows<uint8_t>(args, begin, end,
                   [&](const uint8_t* x, uint8_t* y, const Scaling& scaling, const Steps& steps) {
                     PReluRow(p, x, y, negative, scaling, steps);
                   });
}

}  // namespace whet::kernels::WHET_ISA
