#include "kernels/reduce/reduce.h"
#include "kernels/simd/math.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

void ReduceF32(const Args& args, int64_t begin, int64_t end);

namespace {

using reduce::kMaxDims;
using reduce::Op;
using reduce::Params;

// How terms are accumulated: Neutral() is a term that changes nothing, and Combine joins two accumulators,
// the first of which may be Start().
struct SumOf {
  static constexpr float kStart = 0.0f, kNeutral = 0.0f;
  WHET_INLINE F32 Step(F32 acc, F32 x, F32) { return acc + x; }
  WHET_INLINE F32 Combine(F32 a, F32 b) { return a + b; }
};
struct SumOfAbs : SumOf {
  WHET_INLINE F32 Step(F32 acc, F32 x, F32) { return acc + Abs(x); }
};
struct SumOfSquares : SumOf {
  WHET_INLINE F32 Step(F32 acc, F32 x, F32) { return acc + x * x; }
};
struct SumOfExp : SumOf {  // e^(x - shift)
  static constexpr float kNeutral = -__builtin_inff();
  WHET_INLINE F32 Step(F32 acc, F32 x, F32 shift) { return acc + Exp(x - shift); }
};
struct ProductOf {
  static constexpr float kStart = 1.0f, kNeutral = 1.0f;
  WHET_INLINE F32 Step(F32 acc, F32 x, F32) { return acc * x; }
  WHET_INLINE F32 Combine(F32 a, F32 b) { return a * b; }
};
struct LargestOf {
  static constexpr float kStart = -__builtin_inff(), kNeutral = kStart;
  WHET_INLINE F32 Step(F32 acc, F32 x, F32) { return Combine(acc, x); }
  WHET_INLINE F32 Combine(F32 a, F32 b) { return Select(a != a, a, Max(a, b)); }
};
struct SmallestOf {
  static constexpr float kStart = __builtin_inff(), kNeutral = kStart;
  WHET_INLINE F32 Step(F32 acc, F32 x, F32) { return Combine(acc, x); }
  WHET_INLINE F32 Combine(F32 a, F32 b) { return Select(a != a, a, Min(a, b)); }
};

WHET_INLINE F32 LoadPartialOr(const float* p, int64_t n, float other) {
  I32 lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  return Select(lane < static_cast<int32_t>(n), LoadPartial(p, n), Set1(other));
}

// Calls body(offset) for each index of the reduced axes but the last.
template <typename F>
WHET_INLINE void ForEachOuter(const Params& p, F body) {
  const int last = p.reduced_dims - 1;
  for (int d = 0; d <= last; ++d) {
    if (p.reduced_size[d] == 0) return;
  }
  int64_t index[kMaxDims] = {};
  int64_t offset = 0;
  while (true) {
    body(offset);
    int d = last - 1;
    for (; d >= 0; --d) {
      offset += p.reduced_stride[d];
      if (++index[d] < p.reduced_size[d]) break;
      offset -= index[d] * p.reduced_stride[d];
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

// One output from contiguous rows.
template <typename Terms>
float Horizontal(const Params& p, const float* in, float shift) {
  constexpr int kParts = 4;
  const int64_t n = p.reduced_size[p.reduced_dims - 1];
  const F32 s = Set1(shift);
  F32 acc[kParts];
  for (F32& a : acc) a = Set1(Terms::kStart);
  ForEachOuter(p, [&](int64_t offset) {
    const float* row = in + offset;
    int64_t i = 0;
    for (; i + kParts * kLanes <= n; i += kParts * kLanes) {
      for (int k = 0; k < kParts; ++k) acc[k] = Terms::Step(acc[k], Load(row + i + k * kLanes), s);
    }
    for (; i + kLanes <= n; i += kLanes) acc[0] = Terms::Step(acc[0], Load(row + i), s);
    if (i < n) acc[1] = Terms::Step(acc[1], LoadPartialOr(row + i, n - i, Terms::kNeutral), s);
  });
  const F32 all = Terms::Combine(Terms::Combine(acc[0], acc[1]), Terms::Combine(acc[2], acc[3]));
  return Fold(all, [](F32 a, F32 b) { return Terms::Combine(a, b); })[0];
}

// kVectors vectors of neighbouring outputs; `last` lanes of the last one count.
template <typename Terms, int kVectors>
WHET_INLINE void Vertical(const Params& p, const float* in, const F32* shift, F32* result, int64_t last) {
  constexpr int64_t kChunk = 128;  // terms that are added up before their sum is added to the others
  const int64_t n = p.reduced_size[p.reduced_dims - 1];
  const int64_t step = p.reduced_stride[p.reduced_dims - 1];
  F32 total[kVectors];
  for (F32& t : total) t = Set1(Terms::kStart);
  ForEachOuter(p, [&](int64_t offset) {
    const float* column = in + offset;
    for (int64_t begin = 0; begin < n; begin += kChunk) {
      const int64_t end = begin + kChunk < n ? begin + kChunk : n;
      F32 acc[kVectors];
      for (F32& a : acc) a = Set1(Terms::kStart);
      for (int64_t i = begin; i < end; ++i) {
        const float* x = column + i * step;
        for (int v = 0; v < kVectors; ++v) {
          const F32 term = kVectors == 1 ? LoadPartial(x, last) : Load(x + v * kLanes);
          acc[v] = Terms::Step(acc[v], term, shift[v]);
        }
      }
      for (int v = 0; v < kVectors; ++v) total[v] = Terms::Combine(total[v], acc[v]);
    }
  });
  for (int v = 0; v < kVectors; ++v) result[v] = total[v];
}

WHET_INLINE F32 Finish(Op op, F32 acc, F32 shift, float count) {
  switch (op) {
    case Op::kMean: return acc / count;
    case Op::kL2: return Sqrt(acc);
    case Op::kLogSum: return Log(acc);
    case Op::kLogSumExp: return Log(acc) + shift;
    default: return acc;
  }
}

// An infinite maximum is not subtracted: the difference would not be a number.
WHET_INLINE F32 FiniteOrZero(F32 x) { return Select(Abs(x) < __builtin_inff(), x, Zero()); }

template <typename Terms, int kVectors>
WHET_INLINE void VerticalUnit(const Params& p, const float* in, float* out, float count, int64_t last) {
  F32 shift[kVectors] = {};
  if (p.op == Op::kLogSumExp) {
    Vertical<LargestOf, kVectors>(p, in, shift, shift, last);
    for (F32& s : shift) s = FiniteOrZero(s);
  }
  F32 acc[kVectors];
  Vertical<Terms, kVectors>(p, in, shift, acc, last);
  for (int v = 0; v < kVectors; ++v) {
    const F32 y = Finish(p.op, acc[v], shift[v], count);
    if (kVectors == 1) {
      StorePartial(out, y, last);
    } else {
      Store(out + v * kLanes, y);
    }
  }
}

template <typename Terms>
void Units(const Params& p, float* output, const float* input, int64_t begin, int64_t end) {
  const int64_t blocks = (p.inner + p.inner_block - 1) / p.inner_block;
  float count = 1;
  for (int d = 0; d < p.reduced_dims; ++d) count *= static_cast<float>(p.reduced_size[d]);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t outer = unit / blocks, first = unit % blocks * p.inner_block;
    int64_t rest = outer;
    const float* in = input + first;
    for (int d = p.kept_dims - 1; d >= 0; --d) {
      in += rest % p.kept_size[d] * p.kept_stride[d];
      rest /= p.kept_size[d];
    }
    float* out = output + outer * p.inner + first;
    if (p.horizontal) {
      F32 shift = Zero();
      if (p.op == Op::kLogSumExp) shift = FiniteOrZero(Set1(Horizontal<LargestOf>(p, in, 0.0f)));
      *out = Finish(p.op, Set1(Horizontal<Terms>(p, in, shift[0])), shift, count)[0];
      continue;
    }
    const int64_t n = p.inner - first < p.inner_block ? p.inner - first : p.inner_block;
    int64_t c = 0;
    for (; c + 4 * kLanes <= n; c += 4 * kLanes) VerticalUnit<Terms, 4>(p, in + c, out + c, count, kLanes);
    for (; c < n; c += kLanes) {
      VerticalUnit<Terms, 1>(p, in + c, out + c, count, n - c < kLanes ? n - c : kLanes);
    }
  }
}

}  // namespace

void ReduceF32(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  float* const output = static_cast<float*>(args.operands[0]);
  const float* const input = static_cast<const float*>(args.operands[1]);
  switch (p.op) {
    case Op::kSum:
    case Op::kMean:
    case Op::kLogSum: return Units<SumOf>(p, output, input, begin, end);
    case Op::kMax: return Units<LargestOf>(p, output, input, begin, end);
    case Op::kMin: return Units<SmallestOf>(p, output, input, begin, end);
    case Op::kProd: return Units<ProductOf>(p, output, input, begin, end);
    case Op::kL1: return Units<SumOfAbs>(p, output, input, begin, end);
    case Op::kL2:
    case Op::kSumSquare: return Units<SumOfSquares>(p, output, input, begin, end);
    case Op::kLogSumExp: return Units<SumOfExp>(p, output, input, begin, end);
  }
}

}  // namespace whet::kernels::WHET_ISA
