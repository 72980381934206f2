#include "kernels/quantized/binary.h"

#include "kernels/quantized/bytes_simd.h"

namespace whet::kernels::WHET_ISA {

void QuantizedBinary(const Args& args, int64_t begin, int64_t end);

namespace {

using quantized_binary::Op;
using quantized_binary::Params;

// What an operand contributes, before the two are combined: of a sum (x - zero) * ratio, of a product
// x - zero.
struct Term {
  I32 zero;
  F32 ratio;
};
template <Op op>
WHET_INLINE F32 Apply(const Term& term, I32 x) {
  const F32 steps = ConvertToF32(x - term.zero);
  return op == Op::kAdd ? steps * term.ratio : steps;
}

// kLanes elements at a distance of `stride`, or the first n of them.
template <typename T>
WHET_INLINE I32 LoadStrided(const uint8_t* p, int64_t stride, int64_t n) {
  T bytes[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) bytes[i] = static_cast<T>(p[i * stride]);
  return LoadBytes<T>(bytes);
}

enum class Walk { kDense, kRepeated, kStrided };

struct RowOperands {
  uint8_t* y;
  const uint8_t *a, *b;
  int64_t y_stride, a_stride, b_stride;
};

template <Op op, typename A, typename B, Walk a_walk, Walk b_walk>
void BinaryRow(const RowOperands& row, int64_t n, const Term& a, const Term& b, const Steps& steps) {
  F32 a_repeated = Zero(), b_repeated = Zero();
  if (a_walk == Walk::kRepeated) a_repeated = Apply<op>(a, Set1(int32_t{static_cast<A>(*row.a)}));
  if (b_walk == Walk::kRepeated) b_repeated = Apply<op>(b, Set1(int32_t{static_cast<B>(*row.b)}));
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
      uint8_t bytes[kLanes];
      StoreBytes(bytes, combine(LoadStrided<A>(row.a + i * row.a_stride, row.a_stride, lanes),
                                LoadStrided<B>(row.b + i * row.b_stride, row.b_stride, lanes)));
      for (int64_t k = 0; k < lanes; ++k) row.y[(i + k) * row.y_stride] = bytes[k];
    }
    return;
  }
  for (; i + kLanes <= n; i += kLanes) {
    const I32 xa = a_walk == Walk::kDense ? LoadBytes<A>(row.a + i) : I32{};
    const I32 xb = b_walk == Walk::kDense ? LoadBytes<B>(row.b + i) : I32{};
    StoreBytes(row.y + i, combine(xa, xb));
  }
  if (i < n) {
    const I32 xa = a_walk == Walk::kDense ? LoadBytesPartial<A>(row.a + i, n - i) : I32{};
    const I32 xb = b_walk == Walk::kDense ? LoadBytesPartial<B>(row.b + i, n - i) : I32{};
    StoreBytesPartial(row.y + i, combine(xa, xb), n - i);
  }
}

using RowFn = void (*)(const RowOperands&, int64_t, const Term&, const Term&, const Steps&);

template <Op op, typename A, typename B>
RowFn RowFor(const RowOperands& row) {
  const bool a_dense = row.a_stride == 1, b_dense = row.b_stride == 1;
  const bool a_repeated = row.a_stride == 0, b_repeated = row.b_stride == 0;
  if (row.y_stride == 1) {
    if (a_dense && b_dense) return BinaryRow<op, A, B, Walk::kDense, Walk::kDense>;
    if (a_dense && b_repeated) return BinaryRow<op, A, B, Walk::kDense, Walk::kRepeated>;
    if (a_repeated && b_dense) return BinaryRow<op, A, B, Walk::kRepeated, Walk::kDense>;
  }
  return BinaryRow<op, A, B, Walk::kStrided, Walk::kStrided>;
}

template <Op op>
RowFn RowOfTypes(const Params& p, const RowOperands& row) {
  const bool a_signed = p.a_type == DType::kI8, b_signed = p.b_type == DType::kI8;
  if (a_signed) return b_signed ? RowFor<op, int8_t, int8_t>(row) : RowFor<op, int8_t, uint8_t>(row);
  return b_signed ? RowFor<op, uint8_t, int8_t>(row) : RowFor<op, uint8_t, uint8_t>(row);
}

}  // namespace

void QuantizedBinary(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const int rows_at = p.dims - 2, columns_at = p.dims - 1;
  const Term a{Set1(p.a_zero), Set1(p.a_ratio)}, b{Set1(p.b_zero), Set1(p.b_ratio)};
  const Steps steps = MakeSteps(p.y_zero, p.low, p.high);
  RowOperands row{};
  row.y_stride = p.stride[0][columns_at];
  row.a_stride = p.stride[1][columns_at];
  row.b_stride = p.stride[2][columns_at];
  const RowFn run = p.op == Op::kAdd ? RowOfTypes<Op::kAdd>(p, row) : RowOfTypes<Op::kMul>(p, row);
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
    row.y = static_cast<uint8_t*>(args.operands[0]) + at[0];
    row.a = static_cast<const uint8_t*>(args.operands[1]) + at[1];
    row.b = static_cast<const uint8_t*>(args.operands[2]) + at[2];
    for (int64_t r = 0; r < rows; ++r) {
      run(row, columns, a, b, steps);
      row.y += p.stride[0][rows_at];
      row.a += p.stride[1][rows_at];
      row.b += p.stride[2][rows_at];
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
