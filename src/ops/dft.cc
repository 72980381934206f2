#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/fourier_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kLength, kAxis };

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  const bool one_sided = context.attributes().Int("onesided") != 0;
  // The inverse of one side gives the real signal.
  const bool to_real = one_sided && context.attributes().Int("inverse") != 0;
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  std::vector<Dim> dims = x.dims;
  if (x.rank() < 2 || x.dims.back().lo > 2 || x.dims.back().hi < 1) {
    return Error(Code::kBadFile, "the input %s must end in a dimension of 1 (real) or 2 (complex)",
                 ToString(x).c_str());
  }
  dims.back() = Dim(to_real ? 1 : 2);
  std::vector<int64_t> values;
  if (context.HasInput(kAxis) && !context.IntValues(kAxis, &values)) {
    for (size_t i = 0; i + 1 < dims.size(); ++i) dims[i] = Dim();
    context.SetOutput(0, Type(x.dtype, std::move(dims)));
    return {};
  }
  if (context.HasInput(kAxis) && values.size() != 1) {
    return Error(Code::kBadFile, "the axis is %s; it must be one number",
                 ToString(context.input(kAxis)).c_str());
  }
  const int64_t given = values.size() == 1 ? values[0] : -2;
  const int axis = NormalizeAxis(given, x.rank());
  if (axis < 0 || axis == x.rank() - 1) {
    return Error(Code::kBadFile, "axis %lld is not one to transform of %s", static_cast<long long>(given),
                 ToString(x).c_str());
  }
  Dim& dim = dims[static_cast<size_t>(axis)];
  if (context.HasInput(kLength)) {
    const bool known = context.IntValues(kLength, &values) && values.size() == 1;
    if (known && values[0] < 1)
      return Error(Code::kBadFile, "dft_length is %lld", static_cast<long long>(values[0]));
    dim = known ? Dim(values[0]) : Dim();
  } else if (to_real) {
    dim = (dim - 1) * Dim(2);
    dim.lo = std::max<int64_t>(0, dim.lo);
  }
  if (one_sided && !to_real) dim = FloorDiv(dim, 2) + Dim(1);
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

Status Reference(ReferenceContext& context) {
  const Shape& xs = context.input(kX).shape;
  const Shape& ys = context.output(0).shape;
  // Nothing else bounds dft_length then.
  if (ys.elements() == 0) return {};
  const bool inverse = context.attributes().Int("inverse") != 0;
  const bool to_real = inverse && context.attributes().Int("onesided") != 0;
  const int64_t given = context.HasInput(kAxis) ? LoadInt(context.input(kAxis), 0) : -2;
  const int axis = NormalizeAxis(given, xs.rank());
  if (axis < 0 || axis == xs.rank() - 1) return Error(Code::kBadFile, "there is no such axis to transform");
  int64_t length = to_real ? ys[axis] : xs[axis];
  if (context.HasInput(kLength)) length = LoadInt(context.input(kLength), 0);
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < axis; ++i) outer *= xs[i];
  for (int i = axis + 1; i + 1 < xs.rank(); ++i) inner *= xs[i];
  const int64_t parts = xs.back();
  const Fourier fourier(std::max<int64_t>(1, length), inverse);
  const double* x = InputArray<double>(context, kX);
  double* y = OutputArray<double>(context, 0);
  std::vector<std::complex<double>> signal(static_cast<size_t>(length));
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; ++i) {
      const auto value = [&](int64_t t) -> std::complex<double> {
        if (t >= xs[axis]) return 0;
        const int64_t at = ((o * xs[axis] + t) * inner + i) * parts;
        return {x[at], parts == 2 ? x[at + 1] : 0};
      };
      for (int64_t t = 0; t < length; ++t) {
        // Of a real signal's transform the other side is the mirror image.
        const bool mirrored = to_real && t > length / 2;
        signal[static_cast<size_t>(t)] = mirrored ? std::conj(value(length - t)) : value(t);
      }
      for (int64_t k = 0; k < ys[axis]; ++k) {
        const std::complex<double> result = fourier.Coefficient(signal, k);
        const int64_t at = ((o * ys[axis] + k) * inner + i) * ys.back();
        y[at] = result.real();
        if (ys.back() == 2) y[at + 1] = result.imag();
      }
    }
  }
  StoreArray(context, 0, y);
  return {};
}

// Before opset 20 the axis is an attribute.
Status ImportAxisAttribute(ForeignNode& node, GraphBuilder& builder) {
  Value* axis = builder.Int(node.attributes.Int("axis", 1));
  node.attributes.Remove("axis");
  node.SetResult(
      0, builder.Emit("DFT", {node.input(kX), node.input(kLength), axis}, std::move(node.attributes)));
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  std::vector<std::string> inputs;
  for (const Value* value : node.inputs()) inputs.push_back(sink.NameOf(value));
  Attributes attributes = node.attributes;
  if (sink.opset() < 20) {
    const Value* axis = node.input(kAxis);
    const Type& x = node.input(kX)->type;
    if ((axis != nullptr && !axis->IsConstant()) || !x.ranked) {
      return Error(Code::kUnsupported, "DFT along an axis that is not known needs opset 20");
    }
    const int64_t given = axis != nullptr ? LoadInt(axis->constant()->view(), 0) : -2;
    attributes.Set("axis", int64_t{NormalizeAxis(given, x.rank())});
    if (inputs.size() > kAxis) inputs.resize(kAxis);
    if (inputs.back().empty()) inputs.pop_back();
  }
  const std::string result = sink.NameOf(node.output());
  sink.Node("DFT", inputs, std::span(&result, 1), attributes);
  return {};
}

constexpr AttributeDef kAttributes[] = {{"inverse", AttributeKind::kInt}, {"onesided", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {
    {.op_type = "DFT", .since = 20},
    {.op_type = "DFT", .since = 17, .until = 19, .import = ImportAxisAttribute}};

}  // namespace

extern const OpDef op_dft;
const OpDef op_dft = {
    .name = "DFT",
    .summary = "Discrete Fourier transform along one axis",
    .min_inputs = 1,
    .max_inputs = 3,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .value_inputs = 1u << kLength | 1u << kAxis,
};

extern const OpSpellings spellings_dft;
const OpSpellings spellings_dft = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
