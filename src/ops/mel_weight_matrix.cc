#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/onnx_dtype_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kBins, kLength, kRate, kLow, kHigh };

Status Infer(InferContext& context) {
  const DType dtype = DTypeFromOnnx(context.attributes().Int("output_datatype", OnnxFromDType(DType::kF32)));
  if (dtype == DType::kUndefined) return Error(Code::kUnsupported, "this output_datatype");
  Dim rows, columns;
  std::vector<int64_t> value;
  if (context.IntValues(kLength, &value) && value.size() == 1) rows = Dim(value[0] / 2 + 1);
  if (context.IntValues(kBins, &value) && value.size() == 1) columns = Dim(value[0]);
  if (rows.lo < 0 || columns.lo < 0) return Error(Code::kBadFile, "a negative size");
  context.SetOutput(0, Type(dtype, {rows, columns}));
  return {};
}

// Triangles on the mel scale, between the bins of a Fourier transform.
Status Reference(ReferenceContext& context) {
  const TensorView& y = context.output(0);
  const int64_t bins = y.shape[1];
  const int64_t rows = y.shape[0];
  const auto length = static_cast<double>(LoadInt(context.input(kLength), 0));
  const double rate = LoadFloat(context.input(kRate), 0);
  const auto mel_of = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double low = mel_of(LoadFloat(context.input(kLow), 0));
  const double step = (mel_of(LoadFloat(context.input(kHigh), 0)) - low) / static_cast<double>(bins + 2);
  const auto edge = [&](int64_t i) {
    const double hertz = 700 * (std::pow(10.0, (low + static_cast<double>(i) * step) / 2595) - 1);
    const double bin = std::floor((length + 1) * hertz / rate);
    return bin >= 0 && bin < static_cast<double>(rows) ? static_cast<int64_t>(bin) : bin >= 0 ? rows : 0;
  };
  for (int64_t i = 0; i < y.elements(); ++i) StoreFloat(y, i, 0);
  const auto set = [&](int64_t row, int64_t bin, double value) {
    if (row < rows) StoreFloat(y, row * bins + bin, value);
  };
  for (int64_t i = 0; i < bins; ++i) {
    const int64_t left = edge(i), centre = edge(i + 1), right = edge(i + 2);
    if (left == centre) set(centre, i, 1);
    for (int64_t j = left; left < centre && j <= centre; ++j) {
      set(j, i, static_cast<double>(j - left) / static_cast<double>(centre - left));
    }
    for (int64_t j = centre; j < right; ++j) {
      set(j, i, static_cast<double>(right - j) / static_cast<double>(right - centre));
    }
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {{"output_datatype", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "MelWeightMatrix", .since = 17}};

}  // namespace

extern const OpDef op_mel_weight_matrix;
const OpDef op_mel_weight_matrix = {
    .name = "MelWeightMatrix",
    .summary = "Weights that turn a spectrum into mel bins",
    .min_inputs = 5,
    .max_inputs = 5,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .value_inputs = 1u << kBins | 1u << kLength,
};

extern const OpSpellings spellings_mel_weight_matrix;
const OpSpellings spellings_mel_weight_matrix = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
