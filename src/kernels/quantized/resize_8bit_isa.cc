#include "kernels/quantized/resize_8bit.h"

#include "kernels/requantize/bytes_simd.h"

namespace whet::kernels::WHET_ISA {

void Resize8Bit(const Args& args, int64_t begin, int64_t end);

namespace {

using resize_8bit::kWeightBits;
using resize_8bit::Params;
using resize_8bit::Tap;

constexpr int32_t kOne = 1 << kWeightBits;

// The table comes from a file, so what it says is not trusted.
WHET_INLINE int64_t Index(int64_t index, int64_t size) {
  if (index < 0) return 0;
  return index < size ? index : size - 1;
}

// The input row between two, times 2^11.
template <typename T>
void BlendRows(const Params& p, const uint8_t* image, const Tap& tap, int32_t* row) {
  const uint8_t* first = image + Index(tap.index, p.height) * p.in_row_stride;
  const uint8_t* second = image + Index(int64_t{tap.index} + 1, p.height) * p.in_row_stride;
  const I32 before = Set1(kOne - tap.weight), after = Set1(tap.weight);
  const bool dense = p.in_pixel_stride == p.channels;
  const int64_t pixels = dense ? 1 : p.width;
  const int64_t n = dense ? p.width * p.channels : p.channels;
  for (int64_t x = 0; x < pixels; ++x) {
    int64_t c = 0;
    for (; c + kLanes <= n; c += kLanes) {
      StoreI32(row + c, LoadBytes<T>(first + c) * before + LoadBytes<T>(second + c) * after);
    }
    if (c < n) {
      // The next pixel, or the room beyond the row, is written again.
      StoreI32(row + c, LoadBytesPartial<T>(first + c, n - c) * before +
                            LoadBytesPartial<T>(second + c, n - c) * after);
    }
    first += p.in_pixel_stride;
    second += p.in_pixel_stride;
    row += n;
  }
}

struct Scaling {
  I32 zero;   // of the input, times 2^22
  F32 ratio;  // less 2^22
  Steps steps;
};

void BlendPixels(const Params& p, const int32_t* row, const Tap& tap, uint8_t* out, const Scaling& scaling) {
  const int32_t* first = row + Index(tap.index, p.width) * p.channels;
  const int32_t* second = row + Index(int64_t{tap.index} + 1, p.width) * p.channels;
  const I32 before = Set1(kOne - tap.weight), after = Set1(tap.weight);
  for (int64_t c = 0; c < p.channels; c += kLanes) {
    const I32 acc = LoadI32(first + c) * before + LoadI32(second + c) * after - scaling.zero;
    const I32 q = Requantize(acc, scaling.ratio, scaling.steps);
    if (p.channels - c >= kLanes) {
      StoreBytes(out + c, q);
    } else {
      StoreBytesPartial(out + c, q, p.channels - c);
    }
  }
}

void Nearest(const Params& p, const uint8_t* image, const Tap& y, const Tap* x, uint8_t* out) {
  const uint8_t* row = image + Index(y.index, p.height) * p.in_row_stride;
  for (int64_t i = 0; i < p.out_width; ++i, out += p.out_pixel_stride) {
    const uint8_t* pixel = row + Index(x[i].index, p.width) * p.in_pixel_stride;
    std::memcpy(out, pixel, static_cast<size_t>(p.channels));
  }
}

}  // namespace

void Resize8Bit(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  if (p.channels == 0) return;  // nothing, at strides that nobody checked
  const Tap* const y_table = static_cast<const Tap*>(args.operands[2]);
  const Tap* const x_table = static_cast<const Tap*>(args.operands[3]);
  auto* const row = static_cast<int32_t*>(args.scratch);
  const Scaling scaling{Set1(p.x_zero * (kOne * kOne)), Set1(p.ratio * (1.0f / (kOne * kOne))),
                        MakeSteps(p.y_zero, p.low, p.high)};
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t batch = unit / p.out_height, y = unit % p.out_height;
    const uint8_t* image = static_cast<const uint8_t*>(args.operands[1]) + batch * p.in_batch_stride;
    uint8_t* out =
        static_cast<uint8_t*>(args.operands[0]) + batch * p.out_batch_stride + y * p.out_row_stride;
    if (p.nearest == 1) {
      Nearest(p, image, y_table[y], x_table, out);
      continue;
    }
    if (p.in_type == DType::kI8) {
      BlendRows<int8_t>(p, image, y_table[y], row);
    } else {
      BlendRows<uint8_t>(p, image, y_table[y], row);
    }
    for (int64_t x = 0; x < p.out_width; ++x, out += p.out_pixel_stride) {
      BlendPixels(p, row, x_table[x], out, scaling);
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
