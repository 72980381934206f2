#include "kernels/normalize/row_norm.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

void RowNormF32(const Args& args, int64_t begin, int64_t end);

namespace {

using row_norm::Kind;
using row_norm::Params;

// The sum of term(x) over a row; `mask` lanes of a partial vector count.
template <typename F>
WHET_INLINE float SumOverRow(const float* in, int64_t n, F term) {
  F32 acc[2] = {Zero(), Zero()};
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    acc[0] += term(Load(in + i));
    acc[1] += term(Load(in + i + kLanes));
  }
  for (; i + kLanes <= n; i += kLanes) acc[0] += term(Load(in + i));
  if (i < n) {
    I32 lane;
    for (int k = 0; k < kLanes; ++k) lane[k] = k;
    acc[1] += Select(lane < static_cast<int32_t>(n - i), term(LoadPartial(in + i, n - i)), Zero());
  }
  return ReduceAdd(acc[0] + acc[1]);
}

}  // namespace

void RowNormF32(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const float* const scale = static_cast<const float*>(args.operands[2]);
  const float* const shift = static_cast<const float*>(args.operands[3]);
  const float size = static_cast<float>(p.size);
  for (int64_t row = begin; row < end; ++row) {
    const float* in = static_cast<const float*>(args.operands[1]) + row * p.in_stride;
    float* out = static_cast<float*>(args.operands[0]) + row * p.out_stride;
    const int64_t n = p.size;
    float mean = 0;
    if (p.kind == Kind::kLayer) mean = SumOverRow(in, n, [](F32 x) { return x; }) / size;
    // About the mean, in a second pass: a difference of two large sums would lose the digits.
    const float squares = SumOverRow(in, n, [mean](F32 x) { return (x - mean) * (x - mean); });
    float norm = 0;
    switch (p.kind) {
      case Kind::kLayer:
      case Kind::kRms: norm = __builtin_sqrtf(squares / size + p.epsilon); break;
      case Kind::kL2:
        norm = __builtin_sqrtf(squares);
        if (norm < p.epsilon) norm = p.epsilon;
        break;
      case Kind::kL2Plus: norm = __builtin_sqrtf(squares + p.epsilon); break;
    }
    const F32 factor = Set1(1.0f / norm);
    for (int64_t i = 0; i < n; i += kLanes) {
      const int64_t lanes = n - i < kLanes ? n - i : kLanes;
      const bool whole = lanes == kLanes;
      F32 y = ((whole ? Load(in + i) : LoadPartial(in + i, lanes)) - mean) * factor;
      if (scale != nullptr) y = y * (whole ? Load(scale + i) : LoadPartial(scale + i, lanes));
      if (shift != nullptr) y = y + (whole ? Load(shift + i) : LoadPartial(shift + i, lanes));
      if (whole) {
        Store(out + i, y);
      } else {
        StorePartial(out + i, y, lanes);
      }
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
