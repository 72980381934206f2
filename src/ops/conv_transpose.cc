#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "ir/spelling.h"
#include "ops/activation_common.h"
#include "ops/conv_import_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kW, kB, kResidual, kSlope };

// What output_padding adds at the end of spatial dimension i.
int64_t OutputPadding(const Attributes& attributes, size_t i) {
  const auto padding = attributes.Ints("output_padding");
  return i < padding.size() ? padding[i] : 0;
}

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  const Type& w = context.input(kW);
  if (!x.ranked || !w.ranked) {
    context.SetOutput(0, Type::Unranked(x.dtype));
    return {};
  }
  if (x.rank() < 3 || x.rank() != w.rank()) {
    return Error(Code::kBadFile,
                 "input %s and weights %s must have the same number of dimensions, at least 3",
                 ToString(x).c_str(), ToString(w).c_str());
  }
  const int64_t group = context.attributes().Int("group", 1);
  const Dim& outputs = w.dims[0];
  if (group < 1 || (outputs.known() && outputs.lo % group != 0)) {
    return Error(Code::kBadFile, "group is %lld but the weights have %s outputs",
                 static_cast<long long>(group), ToString(outputs).c_str());
  }
  const Dim channels = w.dims.back() * Dim(group);
  if (channels.known() && x.dims.back().known() && channels.lo != x.dims.back().lo) {
    return Error(Code::kBadFile, "the input %s has %lld channels but the weights %s (group %lld) need %lld",
                 ToString(x).c_str(), static_cast<long long>(x.dims.back().lo), ToString(w).c_str(),
                 static_cast<long long>(group), static_cast<long long>(channels.lo));
  }
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> kernel, KernelSizes(w));
  WHET_ASSIGN_OR_RETURN(const Window window, ReadWindow(context.attributes(), kernel));
  const auto padding = context.attributes().Ints("output_padding");
  if (!padding.empty() && padding.size() != kernel.size()) {
    return Error(Code::kBadFile, "output_padding has %zu entries but there are %zu spatial dimensions",
                 padding.size(), kernel.size());
  }
  for (int64_t size : padding) {
    if (size < 0 || size > std::numeric_limits<int32_t>::max())
      return Error(Code::kBadFile, "output_padding is %lld; it must be from 0 to %d",
                   static_cast<long long>(size), std::numeric_limits<int32_t>::max());
  }
  std::vector<Dim> dims = {x.dims[0]};
  for (size_t i = 0; i < kernel.size(); ++i) {
    const int64_t rest = window.extent(i) - window.strides[i] - window.begins[i] - window.ends[i] +
                         OutputPadding(context.attributes(), i);
    const auto size = [&](int64_t in) {
      return std::max<int64_t>(0, SaturatingAdd(SaturatingMul(in, window.strides[i]), rest));
    };
    const Dim& in = x.dims[i + 1];
    dims.push_back(Dim(size(in.lo), in.bounded() ? size(in.hi) : Dim::kUnbounded));
  }
  dims.push_back(outputs);
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return CheckEpilogue(context, kB, context.output(0));
}

// Every input pixel adds its weighted kernel to the output.
template <typename T>
Status Run(ReferenceContext& context) {
  const Shape& xs = context.input(kX).shape;
  const Shape& ws = context.input(kW).shape;
  const Shape& ys = context.output(0).shape;
  const T* x = InputArray<T>(context, kX);
  const T* w = InputArray<T>(context, kW);
  const T* b = InputArray<T>(context, kB);
  const T* residual = InputArray<T>(context, kResidual);
  const T* slope = InputArray<T>(context, kSlope);
  T* y = OutputArray<T>(context, 0);
  WHET_ASSIGN_OR_RETURN(const Activation activation, ReadActivation(context.attributes()));
  WHET_ASSIGN_OR_RETURN(const Window window, ReadWindow(context.attributes(), SpatialDims(ws)));

  const int64_t group = context.attributes().Int("group", 1);
  const int64_t outputs = ws[0];
  const int64_t group_outputs = outputs / group;
  const int64_t group_inputs = ws.back();
  const int64_t channels = xs.back();
  int64_t taps = 1;
  for (int64_t size : window.kernel) taps *= size;

  // [group][tap][input channel][output channel]
  T* packed = context.Scratch<T>(ws.elements()).data();
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t c = 0; c < group_inputs; ++c) {
        packed[((o / group_outputs * taps + tap) * group_inputs + c) * group_outputs + o % group_outputs] =
            w[(o * taps + tap) * group_inputs + c];
      }
    }
  }

  const int64_t count = ys.elements();
  for (int64_t i = 0; i < count; ++i) y[i] = b != nullptr ? b[i % outputs] : T{0};
  int64_t in_positions = 1, out_positions = 1;
  for (int64_t size : SpatialDims(xs)) in_positions *= size;
  for (int64_t size : SpatialDims(ys)) out_positions *= size;
  for (int64_t n = 0; n < xs[0]; ++n) {
    ForPositions(SpatialDims(xs), [&](const int64_t* position, int64_t flat) {
      const T* pixel = x + (n * in_positions + flat) * channels;
      ForTaps(window, SpatialDims(ys), position, [&](int64_t tap, int64_t offset) {
        T* target = y + (n * out_positions + offset) * outputs;
        for (int64_t g = 0; g < group; ++g) {
          for (int64_t c = 0; c < group_inputs; ++c) {
            const T value = pixel[g * group_inputs + c];
            const T* weights = packed + ((g * taps + tap) * group_inputs + c) * group_outputs;
            T* sum = target + g * group_outputs;
            for (int64_t o = 0; o < group_outputs; ++o) sum[o] += value * weights[o];
          }
        }
      });
    });
  }
  for (int64_t i = 0; i < count; ++i) {
    if (residual != nullptr) y[i] += residual[i];
    if (activation.kind == ActivationKind::kNone) continue;
    y[i] = static_cast<T>(Activate(activation, static_cast<double>(y[i]),
                                   slope != nullptr ? static_cast<double>(slope[i % outputs]) : 0));
  }
  StoreArray(context, 0, y);
  return {};
}

Status Reference(ReferenceContext& context) {
  return context.input(kX).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

int64_t Macs(const Node& node) {
  const Shape w = node.input(kW)->type.ToShape();
  return node.input(kX)->type.ToShape().elements() * (w.elements() / std::max<int64_t>(1, w.back())) /
         node.attributes.Int("group", 1);
}

// ONNX has [C, O/group, k1 … kk]; ours is [O, k1 … kk, C/group].
Value* ReorderWeights(GraphBuilder& builder, Value* w, int64_t group) {
  const int k = w->type.rank() - 2;
  if (group == 1) {
    std::vector<int64_t> perm = {1};
    for (int i = 0; i < k; ++i) perm.push_back(i + 2);
    perm.push_back(0);
    return builder.Transpose(w, perm);
  }
  const Shape shape = w->type.ToShape();
  std::vector<int64_t> split = {group, shape[0] / group, shape[1]};
  std::vector<int64_t> perm = {0, 2};
  std::vector<int64_t> joined = {shape[1] * group};
  for (int i = 0; i < k; ++i) {
    split.push_back(shape[i + 2]);
    perm.push_back(i + 3);
    joined.push_back(shape[i + 2]);
  }
  perm.push_back(1);
  joined.push_back(shape[0] / group);
  Value* grouped = builder.EmitFolded("Reshape", {w, builder.Ints(split)});
  return builder.EmitFolded("Reshape", {builder.Transpose(grouped, perm), builder.Ints(joined)});
}

// Replaces auto_pad and output_shape by pads and output_padding.
Status ResolvePads(Attributes& attributes, const Type& x, std::span<const int64_t> kernel) {
  const std::string auto_pad(attributes.String("auto_pad", "NOTSET"));
  const auto given = attributes.Ints("output_shape");
  std::vector<int64_t> output_shape(given.begin(), given.end());
  RemoveAttributes(attributes, {"auto_pad", "output_shape"});
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  if (auto_pad == "VALID") attributes.Remove("pads");
  if (!same && output_shape.empty()) return {};
  attributes.Remove("pads");
  const size_t k = kernel.size();
  // Some writers give the batch and the channels too.
  if (output_shape.size() == k + 2) output_shape.erase(output_shape.begin(), output_shape.begin() + 2);
  if (!output_shape.empty() && output_shape.size() != k) {
    return Error(Code::kBadFile, "output_shape has %zu entries but there are %zu spatial dimensions",
                 output_shape.size(), k);
  }
  WHET_ASSIGN_OR_RETURN(const Window window, ReadWindow(attributes, kernel));
  std::vector<int64_t> pads(2 * k), output_padding(k);
  for (size_t i = 0; i < k; ++i) {
    output_padding[i] = OutputPadding(attributes, i);
    int64_t total = window.extent(i) + output_padding[i] - window.strides[i];
    if (!output_shape.empty()) {
      if (!x.dims[i + 1].known()) {
        return Error(Code::kUnsupported, "output_shape while the input's size is not known");
      }
      total += x.dims[i + 1].lo * window.strides[i] - output_shape[i];
    }
    // Where the output is to be larger than what the kernel reaches, the rest is padding at the end.
    if (total < 0) output_padding[i] -= total;
    total = std::max<int64_t>(total, 0);
    pads[i] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
    pads[i + k] = total - pads[i];
  }
  attributes.Set("pads", std::move(pads));
  attributes.Set("output_padding", std::move(output_padding));
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  WHET_RETURN_IF_ERROR(AgreeOnRank(node, 1));
  Value* weights = node.input(1);
  const int rank = weights->type.rank();
  const int64_t group = node.attributes.Int("group", 1);
  if (group != 1 && (!weights->type.IsStatic() || rank + 1 > kMaxRank)) {
    return node.Unsupported("groups while the weights' shape is not known");
  }
  if (group < 1 || (weights->type.dims[0].known() && weights->type.dims[0].lo % group != 0)) {
    return Error(Code::kBadFile, "group is %lld but the weights are %s", static_cast<long long>(group),
                 ToString(weights->type).c_str());
  }
  Value* x = builder.ToChannelsLast(node.input(0));
  Value* w = ReorderWeights(builder, weights, group);
  WHET_RETURN_IF_ERROR(builder.TakeStatus());
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> kernel, KernelSizes(w->type));
  WHET_RETURN_IF_ERROR(ResolvePads(node.attributes, x->type, kernel));
  node.attributes.Remove("kernel_shape");
  Value* y = node.HasInput(2)
                 ? builder.Emit("ConvTranspose", {x, w, node.input(2)}, std::move(node.attributes))
                 : builder.Emit("ConvTranspose", {x, w}, std::move(node.attributes));
  node.SetResult(0, builder.ToChannelsFirst(y));
  return builder.TakeStatus();
}

// [O, k1 … kk, C/group] as ONNX's [C, O/group, k1 … kk].
std::string ExportWeights(const Value* w, int64_t group, OnnxSink& sink) {
  const int k = w->type.rank() - 2;
  const auto transpose = [&](const std::string& name, std::vector<int64_t> perm) {
    std::string result = sink.Fresh("weights");
    sink.Node("Transpose", {name}, {result}, {{"perm", std::move(perm)}});
    return result;
  };
  const auto reshape = [&](const std::string& name, const std::vector<int64_t>& shape) {
    std::string result = sink.Fresh("weights");
    sink.Node("Reshape", {name, sink.Initializer("shape", Constant::Ints(shape))}, {result});
    return result;
  };
  if (group == 1) {
    std::vector<int64_t> perm = {k + 1, 0};
    for (int i = 0; i < k; ++i) perm.push_back(i + 1);
    return transpose(sink.NameOf(w), perm);
  }
  const Shape shape = w->type.ToShape();
  std::vector<int64_t> split = {group, shape[0] / group};
  std::vector<int64_t> perm = {0, k + 2, 1};
  std::vector<int64_t> joined = {shape.back() * group, shape[0] / group};
  for (int i = 0; i < k; ++i) {
    split.push_back(shape[i + 1]);
    perm.push_back(i + 2);
    joined.push_back(shape[i + 1]);
  }
  split.push_back(shape.back());
  return reshape(transpose(reshape(sink.NameOf(w), split), perm), joined);
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  Attributes attributes = node.attributes;
  RemoveAttributes(attributes, {"activation", "alpha", "beta"});
  const int64_t group = attributes.Int("group", 1);
  if (group != 1 && !node.input(kW)->type.IsStatic()) {
    return Error(Code::kUnsupported, "a grouped ConvTranspose whose weights' shape is not known");
  }
  std::vector<std::string> inputs = {sink.ChannelsFirst(node.input(kX)),
                                     ExportWeights(node.input(kW), group, sink)};
  if (node.input(kB) != nullptr) inputs.push_back(sink.NameOf(node.input(kB)));
  const std::string result = sink.DefineFromChannelsFirst(node.output());
  const bool more = HasEpilogue(node, kResidual);
  const std::string sum = more ? sink.Fresh("conv") : result;
  sink.Node("ConvTranspose", inputs, std::span(&sum, 1), attributes);
  return more ? ExportEpilogue(node, sink, sum, kResidual, true, result) : Status();
}

// The output's size is given. What the window reaches beyond it is cut, half at each side; what it does not
// reach is added at the end.
Status EmitTflite(ForeignNode& node, GraphBuilder& builder, Value* x, Value* w, Value* bias, bool same,
                  std::array<int64_t, 2> strides, std::array<int64_t, 2> sizes) {
  if (x->type.rank() != 4 || w->type.rank() != 4)
    return Error(Code::kBadFile, "input and weights must have 4 dimensions");
  if (strides[0] < 1 || strides[1] < 1) return Error(Code::kBadFile, "a stride is below 1");
  std::vector<int64_t> pads(4), output_padding(2);
  for (size_t i = 0; i < 2; ++i) {
    const Dim& size = x->type.dims[i + 1];
    const Dim& kernel = w->type.dims[i + 1];
    if (!kernel.known()) return node.Unsupported("weights of unknown shape");
    int64_t total = same ? kernel.lo - strides[i] : 0;
    if (sizes[i] >= 0) {
      if (!size.known()) return node.Unsupported("an output size while the input's is not known");
      total = SaturatingMul(size.lo - 1, strides[i]) + kernel.lo - sizes[i];
    }
    pads[i] = std::max<int64_t>(total, 0) / 2;
    pads[i + 2] = std::max<int64_t>(total, 0) - pads[i];
    output_padding[i] = std::max<int64_t>(-total, 0);
  }
  Attributes attributes = {{"strides", std::vector<int64_t>(strides.begin(), strides.end())}, {"pads", pads}};
  if (output_padding[0] != 0 || output_padding[1] != 0) attributes.Set("output_padding", output_padding);
  Value* y = builder.Emit("ConvTranspose", {x, w, bias}, std::move(attributes));
  node.SetResult(0, ApplyTfliteActivation(node, builder, y));
  return builder.TakeStatus();
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  std::array<int64_t, 2> sizes = {-1, -1};
  if (node.input(0)->IsConstant()) {
    WHET_ASSIGN_OR_RETURN(const auto shape, TfliteConstantInts(node, 0, "the output's shape"));
    if (shape.size() != 4) return Error(Code::kBadFile, "the output's shape has %zu entries", shape.size());
    sizes = {shape[1], shape[2]};
  } else if (node.output_types[0].IsStatic() && node.output_types[0].rank() == 4) {
    sizes = {node.output_types[0].dims[1].lo, node.output_types[0].dims[2].lo};
  }
  return EmitTflite(node, builder, node.input(2), node.input(1), TfliteBias(node, 3),
                    node.attributes.String("padding", "SAME") == "SAME",
                    {node.attributes.Int("stride_h"), node.attributes.Int("stride_w")}, sizes);
}

// MediaPipe's operator. Its options are three 32-bit integers: padding (1 same, 2 valid), stride_w, stride_h.
Status ImportMediapipe(ForeignNode& node, GraphBuilder& builder) {
  const std::string_view options = node.attributes.String("custom_options");
  int32_t values[3];
  if (options.size() < sizeof(values))
    return Error(Code::kBadFile, "its options have %zu bytes", options.size());
  std::memcpy(values, options.data(), sizeof(values));
  if (values[0] != 1 && values[0] != 2) return node.Unsupported(Format("padding %d", values[0]));
  return EmitTflite(node, builder, node.input(0), node.input(1), TfliteBias(node, 2), values[0] == 1,
                    {values[2], values[1]}, {-1, -1});
}

// Which of TFLite's paddings gives the output that the node has; "" if neither does.
std::string_view PaddingOf(const Node& node, const Window& window) {
  const Type& x = node.input(kX)->type;
  const Type& y = node.output()->type;
  bool valid = true, same = true;
  for (size_t i = 0; i < window.rank(); ++i) {
    const int64_t size = x.dims[i + 1].lo, out = y.dims[i + 1].lo, stride = window.strides[i];
    const int64_t total = (size - 1) * stride + window.kernel[i] - out;
    valid = valid && total == 0;
    same = same && size == (out + stride - 1) / stride && window.begins[i] == std::max<int64_t>(total, 0) / 2;
  }
  return valid ? "VALID" : same ? "SAME" : "";
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  WHET_RETURN_IF_ERROR(ExpandEpilogue(node, builder, kResidual, results));
  if (results.empty()) WHET_RETURN_IF_ERROR(ExpandOneDimensional(node, builder, kW, results));
  if (!results.empty()) return {};
  const Type& x = node.input(kX)->type;
  if (!x.ranked) return Error(Code::kUnsupported, "the number of dimensions is not known");
  const Type& y = node.output()->type;
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> kernel, KernelSizes(node.input(kW)->type));
  WHET_ASSIGN_OR_RETURN(const Window window, ReadWindow(node.attributes, kernel));
  if (kernel.size() != 2 || !y.ranked || !y.dims[1].known() || !y.dims[2].known()) {
    return Error(Code::kUnsupported, "an output of open size");
  }
  if (node.attributes.Int("group", 1) != 1) return Error(Code::kUnsupported, "group is not 1");
  if (window.dilations[0] != 1 || window.dilations[1] != 1) {
    return Error(Code::kUnsupported, "dilations");
  }
  if (!PaddingOf(node, window).empty()) return {};
  // All that the windows reach, and what is asked for cut out of it.
  std::vector<int64_t> starts, ends, pads = {0, 0, 0, 0, 0, 0, 0, 0};
  Attributes attributes = node.attributes;
  RemoveAttributes(attributes, {"pads", "output_padding"});
  for (size_t i = 0; i < 2; ++i) {
    const int64_t reach = (node.input(kX)->type.dims[i + 1].lo - 1) * window.strides[i] + window.kernel[i];
    starts.push_back(window.begins[i]);
    ends.push_back(window.begins[i] + y.dims[i + 1].lo);
    if (ends[i] > reach) return Error(Code::kUnsupported, "output_padding beyond what the kernel reaches");
  }
  Value* whole = builder.Emit("ConvTranspose", node.inputs(), std::move(attributes));
  results = {builder.Emit("Slice", {whole, builder.Ints(starts), builder.Ints(ends), builder.Ints({1, 2})})};
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  const Value* x = node.input(kX);
  const Value* w = node.input(kW);
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> kernel, KernelSizes(w->type));
  WHET_ASSIGN_OR_RETURN(const Window window, ReadWindow(node.attributes, kernel));
  std::vector<int64_t> sizes;
  for (const Dim& dim : node.output()->type.dims) {
    if (!dim.known()) return Error(Code::kUnsupported, "an output of open size");
    sizes.push_back(dim.lo);
  }
  std::vector<TfliteSink::Tensor> inputs = {sink.Ints(sizes), sink.Weights(w, {0, 1, 2, 3}), sink.Of(x)};
  if (node.input(kB) != nullptr) inputs.push_back(sink.Bias(node.input(kB), x, w));
  const TfliteSink::Tensor result = sink.Result(node);
  sink.Operator("TRANSPOSE_CONV", inputs, std::span(&result, 1),
                TfliteWindowOptions(window, PaddingOf(node, window), sink));
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"strides", AttributeKind::kInts}, {"dilations", AttributeKind::kInts},
    {"pads", AttributeKind::kInts},    {"output_padding", AttributeKind::kInts},
    {"group", AttributeKind::kInt},    {"activation", AttributeKind::kString},
    {"alpha", AttributeKind::kFloat},  {"beta", AttributeKind::kFloat},
};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "ConvTranspose", .import = ImportOnnx}};
constexpr TfliteSpelling kTflite[] = {{"TRANSPOSE_CONV", ImportTflite, 3},
                                      {"CUSTOM:Convolution2DTransposeBias", ImportMediapipe, 2}};

}  // namespace

extern const OpDef op_conv_transpose;
const OpDef op_conv_transpose = {
    .name = "ConvTranspose",
    .summary =
        "Transposed convolution with optional bias, residual and activation; weights [O, k1 … kk, C/group]",
    .min_inputs = 2,
    .max_inputs = 5,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .macs = Macs,
};

extern const OpSpellings spellings_conv_transpose;
const OpSpellings spellings_conv_transpose = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_onnx = ExportOnnx,
    .to_tflite = {.expand = ExpandTflite,
                  .write = WriteTflite,
                  .scales = TfliteScales::kAny,
                  .unquantized_inputs = 1u << kB,
                  .activation = true},
};

}  // namespace whet::ops
