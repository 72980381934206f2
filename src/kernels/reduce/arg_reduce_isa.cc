#include "kernels/reduce/arg_reduce.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

void ArgReduceF32(const Args& args, int64_t begin, int64_t end);

namespace {

using arg_reduce::Params;

// Whether x takes the place of the best so far; x comes later.
template <bool kSmallest, bool kLast>
WHET_INLINE I32 Replaces(F32 x, F32 best) {
  const I32 better = kSmallest ? x < best : x > best;
  const I32 x_nan = x != x, best_nan = best != best;
  const I32 equal = (x == best) | (x_nan & best_nan);
  return better | (x_nan & ~best_nan) | (kLast ? equal : I32{});
}

template <bool kSmallest, bool kLast>
int32_t Row(const float* in, int64_t n) {
  // Every lane keeps the best of its own elements; the best lane is the answer, and among equals the one
  // whose element comes first (last).
  F32 best = LoadPartial(in, n < kLanes ? n : kLanes);
  I32 lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  I32 where = lane;
  for (int64_t i = kLanes; i < n; i += kLanes) {
    const int64_t lanes = n - i < kLanes ? n - i : kLanes;
    const F32 x = LoadPartial(in + i, lanes);
    const I32 replaces = Replaces<kSmallest, kLast>(x, best) & (lane < static_cast<int32_t>(lanes));
    best = Select(replaces, x, best);
    where = replaces ? lane + static_cast<int32_t>(i) : where;
  }
  const int lanes = static_cast<int>(n < kLanes ? n : kLanes);
  float value = best[0];
  int32_t index = where[0];
  for (int i = 1; i < lanes; ++i) {
    const bool equal = best[i] == value || (best[i] != best[i] && value != value);
    const bool earlier = kLast ? where[i] > index : where[i] < index;
    if (equal ? earlier : Replaces<kSmallest, kLast>(Set1(best[i]), Set1(value))[0] != 0) {
      value = best[i];
      index = where[i];
    }
  }
  return index;
}

template <bool kSmallest, bool kLast>
I32 Columns(const float* in, int64_t axis, int64_t stride, int64_t lanes) {
  F32 best = LoadPartial(in, lanes);
  I32 where = {};
  for (int64_t i = 1; i < axis; ++i) {
    const F32 x = LoadPartial(in + i * stride, lanes);
    const I32 replaces = Replaces<kSmallest, kLast>(x, best);
    best = Select(replaces, x, best);
    where = replaces ? Set1(static_cast<int32_t>(i)) : where;
  }
  return where;
}

template <bool kSmallest, bool kLast>
void Units(const Params& p, void* output, const float* input, int64_t begin, int64_t end) {
  const auto put = [&](int64_t at, int32_t index) {
    if (p.index_type == DType::kI64) {
      static_cast<int64_t*>(output)[at] = index;
    } else {
      static_cast<int32_t*>(output)[at] = index;
    }
  };
  const int64_t blocks = (p.inner + p.inner_block - 1) / p.inner_block;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t outer = unit / blocks, first = unit % blocks * p.inner_block;
    const float* in = input + outer * p.axis * p.inner + first;
    if (p.inner == 1) {
      put(outer, Row<kSmallest, kLast>(in, p.axis));
      continue;
    }
    const int64_t n = p.inner - first < p.inner_block ? p.inner - first : p.inner_block;
    for (int64_t c = 0; c < n; c += kLanes) {
      const int64_t lanes = n - c < kLanes ? n - c : kLanes;
      const I32 where = Columns<kSmallest, kLast>(in + c, p.axis, p.inner, lanes);
      for (int64_t i = 0; i < lanes; ++i) put(outer * p.inner + first + c + i, where[i]);
    }
  }
}

}  // namespace

void ArgReduceF32(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const float* const input = static_cast<const float*>(args.operands[1]);
  if (p.smallest != 0) {
    return p.last != 0 ? Units<true, true>(p, args.operands[0], input, begin, end)
                       : Units<true, false>(p, args.operands[0], input, begin, end);
  }
  return p.last != 0 ? Units<false, true>(p, args.operands[0], input, begin, end)
                     : Units<false, false>(p, args.operands[0], input, begin, end);
}

}  // namespace whet::kernels::WHET_ISA
