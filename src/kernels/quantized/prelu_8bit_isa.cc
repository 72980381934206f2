#include "kernels/quantized/prelu_8bit.h"

#include "kernels/quantized/bytes_simd.h"
#include "kernels/requantize/pack_bytes.h"

namespace whet::kernels::WHET_ISA {

void PRelu8Bit(const Args& args, int64_t begin, int64_t end);

namespace {

using prelu_8bit::Params;

// What the elements are in the output's scale.
struct Scaling {
  I32 zero;
  F32 positive;
};
WHET_INLINE F32 Scaled(const Scaling& scaling, I32 x, F32 negative) {
  const F32 t = ConvertToF32(x - scaling.zero);
  return t * Select(t < 0.0f, negative, scaling.positive);
}

template <typename X, typename Y>
void PReluRow(const Params& p, const uint8_t* x, uint8_t* y, const float* negative, const Scaling& scaling,
              const Steps& steps) {
  const int64_t n = p.channels;
  int64_t c = 0;
#if defined(__AVX2__)
  const PackedSteps<Y> packed(p.y_zero, p.low, p.high);
  for (; c + kVectorBytes <= n; c += kVectorBytes) {
    F32 values[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      values[v] = Scaled(scaling, LoadBytes<X>(x + c + v * kLanes), Load(negative + c + v * kLanes));
    }
    const Wide bytes = PackedSteps<Y>::PackInOrder(packed, values[0], values[1], values[2], values[3]);
    std::memcpy(y + c, &bytes, sizeof(bytes));
  }
#endif
  for (; c + kLanes <= n; c += kLanes)
    StoreBytes(y + c, ToSteps(Scaled(scaling, LoadBytes<X>(x + c), Load(negative + c)), steps));
  if (c < n) {
    const F32 value = Scaled(scaling, LoadBytesPartial<X>(x + c, n - c), LoadPartial(negative + c, n - c));
    StoreBytesPartial(y + c, ToSteps(value, steps), n - c);
  }
}

using RowFn = void (*)(const Params&, const uint8_t*, uint8_t*, const float*, const Scaling&, const Steps&);

}  // namespace

void PRelu8Bit(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const auto* negative = static_cast<const float*>(args.operands[2]);
  const Scaling scaling{Set1(p.x_zero), Set1(p.positive)};
  const Steps steps = MakeSteps(p.y_zero, p.low, p.high);
  const bool x_signed = p.x_type == DType::kI8, y_signed = p.y_type == DType::kI8;
  const RowFn run = x_signed ? (y_signed ? PReluRow<int8_t, int8_t> : PReluRow<int8_t, uint8_t>)
                             : (y_signed ? PReluRow<uint8_t, int8_t> : PReluRow<uint8_t, uint8_t>);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t first = unit * p.block_rows;
    const int64_t last = p.rows - first < p.block_rows ? p.rows : first + p.block_rows;
    for (int64_t r = first; r < last; ++r) {
      run(p, static_cast<const uint8_t*>(args.operands[1]) + r * p.x_stride,
          static_cast<uint8_t*>(args.operands[0]) + r * p.y_stride, negative, scaling, steps);
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
