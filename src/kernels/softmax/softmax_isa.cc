#include "kernels/simd/math.h"
#include "kernels/simd/simd.h"
#include "kernels/softmax/softmax.h"

namespace whet::kernels::WHET_ISA {

void SoftmaxF32(const Args& args, int64_t begin, int64_t end);

namespace {

using softmax::Params;

WHET_INLINE I32 LanesBelow(int64_t n) {
  I32 lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  return lane < static_cast<int32_t>(n);
}

// Subtracting the largest keeps e^x from overflowing and changes nothing else. NaN passes through the
// exponential.
void Row(const Params& p, float* out, const float* in) {
  const int64_t n = p.axis;
  const float scale = p.scale;
  F32 largest = Set1(-__builtin_inff());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) largest = Max(Load(in + i) * scale, largest);
  if (i < n) largest = Select(LanesBelow(n - i), Max(LoadPartial(in + i, n - i) * scale, largest), largest);
  const float shift = ReduceMax(largest);

  F32 sums = Zero();
  i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const F32 e = Exp(Load(in + i) * scale - shift);
    if (p.logarithm == 0) Store(out + i, e);
    sums += e;
  }
  if (i < n) {
    const F32 e = Exp(LoadPartial(in + i, n - i) * scale - shift);
    if (p.logarithm == 0) StorePartial(out + i, e, n - i);
    sums += Select(LanesBelow(n - i), e, Zero());
  }
  const F32 sum = Set1(ReduceAdd(sums));

  i = 0;
  if (p.logarithm == 0) {
    const F32 factor = 1.0f / sum;
    for (; i + kLanes <= n; i += kLanes) Store(out + i, Load(out + i) * factor);
    if (i < n) StorePartial(out + i, LoadPartial(out + i, n - i) * factor, n - i);
  } else {
    const F32 log_sum = Log(sum);
    for (; i + kLanes <= n; i += kLanes) Store(out + i, (Load(in + i) * scale - shift) - log_sum);
    if (i < n) StorePartial(out + i, (LoadPartial(in + i, n - i) * scale - shift) - log_sum, n - i);
  }
}

// Rows that are too short to fill a vector are computed kLanes at once, a row in each lane.
constexpr int64_t kShort = kLanes / 2;

// The first n lanes are elements at a distance of `stride`, the others 0.
WHET_INLINE F32 LoadStrided(const float* from, int64_t stride, int64_t n) {
  float together[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) together[i] = from[i * stride];
  return Load(together);
}
WHET_INLINE void StoreStrided(float* to, int64_t stride, F32 v, int64_t n) {
  float apart[kLanes];
  Store(apart, v);
  for (int64_t i = 0; i < n; ++i) to[i * stride] = apart[i];
}

// As Row, for `rows` neighbouring rows, at most kLanes, of no more than kShort elements.
void ShortRows(const Params& p, float* out, const float* in, int64_t rows) {
  F32 x[kShort];
  F32 shift = Set1(-__builtin_inff());
  for (int64_t i = 0; i < p.axis; ++i) {
    x[i] = LoadStrided(in + i, p.outer_stride, rows) * p.scale;
    shift = Max(x[i], shift);
  }
  F32 sum = Zero();
  for (int64_t i = 0; i < p.axis; ++i) {
    x[i] -= shift;
    const F32 e = Exp(x[i]);
    if (p.logarithm == 0) x[i] = e;
    sum += e;
  }
  const F32 factor = 1.0f / sum, log_sum = Log(sum);
  for (int64_t i = 0; i < p.axis; ++i)
    StoreStrided(out + i, p.outer_stride, p.logarithm == 0 ? x[i] * factor : x[i] - log_sum, rows);
}

// As Row, for `lanes` neighbouring positions of inner at once.
WHET_INLINE void Columns(const Params& p, float* out, const float* in, int64_t lanes) {
  const float scale = p.scale;
  F32 shift = Set1(-__builtin_inff());
  for (int64_t i = 0; i < p.axis; ++i) shift = Max(LoadPartial(in + i * p.axis_stride, lanes) * scale, shift);
  F32 sum = Zero();
  for (int64_t i = 0; i < p.axis; ++i) {
    const F32 e = Exp(LoadPartial(in + i * p.axis_stride, lanes) * scale - shift);
    if (p.logarithm == 0) StorePartial(out + i * p.axis_stride, e, lanes);
    sum += e;
  }
  if (p.logarithm == 0) {
    const F32 factor = 1.0f / sum;
    for (int64_t i = 0; i < p.axis; ++i) {
      float* y = out + i * p.axis_stride;
      StorePartial(y, LoadPartial(y, lanes) * factor, lanes);
    }
  } else {
    const F32 log_sum = Log(sum);
    for (int64_t i = 0; i < p.axis; ++i) {
      const F32 x = LoadPartial(in + i * p.axis_stride, lanes) * scale;
      StorePartial(out + i * p.axis_stride, (x - shift) - log_sum, lanes);
    }
  }
}

}  // namespace

void SoftmaxF32(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  float* const output = static_cast<float*>(args.operands[0]);
  const float* const input = static_cast<const float*>(args.operands[1]);
  const int64_t blocks = (p.inner + p.inner_block - 1) / p.inner_block;
  if (p.inner == 1 && p.axis <= kShort) {
    for (int64_t unit = begin; unit < end; unit += kLanes) {
      const int64_t offset = unit * p.outer_stride;
      ShortRows(p, output + offset, input + offset, end - unit < kLanes ? end - unit : kLanes);
    }
    return;
  }
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t first = unit % blocks * p.inner_block;
    const int64_t offset = unit / blocks * p.outer_stride + first;
    if (p.inner == 1) {
      Row(p, output + offset, input + offset);
      continue;
    }
    const int64_t n = p.inner - first < p.inner_block ? p.inner - first : p.inner_block;
    for (int64_t c = 0; c < n; c += kLanes) {
      Columns(p, output + offset + c, input + offset + c, n - c < kLanes ? n - c : kLanes);
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
