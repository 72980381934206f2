#include "ir/spelling.h"
#include "ops/conv_import_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

// x [N, H, W, C], weights [O, kh, kw, C/group]; offsets [N, oh, ow, groups * kh * kw * 2] (rows, then
// columns) and the mask [N, oh, ow, groups * kh * kw] have a group for each offset_group channels.
enum Input : size_t { kX, kW, kOffsets, kB, kMask };

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  const Type& w = context.input(kW);
  const Type& offsets = context.input(kOffsets);
  if (!x.ranked || !w.ranked || !offsets.ranked) {
    context.SetOutput(0, Type::Unranked(x.dtype));
    return {};
  }
  if (x.rank() != 4 || w.rank() != 4 || offsets.rank() != 4) {
    return Error(Code::kUnsupported, "a deformable convolution of %s; only images are supported",
                 ToString(x).c_str());
  }
  const int64_t group = context.attributes().Int("group", 1);
  const int64_t offset_group = context.attributes().Int("offset_group", 1);
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> kernel, KernelSizes(w));
  WHET_ASSIGN_OR_RETURN(const Window window, ReadWindow(context.attributes(), kernel));
  const auto fits = [](const Dim& dim, const Dim& wanted) {
    return dim.lo <= wanted.hi && wanted.lo <= dim.hi;
  };
  const bool groups = group >= 1 && offset_group >= 1 && fits(x.dims[3], w.dims[3] * Dim(group)) &&
                      (!w.dims[0].known() || w.dims[0].lo % group == 0) &&
                      (!x.dims[3].known() || x.dims[3].lo % offset_group == 0);
  const int64_t taps = SaturatingMul(kernel[0], kernel[1]);
  if (!groups || !fits(offsets.dims[3], Dim(SaturatingMul(2 * taps, offset_group)))) {
    return Error(Code::kBadFile, "input %s, weights %s and offsets %s do not fit each other",
                 ToString(x).c_str(), ToString(w).c_str(), ToString(offsets).c_str());
  }
  context.SetOutput(0, Type(x.dtype, {x.dims[0], window.OutputDim(0, x.dims[1]),
                                      window.OutputDim(1, x.dims[2]), w.dims[0]}));
  return {};
}

Status Reference(ReferenceContext& context) {
  const Shape& xs = context.input(kX).shape;
  const Shape& ws = context.input(kW).shape;
  const Shape& ys = context.output(0).shape;
  const Shape& offset_shape = context.input(kOffsets).shape;
  WHET_ASSIGN_OR_RETURN(const Window window, ReadWindow(context.attributes(), SpatialDims(ws)));
  const int64_t group = context.attributes().Int("group", 1);
  const int64_t offset_group = context.attributes().Int("offset_group", 1);
  const int64_t height = xs[1], width = xs[2], channels = xs[3], outputs = ws[0], inputs = ws[3];
  const int64_t taps = ws[1] * ws[2];
  if (offset_shape[0] != ys[0] || offset_shape[1] != ys[1] || offset_shape[2] != ys[2]) {
    return Error(Code::kInvalidArgument, "offsets of shape %s do not fit an output of shape %s",
                 offset_shape.ToString().c_str(), ys.ToString().c_str());
  }
  if (context.HasInput(kMask) && context.input(kMask).elements() * 2 != context.input(kOffsets).elements()) {
    return Error(Code::kInvalidArgument, "a mask of shape %s does not fit offsets of shape %s",
                 context.input(kMask).shape.ToString().c_str(), offset_shape.ToString().c_str());
  }
  if (context.HasInput(kB) && context.input(kB).elements() != outputs) {
    return Error(Code::kInvalidArgument, "%lld biases are given for %lld outputs",
                 static_cast<long long>(context.input(kB).elements()), static_cast<long long>(outputs));
  }
  const double* x = InputArray<double>(context, kX);
  const double* w = InputArray<double>(context, kW);
  const double* offsets = InputArray<double>(context, kOffsets);
  const double* b = InputArray<double>(context, kB);
  const double* mask = InputArray<double>(context, kMask);
  double* y = OutputArray<double>(context, 0);
  const auto columns = context.Scratch<double>(taps * channels);
  for (int64_t position = 0; position < ys[0] * ys[1] * ys[2]; ++position) {
    const int64_t n = position / (ys[1] * ys[2]), row = position / ys[2] % ys[1], column = position % ys[2];
    const double* image = x + n * height * width * channels;
    const auto pixel = [&](int64_t r, int64_t c, int64_t channel) {
      return r >= 0 && r < height && c >= 0 && c < width ? image[(r * width + c) * channels + channel] : 0;
    };
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t at = (position * offset_group + c / (channels / offset_group)) * taps + tap;
        const double r = static_cast<double>(row * window.strides[0] - window.begins[0] +
                                             tap / ws[2] * window.dilations[0]) +
                         offsets[at * 2];
        const double q = static_cast<double>(column * window.strides[1] - window.begins[1] +
                                             tap % ws[2] * window.dilations[1]) +
                         offsets[at * 2 + 1];
        double value = 0;
        if (r > -1 && r < static_cast<double>(height) && q > -1 && q < static_cast<double>(width)) {
          const double top = std::floor(r), left = std::floor(q);
          const double dr = r - top, dq = q - left;
          const auto i = static_cast<int64_t>(top), j = static_cast<int64_t>(left);
          value = (1 - dr) * ((1 - dq) * pixel(i, j, c) + dq * pixel(i, j + 1, c)) +
                  dr * ((1 - dq) * pixel(i + 1, j, c) + dq * pixel(i + 1, j + 1, c));
        }
        columns[static_cast<size_t>(tap * channels + c)] = mask != nullptr ? value * mask[at] : value;
      }
    }
    for (int64_t o = 0; o < outputs; ++o) {
      double sum = b != nullptr ? b[o] : 0;
      const int64_t first = o / (outputs / group) * inputs;
      for (int64_t tap = 0; tap < taps; ++tap) {
        for (int64_t c = 0; c < inputs; ++c) {
          sum += columns[static_cast<size_t>(tap * channels + first + c)] * w[(o * taps + tap) * inputs + c];
        }
      }
      y[position * outputs + o] = sum;
    }
  }
  StoreArray(context, 0, y);
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  WHET_RETURN_IF_ERROR(AgreeOnRank(node, kW));
  RequireRank(node.input(kOffsets), 4);
  if (node.HasInput(kMask)) RequireRank(node.input(kMask), 4);
  node.attributes.Remove("kernel_shape");
  std::vector<Value*> inputs = {builder.ToChannelsLast(node.input(kX)),
                                builder.ToChannelsLast(node.input(kW)),
                                builder.ToChannelsLast(node.input(kOffsets)), node.input(kB)};
  if (node.HasInput(kMask)) inputs.push_back(builder.ToChannelsLast(node.input(kMask)));
  Value* y = builder.Emit("DeformConv", std::span<Value* const>(inputs), std::move(node.attributes));
  node.SetResult(0, builder.ToChannelsFirst(y));
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  if (sink.opset() < 19) return Error(Code::kUnsupported, "DeformConv needs opset 19");
  std::vector<std::string> inputs;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    const Value* value = node.input(i);
    inputs.push_back(i == kB || value == nullptr ? sink.NameOf(value) : sink.ChannelsFirst(value));
  }
  const std::string result = sink.DefineFromChannelsFirst(node.output());
  sink.Node("DeformConv", inputs, std::span(&result, 1), node.attributes);
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"strides", AttributeKind::kInts}, {"dilations", AttributeKind::kInts},   {"pads", AttributeKind::kInts},
    {"group", AttributeKind::kInt},    {"offset_group", AttributeKind::kInt},
};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "DeformConv", .since = 19, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_deform_conv;
const OpDef op_deform_conv = {
    .name = "DeformConv",
    .summary = "Convolution that reads at places moved by offsets",
    .min_inputs = 3,
    .max_inputs = 5,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_deform_conv;
const OpSpellings spellings_deform_conv = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
