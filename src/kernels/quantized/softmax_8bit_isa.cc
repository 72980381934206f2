#include "kernels/quantized/softmax_8bit.h"

#include "kernels/requantize/bytes_simd.h"

namespace whet::kernels::WHET_ISA {

void Softmax8Bit(const Args& args, int64_t begin, int64_t end);

namespace {

using softmax_8bit::Params;

template <typename T>
void Line(const Params& p, const T* in, uint8_t* out, const int32_t* table, int32_t* e, const Steps& steps) {
  T greatest = in[0];
  for (int64_t i = 1; i < p.axis; ++i) {
    const T x = in[i * p.inner];
    greatest = x > greatest ? x : greatest;
  }
  int64_t sum = 0;
  for (int64_t i = 0; i < p.axis; ++i) {
    e[i] = table[greatest - in[i * p.inner]];
    sum += e[i];
  }
  const auto scale = static_cast<float>(1.0 / (static_cast<double>(sum) * static_cast<double>(p.y_scale)));
  for (int64_t i = 0; i < p.axis; i += kLanes) {
    const int64_t lanes = p.axis - i < kLanes ? p.axis - i : kLanes;
    // Beyond the line there is room in scratch; what it holds goes nowhere.
    const I32 q = Requantize(LoadI32(e + i), Set1(scale), steps);
    if (p.inner != 1) {
      uint8_t bytes[kLanes];
      StoreBytes(bytes, q);
      for (int64_t k = 0; k < lanes; ++k) out[(i + k) * p.inner] = bytes[k];
    } else if (lanes == kLanes) {
      StoreBytes(out + i, q);
    } else {
      StoreBytesPartial(out + i, q, lanes);
    }
  }
}

template <typename T>
void Lines(const Params& p, const Args& args, int64_t begin, int64_t end) {
  const Steps steps = MakeSteps(p.y_zero, p.low, p.high);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t at = unit / p.inner * p.axis * p.inner + unit % p.inner;
    Line(p, static_cast<const T*>(args.operands[1]) + at, static_cast<uint8_t*>(args.operands[0]) + at,
         static_cast<const int32_t*>(args.operands[2]), static_cast<int32_t*>(args.scratch), steps);
  }
}

}  // namespace

void Softmax8Bit(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  if (p.in_type == DType::kI8) {
    Lines<int8_t>(p, args, begin, end);
  } else {
    Lines<uint8_t>(p, args, begin, end);
  }
}

}  // namespace whet::kernels::WHET_ISA
