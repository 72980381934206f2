#include "kernels/quantized/binary.h"

#include "kernels/quantized/halves_simd.h"
#include "kernels/requantize/bytes_simd.h"
#include "kernels/requantize/pack_bytes.h"
#include "kernels/simd/unpack.h"

namespace whet::kernels::WHET_ISA {

void QuantizedBinary(const Args& args, int64_t begin, int64_t end);

namespace {

using quantized_binary::Op;
using quantized_binary::Params;

// What an operand contributes, before the two are combined: of a sum (x - zero) * ratio, of a product
// x - zero.
struct Term {
  Term(DType type, int32_t zero_point, float of_ratio)
      : sign(type), zero(Set1(zero_point + sign.excess)), ratio(Set1(of_ratio)) {}
  EitherSign sign;
  I32 zero;  // of what `sign` loads
  F32 ratio;
};
template <Op op>
WHET_INLINE F32 Apply(const Term& term, I32 x) {
  const F32 steps = ConvertToF32(x - term.zero);
  return op == Op::kAdd ? steps * term.ratio : steps;
}

// kLanes elements at a distance of `stride`, or the first n of them.
WHET_INLINE I32 LoadStrided(const EitherSign& sign, const uint8_t* p, int64_t stride, int64_t n) {
  uint8_t together[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) together[i] = p[i * stride];
  return LoadBytes(sign, together);
}

enum class Walk { kDense, kRepeated, kStrided, kPeriodic };

struct RowOperands {
  uint8_t* y;
  const uint8_t *a, *b;
  int64_t y_stride, a_stride, b_stride;
};

template <Op op, Walk a_walk, Walk b_walk>
void BinaryRow(const RowOperands& row, int64_t n, const Term& a, const Term& b, const Steps& steps) {
  F32 a_repeated = Zero(), b_repeated = Zero();
  if (a_walk == Walk::kRepeated) a_repeated = Apply<op>(a, RepeatByte(a.sign, *row.a));
  if (b_walk == Walk::kRepeated) b_repeated = Apply<op>(b, RepeatByte(b.sign, *row.b));
  const F32 ratio = a.ratio;
  const auto combine = [&](I32 xa, I32 xb) {
    const F32 ta = a_walk == Walk::kRepeated ? a_repeated : Apply<op>(a, xa);
    const F32 tb = b_walk == Walk::kRepeated ? b_repeated : Apply<op>(b, xb);
    return ToSteps(op == Op::kAdd ? ta + tb : ta * tb * ratio, steps);
  };
  int64_t i = 0;
  if (a_walk == Walk::kStrided) {  // nothing is known of the others either
    for (; i < n; i += kLanes) {
      const int64_t lanes = n - i < kLanes ? n - i : kLanes;
      uint8_t bytes[kLanes] = {};
      StoreBytes(bytes, combine(LoadStrided(a.sign, row.a + i * row.a_stride, row.a_stride, lanes),
                                LoadStrided(b.sign, row.b + i * row.b_stride, row.b_stride, lanes)));
      for (int64_t k = 0; k < lanes; ++k) row.y[(i + k) * row.y_stride] = bytes[k];
    }
    return;
  }
  for (; i + kLanes <= n; i += kLanes) {
    const I32 xa = a_walk == Walk::kDense ? LoadBytes(a.sign, row.a + i) : I32{};
    const I32 xb = b_walk == Walk::kDense ? LoadBytes(b.sign, row.b + i) : I32{};
    StoreBytes(row.y + i, combine(xa, xb));
  }
  if (i < n) {
    const I32 xa = a_walk == Walk::kDense ? LoadBytesPartial(a.sign, row.a + i, n - i) : I32{};
    const I32 xb = b_walk == Walk::kDense ? LoadBytesPartial(b.sign, row.b + i, n - i) : I32{};
    StoreBytesPartial(row.y + i, combine(xa, xb), n - i);
  }
}

using RowFn = void (*)(const RowOperands&, int64_t, const Term&, const Term&, const Steps&);

#if defined(__AVX2__)
// What turns a whole vector of bytes into reals: a byte behind the upper half of 2^23 is 2^23 plus the byte.
struct WideTerm {
  WideTerm(DType type, int32_t zero_point, float of_ratio)
      : flip(Set1(type == DType::kI8 ? static_cast<int32_t>(0x80808080) : 0)),
        zero(Set1(static_cast<float>((1 << 23) + zero_point + (type == DType::kI8 ? 128 : 0)))),
        ratio(Set1(of_ratio)) {}
  I32 flip;
  F32 zero;
  F32 ratio;
};

// The elements' steps from zero, in the order in which PackedSteps::Pack takes them.
WHET_INLINE void LoadWide(const uint8_t* p, const WideTerm& term, F32 (&x)[4]) {
  I32 bytes;
  std::memcpy(&bytes, p, sizeof(bytes));
  bytes ^= term.flip;
  const I32 upper = Set1(0x4b004b00);
  const I32 low = UnpackLow8(bytes, I32{}), high = UnpackHigh8(bytes, I32{});
  x[0] = AsF32(UnpackLow16(low, upper)) - term.zero;
  x[1] = AsF32(UnpackHigh16(low, upper)) - term.zero;
  x[2] = AsF32(UnpackLow16(high, upper)) - term.zero;
  x[3] = AsF32(UnpackHigh16(high, upper)) - term.zero;
}
WHET_INLINE F32 RepeatedWide(uint8_t byte, DType type, int32_t zero_point) {
  const int32_t x = type == DType::kI8 ? int32_t{static_cast<int8_t>(byte)} : byte;
  return Set1(static_cast<float>(x - zero_point));
}

// The whole vectors of a row; returns how many elements these are. A periodic b is `period` elements again
// and again, behind which lie those that a vector reads too far.
template <Op op, Walk a_walk, Walk b_walk>
int64_t WideRow(const Params& p, const RowOperands& row, int64_t n, const WideTerm& a, const WideTerm& b,
                int64_t period) {
  const PackedSteps steps(p.y_type == DType::kI8, p.y_zero, p.low, p.high);
  F32 xa[4], xb[4];
  if (a_walk == Walk::kRepeated) {
    for (F32& x : xa) x = RepeatedWide(*row.a, p.a_type, p.a_zero);
  }
  if (b_walk == Walk::kRepeated) {
    for (F32& x : xb) x = RepeatedWide(*row.b, p.b_type, p.b_zero);
  }
  int64_t i = 0, b_at = 0;
  const int64_t b_step = b_walk == Walk::kPeriodic ? kVectorBytes % period : kVectorBytes;
  for (; i + kVectorBytes <= n; i += kVectorBytes, b_at += b_step) {
    if (b_walk == Walk::kPeriodic && b_at >= period) b_at -= period;
    if (a_walk == Walk::kDense) LoadWide(row.a + i, a, xa);
    if (b_walk != Walk::kRepeated) LoadWide(row.b + b_at, b, xb);
    F32 y[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      y[v] = op == Op::kAdd ? xa[v] * a.ratio + xb[v] * b.ratio : xa[v] * xb[v] * a.ratio;
    }
    const Wide bytes = PackedSteps::Pack(steps, y[0], y[1], y[2], y[3]);
    std::memcpy(row.y + i, &bytes, sizeof(bytes));
  }
  return i;
}

using WideRowFn = int64_t (*)(const Params&, const RowOperands&, int64_t, const WideTerm&, const WideTerm&,
                              int64_t);

template <Op op>
WideRowFn WideRowFor(const RowOperands& row) {
  if (row.a_stride == 1 && row.b_stride == 1) return WideRow<op, Walk::kDense, Walk::kDense>;
  if (row.a_stride == 1 && row.b_stride == 0) return WideRow<op, Walk::kDense, Walk::kRepeated>;
  if (row.a_stride == 0 && row.b_stride == 1) return WideRow<op, Walk::kRepeated, Walk::kDense>;
  return nullptr;
}
WideRowFn FindWideRow(const Params& p, const RowOperands& row, int64_t columns) {
  if (row.y_stride != 1 || columns < kVectorBytes) return nullptr;
  return p.op == Op::kAdd ? WideRowFor<Op::kAdd>(row) : WideRowFor<Op::kMul>(row);
}

// Short rows of one operand that lie side by side, where the other begins anew with each (a number a
// channel): they are walked as one long row.
constexpr int64_t kLongestPeriod = 256;
bool IsPeriodic(const Params& p, int dense, int periodic) {
  const int rows_at = p.dims - 2, columns_at = p.dims - 1;
  const int64_t columns = p.size[columns_at];
  for (int i : {0, dense}) {
    if (p.stride[i][columns_at] != 1 || p.stride[i][rows_at] != columns) return false;
  }
  return p.stride[periodic][columns_at] == 1 && p.stride[periodic][rows_at] == 0 &&
         columns <= kLongestPeriod && p.block_columns == columns;
}

// What BinaryRow and WideRow take of an operand.
struct Factor {
  const uint8_t* data;
  const Term* term;
  const WideTerm* wide;
};

// `count` elements, of which b has but `period`.
template <Op op>
void PeriodicRow(const Params& p, const RowOperands& row, int64_t count, int64_t period, const Factor& a,
                 const Factor& b, const Steps& steps) {
  uint8_t repeated[kLongestPeriod + 2 * kVectorBytes] = {};
  for (int64_t at = 0; at < period + 2 * kVectorBytes; at += period) {
    const int64_t left = period + 2 * kVectorBytes - at;
    std::memcpy(repeated + at, b.data, static_cast<size_t>(left < period ? left : period));
  }
  RowOperands whole{row.y, a.data, repeated, 1, 1, 1};
  const int64_t done = WideRow<op, Walk::kDense, Walk::kPeriodic>(p, whole, count, *a.wide, *b.wide, period);
  if (done == count) return;
  whole.y += done;
  whole.a += done;
  whole.b += done % period;
  BinaryRow<op, Walk::kDense, Walk::kDense>(whole, count - done, *a.term, *b.term, steps);
}
#endif

template <Op op>
RowFn RowFor(const RowOperands& row) {
  const bool a_dense = row.a_stride == 1, b_dense = row.b_stride == 1;
  const bool a_repeated = row.a_stride == 0, b_repeated = row.b_stride == 0;
  if (row.y_stride == 1) {
    if (a_dense && b_dense) return BinaryRow<op, Walk::kDense, Walk::kDense>;
    if (a_dense && b_repeated) return BinaryRow<op, Walk::kDense, Walk::kRepeated>;
    if (a_repeated && b_dense) return BinaryRow<op, Walk::kRepeated, Walk::kDense>;
  }
  return BinaryRow<op, Walk::kStrided, Walk::kStrided>;
}

// Of 16-bit integers of one type.
template <typename T>
struct HalvesRow {
  T* y;
  const T *a, *b;
  int64_t y_stride, a_stride, b_stride;
};
template <typename T>
WHET_INLINE I32 LoadWalk(const T* p, int64_t stride, int64_t left) {
  if (stride == 1) return LoadHalves(p, left);
  if (stride == 0) return Set1(int32_t{*p});
  T halves[kLanes] = {};
  for (int64_t i = 0; i < kLanes && i < left; ++i) halves[i] = p[i * stride];
  return LoadNarrow(halves);
}
template <Op op, typename T>
void BinaryRowOfHalves(const HalvesRow<T>& row, int64_t n, const Term& a, const Term& b, const Steps& steps) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t left = n - i;
    const F32 ta = Apply<op>(a, LoadWalk(row.a + i * row.a_stride, row.a_stride, left));
    const F32 tb = Apply<op>(b, LoadWalk(row.b + i * row.b_stride, row.b_stride, left));
    const I32 y = ToSteps(op == Op::kAdd ? ta + tb : ta * tb * a.ratio, steps);
    if (row.y_stride == 1) {
      StoreHalves(row.y + i, y, left);
    } else {
      for (int64_t k = 0; k < kLanes && k < left; ++k) row.y[(i + k) * row.y_stride] = static_cast<T>(y[k]);
    }
  }
}

// Calls run(offsets, rows, columns) for each unit; offsets are those of the operands' elements.
template <typename BlockFunction>
WHET_INLINE void ForBlocks(const Params& p, int64_t begin, int64_t end, BlockFunction run_block) {
  const int rows_at = p.dims - 2, columns_at = p.dims - 1;
  const int64_t column_blocks = (p.size[columns_at] + p.block_columns - 1) / p.block_columns;
  const int64_t row_blocks = (p.size[rows_at] + p.block_rows - 1) / p.block_rows;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t column = unit % column_blocks * p.block_columns;
    const int64_t first = unit / column_blocks % row_blocks * p.block_rows;
    int64_t at[3];
    for (int i = 0; i < 3; ++i) at[i] = first * p.stride[i][rows_at] + column * p.stride[i][columns_at];
    int64_t rest = unit / column_blocks / row_blocks;
    for (int d = rows_at - 1; d >= 0; --d) {
      for (int i = 0; i < 3; ++i) at[i] += rest % p.size[d] * p.stride[i][d];
      rest /= p.size[d];
    }
    const int64_t rows = p.size[rows_at] - first < p.block_rows ? p.size[rows_at] - first : p.block_rows;
    const int64_t columns =
        p.size[columns_at] - column < p.block_columns ? p.size[columns_at] - column : p.block_columns;
    run_block(at, rows, columns);
  }
}
// The same with run(offsets, columns) for each row.
template <typename RowFunction>
WHET_INLINE void ForRows(const Params& p, int64_t begin, int64_t end, RowFunction run_row) {
  ForBlocks(p, begin, end, [&](int64_t(&at)[3], int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; ++r) {
      run_row(at, columns);
      for (int i = 0; i < 3; ++i) at[i] += p.stride[i][p.dims - 2];
    }
  });
}

template <typename T>
void RunHalves(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const int columns_at = p.dims - 1;
  const Term a(p.a_type, p.a_zero, p.a_ratio), b(p.b_type, p.b_zero, p.b_ratio);
  const Steps steps = MakeSteps(p.y_zero, p.low, p.high);
  const auto run = p.op == Op::kAdd ? BinaryRowOfHalves<Op::kAdd, T> : BinaryRowOfHalves<Op::kMul, T>;
  ForRows(p, begin, end, [&](const int64_t(&at)[3], int64_t columns) {
    run({static_cast<T*>(args.operands[0]) + at[0], static_cast<const T*>(args.operands[1]) + at[1],
         static_cast<const T*>(args.operands[2]) + at[2], p.stride[0][columns_at], p.stride[1][columns_at],
         p.stride[2][columns_at]},
        columns, a, b, steps);
  });
}

}  // namespace

void QuantizedBinary(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  if (p.y_type == DType::kI16) return RunHalves<int16_t>(args, begin, end);
  if (p.y_type == DType::kU16) return RunHalves<uint16_t>(args, begin, end);
  const int columns_at = p.dims - 1;
  const float b_ratio = p.op == Op::kMul ? p.a_ratio : p.b_ratio;  // a product has but one
  const Term a(p.a_type, p.a_zero, p.a_ratio), b(p.b_type, p.b_zero, b_ratio);
  const Steps steps = MakeSteps(p.y_zero, p.low, p.high);
  RowOperands row{};
  row.y_stride = p.stride[0][columns_at];
  row.a_stride = p.stride[1][columns_at];
  row.b_stride = p.stride[2][columns_at];
  const RowFn run = p.op == Op::kAdd ? RowFor<Op::kAdd>(row) : RowFor<Op::kMul>(row);
#if defined(__AVX2__)
  const WideRowFn wide = FindWideRow(p, row, p.size[columns_at]);
  const WideTerm wide_a(p.a_type, p.a_zero, p.a_ratio), wide_b(p.b_type, p.b_zero, b_ratio);
  const bool a_periodic = IsPeriodic(p, 2, 1);
  if (a_periodic || IsPeriodic(p, 1, 2)) {
    const auto run_periodic = p.op == Op::kAdd ? PeriodicRow<Op::kAdd> : PeriodicRow<Op::kMul>;
    return ForBlocks(p, begin, end, [&](const int64_t(&at)[3], int64_t rows, int64_t columns) {
      const Factor fa{static_cast<const uint8_t*>(args.operands[1]) + at[1], &a, &wide_a};
      const Factor fb{static_cast<const uint8_t*>(args.operands[2]) + at[2], &b, &wide_b};
      row.y = static_cast<uint8_t*>(args.operands[0]) + at[0];
      run_periodic(p, row, rows * columns, columns, a_periodic ? fb : fa, a_periodic ? fa : fb, steps);
    });
  }
#endif
  ForRows(p, begin, end, [&](const int64_t(&at)[3], int64_t columns) {
    row.y = static_cast<uint8_t*>(args.operands[0]) + at[0];
    row.a = static_cast<const uint8_t*>(args.operands[1]) + at[1];
    row.b = static_cast<const uint8_t*>(args.operands[2]) + at[2];
    int64_t done = 0;
#if defined(__AVX2__)
    if (wide != nullptr) done = wide(p, row, columns, wide_a, wide_b, 0);
#endif
    if (done < columns) {
      const RowOperands tail{row.y + done * row.y_stride,
                             row.a + done * row.a_stride,
                             row.b + done * row.b_stride,
                             row.y_stride,
                             row.a_stride,
                             row.b_stride};
      run(tail, columns - done, a, b, steps);
    }
  });
}

}  // namespace whet::kernels::WHET_ISA
