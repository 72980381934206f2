#include "kernels/elementwise/elementwise.h"
#include "kernels/simd/math.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

void ElementwiseF32(const Args& args, int64_t begin, int64_t end);

namespace {

using namespace elementwise;

// What an instruction reads of a block: contiguous values, or one for all.
struct Source {
  const float* data;
  bool scalar;
};

// Calls body(i, whole vector or the count of the last lanes) for the vectors of n elements, kUnroll at a time
// so that loads of one do not wait for stores of another.
template <int kUnroll, typename F>
WHET_INLINE void Map(float* dst, const float* a, int64_t n, F f) {
  int64_t i = 0;
  for (; i + kUnroll * kLanes <= n; i += kUnroll * kLanes) {
    F32 v[kUnroll];
#pragma GCC unroll 8
    for (int u = 0; u < kUnroll; ++u) v[u] = f(Load(a + i + u * kLanes));
#pragma GCC unroll 8
    for (int u = 0; u < kUnroll; ++u) Store(dst + i + u * kLanes, v[u]);
  }
  for (; i + kLanes <= n; i += kLanes) Store(dst + i, f(Load(a + i)));
  if (i < n) StorePartial(dst + i, f(LoadPartial(a + i, n - i)), n - i);
}
template <int kUnroll, typename F>
WHET_INLINE void Map(float* dst, const float* a, const float* b, int64_t n, F f) {
  int64_t i = 0;
  for (; i + kUnroll * kLanes <= n; i += kUnroll * kLanes) {
    F32 v[kUnroll];
#pragma GCC unroll 8
    for (int u = 0; u < kUnroll; ++u) v[u] = f(Load(a + i + u * kLanes), Load(b + i + u * kLanes));
#pragma GCC unroll 8
    for (int u = 0; u < kUnroll; ++u) Store(dst + i + u * kLanes, v[u]);
  }
  for (; i + kLanes <= n; i += kLanes) Store(dst + i, f(Load(a + i), Load(b + i)));
  if (i < n) StorePartial(dst + i, f(LoadPartial(a + i, n - i), LoadPartial(b + i, n - i)), n - i);
}

void Fill(float* dst, float value, int64_t n) {
  const F32 v = Set1(value);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(dst + i, v);
  if (i < n) StorePartial(dst + i, v, n - i);
}

// f of one, two or three sources. Where all are scalars the first is spread out in the destination, where it
// may stay: an element is read before it is written.
template <int kUnroll = 4, typename F>
WHET_INLINE void Unary(float* dst, Source a, int64_t n, F f) {
  if (a.scalar) {
    Fill(dst, *a.data, n);
    a = {dst, false};
  }
  Map<kUnroll>(dst, a.data, n, f);
}
template <int kUnroll = 4, typename F>
WHET_INLINE void Binary(float* dst, Source a, Source b, int64_t n, F f) {
  if (a.scalar && b.scalar) {
    Fill(dst, *a.data, n);
    a = {dst, false};
  }
  if (a.scalar) {
    const F32 va = Set1(*a.data);
    Map<kUnroll>(dst, b.data, n, [va, f](F32 vb) { return f(va, vb); });
  } else if (b.scalar) {
    const F32 vb = Set1(*b.data);
    Map<kUnroll>(dst, a.data, n, [vb, f](F32 va) { return f(va, vb); });
  } else {
    Map<kUnroll>(dst, a.data, b.data, n, f);
  }
}
template <typename F>
WHET_INLINE void Ternary(float* dst, const Source (&s)[3], int64_t n, F f) {
  // Whether a source is scalar is looked at per vector: a branch that always goes the same way.
  F32 v[3];
  for (int k = 0; k < 3; ++k) v[k] = s[k].scalar ? Set1(*s[k].data) : Zero();
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int k = 0; k < 3; ++k) {
      if (!s[k].scalar) v[k] = Load(s[k].data + i);
    }
    Store(dst + i, f(v[0], v[1], v[2]));
  }
  if (i < n) {
    for (int k = 0; k < 3; ++k) {
      if (!s[k].scalar) v[k] = LoadPartial(s[k].data + i, n - i);
    }
    StorePartial(dst + i, f(v[0], v[1], v[2]), n - i);
  }
}

WHET_INLINE F32 OneWhere(I32 mask) { return AsF32(mask & AsI32(Set1(1.0f))); }
WHET_INLINE F32 PropagateNan(F32 a, F32 result) { return Select(a != a, a, result); }
WHET_INLINE F32 Clamp(F32 a, float low, float high) { return Min(Set1(high), Max(Set1(low), a)); }
WHET_INLINE F32 Trunc(F32 a) { return CopySign(Floor(Abs(a)), a); }
// The remainder of exact division, as C's fmodf: the quotient may be too large for one step of a float.
WHET_INLINE F32 Fmod(F32 a, F32 b) {
  for (int i = 0; i < kLanes; ++i) a[i] = __builtin_fmodf(a[i], b[i]);
  return a;
}

void RunUnary(const Instruction& op, float* dst, Source a, int64_t n) {
  const float p = op.p, q = op.q;
  switch (op.op) {
    case Op::kCopy: return Unary(dst, a, n, [](F32 x) { return x; });
    case Op::kNeg: return Unary(dst, a, n, [](F32 x) { return -x; });
    case Op::kAbs: return Unary(dst, a, n, [](F32 x) { return Abs(x); });
    case Op::kSqrt: return Unary(dst, a, n, [](F32 x) { return Sqrt(x); });
    case Op::kRsqrt: return Unary(dst, a, n, [](F32 x) { return 1.0f / Sqrt(x); });
    case Op::kReciprocal: return Unary(dst, a, n, [](F32 x) { return 1.0f / x; });
    case Op::kExp: return Unary<2>(dst, a, n, [](F32 x) { return Exp(x); });
    case Op::kExpm1: return Unary<1>(dst, a, n, [](F32 x) { return Expm1(x); });
    case Op::kLog: return Unary<2>(dst, a, n, [](F32 x) { return Log(x); });
    case Op::kLog1p: return Unary<1>(dst, a, n, [](F32 x) { return Log1p(x); });
    case Op::kSigmoid: return Unary<2>(dst, a, n, [](F32 x) { return Sigmoid(x); });
    case Op::kTanh: return Unary<2>(dst, a, n, [](F32 x) { return Tanh(x); });
    case Op::kErf: return Unary<2>(dst, a, n, [](F32 x) { return Erf(x); });
    case Op::kRelu: return Unary(dst, a, n, [](F32 x) { return Max(Zero(), x); });
    case Op::kLeakyRelu: return Unary(dst, a, n, [p](F32 x) { return Select(x < 0.0f, x * p, x); });
    case Op::kClip: return Unary(dst, a, n, [p, q](F32 x) { return Clamp(x, p, q); });
    case Op::kHardSwish:
      return Unary(dst, a, n, [](F32 x) { return x * Clamp(x * (1.0f / 6.0f) + 0.5f, 0.0f, 1.0f); });
    case Op::kHardSigmoid: return Unary(dst, a, n, [p, q](F32 x) { return Clamp(x * p + q, 0.0f, 1.0f); });
    case Op::kSilu: return Unary<2>(dst, a, n, [p](F32 x) { return x * Sigmoid(x * p); });
    case Op::kGelu:
      return Unary<2>(dst, a, n, [](F32 x) { return 0.5f * x * (1.0f + Erf(x * 0.707106781f)); });
    case Op::kGeluTanh:
      return Unary<2>(dst, a, n, [](F32 x) {
        return 0.5f * x * (1.0f + Tanh(0.797884561f * (x + 0.044715f * x * x * x)));
      });
    case Op::kElu: return Unary<1>(dst, a, n, [p](F32 x) { return Select(x < 0.0f, p * Expm1(x), x); });
    case Op::kSelu:
      return Unary<1>(dst, a, n, [p, q](F32 x) { return q * Select(x < 0.0f, p * Expm1(x), x); });
    case Op::kCelu: return Unary<1>(dst, a, n, [p](F32 x) { return Select(x < 0.0f, p * Expm1(x / p), x); });
    case Op::kSoftplus: return Unary<1>(dst, a, n, [](F32 x) { return Softplus(x); });
    case Op::kSoftsign: return Unary(dst, a, n, [](F32 x) { return x / (1.0f + Abs(x)); });
    case Op::kMish: return Unary<1>(dst, a, n, [](F32 x) { return x * Tanh(Softplus(x)); });
    case Op::kRound: return Unary(dst, a, n, [](F32 x) { return Round(x); });
    case Op::kFloor: return Unary(dst, a, n, [](F32 x) { return Floor(x); });
    case Op::kCeil: return Unary(dst, a, n, [](F32 x) { return Ceil(x); });
    case Op::kTrunc: return Unary(dst, a, n, [](F32 x) { return Trunc(x); });
    case Op::kSign:
      return Unary(dst, a, n, [](F32 x) { return PropagateNan(x, OneWhere(x > 0.0f) - OneWhere(x < 0.0f)); });
    case Op::kSquare: return Unary(dst, a, n, [](F32 x) { return x * x; });
    case Op::kSin: return Unary<1>(dst, a, n, [](F32 x) { return Sin(x); });
    case Op::kCos: return Unary<1>(dst, a, n, [](F32 x) { return Cos(x); });
    case Op::kNot: return Unary(dst, a, n, [](F32 x) { return OneWhere(x == 0.0f); });
    case Op::kIsNan: return Unary(dst, a, n, [](F32 x) { return OneWhere(x != x); });
    case Op::kIsInf: return Unary(dst, a, n, [](F32 x) { return OneWhere(Abs(x) == __builtin_inff()); });
    case Op::kThresholdedRelu: return Unary(dst, a, n, [p](F32 x) { return Select(x > p, x, Zero()); });
    case Op::kAffine: return Unary(dst, a, n, [p, q](F32 x) { return x * p + q; });
    default: return;
  }
}

void RunBinary(Op op, float* dst, Source a, Source b, int64_t n) {
  switch (op) {
    case Op::kAdd: return Binary(dst, a, b, n, [](F32 x, F32 y) { return x + y; });
    case Op::kSub: return Binary(dst, a, b, n, [](F32 x, F32 y) { return x - y; });
    case Op::kMul: return Binary(dst, a, b, n, [](F32 x, F32 y) { return x * y; });
    case Op::kDiv: return Binary(dst, a, b, n, [](F32 x, F32 y) { return x / y; });
    case Op::kMin: return Binary(dst, a, b, n, [](F32 x, F32 y) { return PropagateNan(x, Min(x, y)); });
    case Op::kMax: return Binary(dst, a, b, n, [](F32 x, F32 y) { return PropagateNan(x, Max(x, y)); });
    case Op::kPow: return Binary<1>(dst, a, b, n, [](F32 x, F32 y) { return Pow(x, y); });
    case Op::kPRelu: return Binary(dst, a, b, n, [](F32 x, F32 y) { return Select(x < 0.0f, x * y, x); });
    case Op::kLess: return Binary(dst, a, b, n, [](F32 x, F32 y) { return OneWhere(x < y); });
    case Op::kLessEqual: return Binary(dst, a, b, n, [](F32 x, F32 y) { return OneWhere(x <= y); });
    case Op::kGreater: return Binary(dst, a, b, n, [](F32 x, F32 y) { return OneWhere(x > y); });
    case Op::kGreaterEqual: return Binary(dst, a, b, n, [](F32 x, F32 y) { return OneWhere(x >= y); });
    case Op::kEqual: return Binary(dst, a, b, n, [](F32 x, F32 y) { return OneWhere(x == y); });
    case Op::kNotEqual: return Binary(dst, a, b, n, [](F32 x, F32 y) { return OneWhere(x != y); });
    case Op::kAnd:
      return Binary(dst, a, b, n, [](F32 x, F32 y) { return OneWhere((x != 0.0f) & (y != 0.0f)); });
    case Op::kOr:
      return Binary(dst, a, b, n, [](F32 x, F32 y) { return OneWhere((x != 0.0f) | (y != 0.0f)); });
    case Op::kXor:
      return Binary(dst, a, b, n, [](F32 x, F32 y) { return OneWhere((x != 0.0f) ^ (y != 0.0f)); });
    case Op::kSquaredDifference: return Binary(dst, a, b, n, [](F32 x, F32 y) { return (x - y) * (x - y); });
    case Op::kFloorMod:
      return Binary<1>(dst, a, b, n, [](F32 x, F32 y) {
        const F32 r = Fmod(x, y);
        return Select((r != 0.0f) & ((r < 0.0f) ^ (y < 0.0f)), r + y, r);
      });
    case Op::kFmod: return Binary<1>(dst, a, b, n, [](F32 x, F32 y) { return Fmod(x, y); });
    default: return;
  }
}

void RunInstruction(const Instruction& instruction, float* dst, const Source (&s)[3], int64_t n) {
  if (instruction.op < Op::kAdd) return RunUnary(instruction, dst, s[0], n);
  if (instruction.op < Op::kWhere) return RunBinary(instruction.op, dst, s[0], s[1], n);
  if (instruction.op == Op::kWhere) {
    return Ternary(dst, s, n, [](F32 a, F32 b, F32 c) { return Select(a != 0.0f, b, c); });
  }
  return Ternary(dst, s, n, [](F32 a, F32 b, F32 c) { return a * b + c; });
}

// A rectangle of an operand, as floats.
struct Rectangle {
  int64_t rows, columns;
  int64_t row_stride, column_stride;
};

WHET_INLINE float ToFloat(float x) { return x; }
WHET_INLINE float ToFloat(int8_t x) { return static_cast<float>(x); }
WHET_INLINE float ToFloat(uint8_t x) { return static_cast<float>(x); }

// dst becomes the rectangle, dense. May write a vector over its end, and read one over src's.
template <typename T>
void Spread(float* dst, const T* src, const Rectangle& at) {
  for (int64_t r = 0; r < at.rows; ++r, dst += at.columns, src += at.row_stride) {
    if (at.column_stride == 0) {
      Fill(dst, ToFloat(*src), at.columns);
    } else if (at.column_stride == 1 && sizeof(T) == sizeof(float)) {
      for (int64_t c = 0; c < at.columns; c += kLanes) {
        F32 v;
        std::memcpy(&v, src + c, sizeof(v));
        Store(dst + c, v);
      }
    } else if (at.column_stride == 1) {
      for (int64_t c = 0; c < at.columns; ++c) dst[c] = ToFloat(src[c]);
    } else {
      for (int64_t c = 0; c < at.columns; ++c) dst[c] = ToFloat(src[c * at.column_stride]);
    }
  }
}
void Spread(DType type, float* dst, const void* base, int64_t offset, const Rectangle& at) {
  switch (type) {
    case DType::kI8: return Spread(dst, static_cast<const int8_t*>(base) + offset, at);
    case DType::kU8:
    case DType::kBool: return Spread(dst, static_cast<const uint8_t*>(base) + offset, at);
    default: return Spread(dst, static_cast<const float*>(base) + offset, at);
  }
}

// The other way.
void Gather(DType type, void* base, int64_t offset, const float* src, const Rectangle& at) {
  if (type == DType::kBool) {
    uint8_t* dst = static_cast<uint8_t*>(base) + offset;
    for (int64_t r = 0; r < at.rows; ++r, src += at.columns, dst += at.row_stride) {
      for (int64_t c = 0; c < at.columns; ++c) dst[c * at.column_stride] = src[c] != 0.0f;
    }
    return;
  }
  float* dst = static_cast<float*>(base) + offset;
  for (int64_t r = 0; r < at.rows; ++r, src += at.columns, dst += at.row_stride) {
    if (at.column_stride == 1) {
      Map<1>(dst, src, at.columns, [](F32 x) { return x; });
    } else {
      for (int64_t c = 0; c < at.columns; ++c) dst[c * at.column_stride] = src[c];
    }
  }
}

}  // namespace

void ElementwiseF32(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const int row_dim = p.dims - 2, column_dim = p.dims - 1;
  const int64_t row_blocks = (p.size[row_dim] + p.block_rows - 1) / p.block_rows;
  const int64_t column_blocks = (p.size[column_dim] + p.block_columns - 1) / p.block_columns;

  float* const scratch = static_cast<float*>(args.scratch);
  float* slots[1 + kMaxInputs] = {};
  int64_t next_slot = p.registers;
  for (int i = 0; i <= p.inputs; ++i) {
    if (p.access[i] == Access::kChannel || p.access[i] == Access::kSpread)
      slots[i] = scratch + p.slot * next_slot++;
  }
  const int64_t kNothing = -1;
  int64_t spread_from[1 + kMaxInputs];  // the offset that a kChannel operand's slot was filled from
  for (int64_t& offset : spread_from) offset = kNothing;

  Source sources[kFirstRegister + kMaxInstructions] = {};
  for (int i = 0; i < kMaxConstants; ++i) sources[kMaxInputs + i] = {p.constants + i, true};
  for (int i = 0; i < p.registers; ++i) sources[kFirstRegister + i] = {scratch + p.slot * i, false};

  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t column = unit % column_blocks * p.block_columns;
    int64_t rest = unit / column_blocks;
    const int64_t row = rest % row_blocks * p.block_rows;
    rest /= row_blocks;
    int64_t offset[1 + kMaxInputs];
    for (int i = 0; i <= p.inputs; ++i)
      offset[i] = row * p.stride[i][row_dim] + column * p.stride[i][column_dim];
    for (int d = row_dim - 1; d >= 0; --d) {
      const int64_t index = rest % p.size[d];
      rest /= p.size[d];
      for (int i = 0; i <= p.inputs; ++i) offset[i] += index * p.stride[i][d];
    }

    Rectangle at;
    at.rows = p.size[row_dim] - row < p.block_rows ? p.size[row_dim] - row : p.block_rows;
    at.columns =
        p.size[column_dim] - column < p.block_columns ? p.size[column_dim] - column : p.block_columns;
    const int64_t n = at.rows * at.columns;
    for (int i = 1; i <= p.inputs; ++i) {
      const Access access = p.access[i];
      if (access == Access::kDense || access == Access::kScalar) {
        sources[i - 1] = {static_cast<const float*>(args.operands[i]) + offset[i], access == Access::kScalar};
        continue;
      }
      sources[i - 1] = {slots[i], false};
      at.row_stride = p.stride[i][row_dim];
      at.column_stride = p.stride[i][column_dim];
      if (access == Access::kSpread) {
        Spread(p.type[i], slots[i], args.operands[i], offset[i], at);
      } else if (spread_from[i] != offset[i]) {
        // A whole block's worth, since the next may have more rows than this one.
        const Rectangle whole{p.block_rows, p.block_columns, at.row_stride, at.column_stride};
        Spread(p.type[i], slots[i], args.operands[i], offset[i], whole);
        spread_from[i] = offset[i];
      }
    }

    const bool direct = p.access[0] == Access::kDense;
    float* const out = direct ? static_cast<float*>(args.operands[0]) + offset[0] : slots[0];
    for (int k = 0; k < p.instructions; ++k) {
      const Instruction& instruction = p.program[k];
      float* const dst = k + 1 == p.instructions ? out : scratch + p.slot * instruction.dst;
      const Source from[3] = {sources[instruction.a], sources[instruction.b], sources[instruction.c]};
      RunInstruction(instruction, dst, from, n);
    }
    if (!direct) {
      at.row_stride = p.stride[0][row_dim];
      at.column_stride = p.stride[0][column_dim];
      Gather(p.type[0], args.operands[0], offset[0], out, at);
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
