#include "ir/spelling.h"
#include "ops/fourier_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kStep, kWindow, kLength };

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  Dim length;
  std::vector<int64_t> values;
  if (context.HasInput(kLength)) {
    if (context.IntValues(kLength, &values) && values.size() == 1) length = Dim(values[0]);
  } else if (context.HasInput(kWindow)) {
    if (context.input(kWindow).ranked && context.input(kWindow).rank() == 1)
      length = context.input(kWindow).dims[0];
  } else {
    return Error(Code::kBadFile, "neither a window nor frame_length is given");
  }
  const bool step_known = context.IntValues(kStep, &values) && values.size() == 1;
  if ((step_known && values[0] < 1) || (length.known() && length.lo < 1)) {
    return Error(Code::kBadFile, "frame_step and frame_length must be positive");
  }
  if (x.ranked && x.rank() != 2 && (x.rank() != 3 || x.dims[2].lo > 2 || x.dims[2].hi < 1)) {
    return Error(Code::kBadFile, "the signal %s must have a batch, a length and perhaps 1 or 2 parts",
                 ToString(x).c_str());
  }
  Dim frames;
  if (x.ranked && x.dims[1].known() && length.known() && step_known) {
    if (x.dims[1].lo < length.lo) {
      return Error(Code::kBadFile, "the signal %s is shorter than a frame of %lld", ToString(x).c_str(),
                   static_cast<long long>(length.lo));
    }
    frames = Dim((x.dims[1].lo - length.lo) / values[0] + 1);
  }
  if (context.attributes().Int("onesided", 1) != 0) length = FloorDiv(length, 2) + Dim(1);
  context.SetOutput(0, Type(x.dtype, {x.ranked ? x.dims[0] : Dim(), frames, length, Dim(2)}));
  return {};
}

Status Reference(ReferenceContext& context) {
  const Shape& xs = context.input(kX).shape;
  const Shape& ys = context.output(0).shape;
  const int64_t step = LoadInt(context.input(kStep), 0);
  const int64_t length =
      context.HasInput(kLength) ? LoadInt(context.input(kLength), 0) : context.input(kWindow).elements();
  const int64_t parts = xs.rank() == 3 ? xs[2] : 1;
  const Fourier fourier(length, false);
  const double* x = InputArray<double>(context, kX);
  const double* window = InputArray<double>(context, kWindow);
  const int64_t window_size = window != nullptr ? context.input(kWindow).elements() : 0;
  double* y = OutputArray<double>(context, 0);
  double* to = y;
  std::vector<std::complex<double>> frame(static_cast<size_t>(length));
  for (int64_t n = 0; n < ys[0]; ++n) {
    for (int64_t f = 0; f < ys[1]; ++f) {
      for (int64_t t = 0; t < length; ++t) {
        const int64_t at = (n * xs[1] + f * step + t) * parts;
        const double weight = window == nullptr ? 1 : t < window_size ? window[t] : 0;
        frame[static_cast<size_t>(t)] = std::complex<double>(x[at], parts == 2 ? x[at + 1] : 0) * weight;
      }
      for (int64_t k = 0; k < ys[2]; ++k) {
        const std::complex<double> value = fourier.Coefficient(frame, k);
        *to++ = value.real();
        *to++ = value.imag();
      }
    }
  }
  StoreArray(context, 0, y);
  return {};
}

constexpr AttributeDef kAttributes[] = {{"onesided", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "STFT", .since = 17}};

}  // namespace

extern const OpDef op_stft;
const OpDef op_stft = {
    .name = "STFT",
    .summary = "Fourier transforms of the frames of a signal",
    .min_inputs = 2,
    .max_inputs = 4,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .value_inputs = 1u << kStep | 1u << kLength,
};

extern const OpSpellings spellings_stft;
const OpSpellings spellings_stft = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
