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

// Slopes, one an element, that begin anew after each `period` of them.
struct Slopes {
  Slopes(const float* of_first, int64_t of_period)
      : first(of_first),
        period(of_period),
        vector_step(kVectorBytes % of_period),
        lanes_step(kLanes % of_period) {}
  const float* first;
  int64_t period;
  int64_t vector_step, lanes_step;  // modulo the period
};
// Those after the first `at`, which goes on by `step`, modulo the period.
WHET_INLINE const float* Next(const Slopes& slopes, int64_t step, int64_t* at) {
  const float* next = slopes.first + *at;
  *at += step;
  if (*at >= slopes.period) *at -= slopes.period;
  return next;
}

void PReluRow([[maybe_unused]] const Params& p, const uint8_t* x, uint8_t* y, int64_t n,
              const Slopes& negative, const Scaling& scaling, const Steps& steps) {
  int64_t c = 0, at = 0;
#if defined(__AVX2__)
  const PackedSteps packed(p.y_type == DType::kI8, p.y_zero, p.low, p.high);
  for (; c + kVectorBytes <= n; c += kVectorBytes) {
    const float* slopes = Next(negative, negative.vector_step, &at);
    F32 values[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      values[v] = Scaled(scaling, LoadBytes(scaling.sign, x + c + v * kLanes), Load(slopes + v * kLanes));
    }
    const Wide bytes = PackedSteps::PackInOrder(packed, values[0], values[1], values[2], values[3]);
    std::memcpy(y + c, &bytes, sizeof(bytes));
  }
#endif
  for (; c + kLanes <= n; c += kLanes) {
    const F32 slopes = Load(Next(negative, negative.lanes_step, &at));
    StoreBytes(y + c, ToSteps(Scaled(scaling, LoadBytes(scaling.sign, x + c), slopes), steps));
  }
  if (c < n) {
    const F32 slopes = LoadPartial(negative.first + at, n - c);
    const F32 value = Scaled(scaling, LoadBytesPartial(scaling.sign, x + c, n - c), slopes);
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

// Blocks of rows of T, by run(x, y, rows, scaling, steps).
template <typename T, typename BlockFn>
WHET_INLINE void ForBlocks(const Args& args, int64_t begin, int64_t end, BlockFn run) {
  const Params& p = *static_cast<const Params*>(args.params);
  const EitherSign sign(p.x_type);
  const Scaling scaling{sign, Set1(p.x_zero + sign.excess), Set1(p.positive)};
  const Steps steps = MakeSteps(p.y_zero, p.low, p.high);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t first = unit * p.block_rows;
    const int64_t rows = p.rows - first < p.block_rows ? p.rows - first : p.block_rows;
    run(static_cast<const T*>(args.operands[1]) + first * p.x_stride,
        static_cast<T*>(args.operands[0]) + first * p.y_stride, rows, scaling, steps);
  }
}

}  // namespace

void QuantizedPRelu(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const auto* negative = static_cast<const float*>(args.operands[2]);
  const auto run_halves = [&](const auto* x, auto* y, int64_t rows, const Scaling& scaling,
                              const Steps& steps) {
    for (int64_t r = 0; r < rows; ++r)
      PReluRowOfHalves(p, x + r * p.x_stride, y + r * p.y_stride, negative, scaling, steps);
  };
  if (p.x_type == DType::kI16) return ForBlocks<int16_t>(args, begin, end, run_halves);
  if (p.x_type == DType::kU16) return ForBlocks<uint16_t>(args, begin, end, run_halves);

  // Short rows that lie side by side are one long row.
  float repeated[2 * kVectorBytes];
  const bool joins = p.channels <= kVectorBytes && p.x_stride == p.channels && p.y_stride == p.channels;
  if (joins) {
    for (int64_t c = 0; c < p.channels + kVectorBytes; ++c) repeated[c] = negative[c % p.channels];
  }
  const Slopes slopes(joins ? repeated : negative, p.channels);
  ForBlocks<uint8_t>(
      args, begin, end,
      [&](const uint8_t* x, uint8_t* y, int64_t rows, const Scaling& scaling, const Steps& steps) {
        if (joins) {
          return PReluRow(p, x, y, rows * p.channels, slopes, scaling, steps);
        }
        for (int64_t r = 0; r < rows; ++r)
          PReluRow(p, x + r * p.x_stride, y + r * p.y_stride, p.channels, slopes, scaling, steps);
      });
}

}  // namespace whet::kernels::WHET_ISA
