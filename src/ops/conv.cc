#include "ir/spelling.h"
#include "ops/activation_common.h"
#include "ops/conv_import_common.h"
#include "ops/conv_reference_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kW, kB, kResidual, kSlope };

Status Infer(InferContext& context) {
  WHET_ASSIGN_OR_RETURN(Type y, InferConvolution(context, kW));
  const bool ranked = y.ranked;
  context.SetOutput(0, std::move(y));
  return ranked ? CheckEpilogue(context, kB, context.output(0)) : Status();
}

template <typename T>
Status Run(ReferenceContext& context) {
  const T* b = InputArray<T>(context, kB);
  const T* residual = InputArray<T>(context, kResidual);
  const T* slope = InputArray<T>(context, kSlope);
  T* y = OutputArray<T>(context, 0);
  WHET_ASSIGN_OR_RETURN(const Activation activation, ReadActivation(context.attributes()));
  const int64_t outputs = context.output(0).shape.back();
  WHET_RETURN_IF_ERROR(ConvolveReference(
      context, context.input(kW).shape, InputArray<T>(context, kX), InputArray<T>(context, kW),
      [&](T* sums) {
        for (int64_t o = 0; o < outputs; ++o) sums[o] = b != nullptr ? b[o] : T{0};
      },
      [&](T* sums) {
        for (int64_t o = 0; o < outputs; ++o) {
          if (residual != nullptr) sums[o] += *residual++;
          *y++ = activation.kind == ActivationKind::kNone
                     ? sums[o]
                     : static_cast<T>(Activate(activation, static_cast<double>(sums[o]),
                                               slope != nullptr ? static_cast<double>(slope[o]) : 0));
        }
      }));
  StoreArray(context, 0, y - context.output(0).shape.elements());
  return {};
}

Status Reference(ReferenceContext& context) {
  return context.input(kX).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

int64_t Macs(const Node& node) {
  const Shape w = node.input(kW)->type.ToShape();
  return node.output()->type.ToShape().elements() * (w.elements() / std::max<int64_t>(1, w[0]));
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  WHET_RETURN_IF_ERROR(AgreeOnRank(node, 1));
  WHET_ASSIGN_OR_RETURN(
      Value * y, EmitConv(builder, builder.ToChannelsLast(node.input(0)),
                          builder.ToChannelsLast(node.input(1)), node.input(2), std::move(node.attributes)));
  node.SetResult(0, builder.ToChannelsFirst(y));
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  Attributes attributes = node.attributes;
  RemoveAttributes(attributes, {"activation", "alpha", "beta"});
  std::vector<std::string> inputs = {sink.ChannelsFirst(node.input(kX)), sink.ChannelsFirst(node.input(kW))};
  if (node.input(kB) != nullptr) inputs.push_back(sink.NameOf(node.input(kB)));
  const std::string result = sink.DefineFromChannelsFirst(node.output());
  const bool more = HasEpilogue(node, kResidual);
  const std::string sum = more ? sink.Fresh("conv") : result;
  sink.Node("Conv", inputs, std::span(&sum, 1), attributes);
  return more ? ExportEpilogue(node, sink, sum, kResidual, true, result) : Status();
}

Status EmitTflite(ForeignNode& node, GraphBuilder& builder, Value* w, int64_t group) {
  Value* x = node.input(0);
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> kernel, KernelSizes(w->type));
  WHET_ASSIGN_OR_RETURN(Attributes attributes, TfliteWindow(node, x, kernel));
  if (group != 1) attributes.Set("group", group);
  Value* y = builder.Emit("Conv", {x, w, TfliteBias(node, 2)}, std::move(attributes));
  node.SetResult(0, ApplyTfliteActivation(node, builder, y));
  return builder.TakeStatus();
}

// Weights [O, h, w, I]; fewer input channels than the input has make groups.
Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  const Type& x = node.input(0)->type;
  const Type& w = node.input(1)->type;
  if (w.rank() != 4 || x.rank() != 4)
    return Error(Code::kBadFile, "input and weights must have 4 dimensions");
  int64_t group = 1;
  if (x.dims[3].known() && w.dims[3].known() && w.dims[3].lo > 0 && x.dims[3].lo % w.dims[3].lo == 0) {
    group = x.dims[3].lo / w.dims[3].lo;
  }
  return EmitTflite(node, builder, node.input(1), group);
}

// Weights [1, h, w, I * multiplier].
Status ImportDepthwise(ForeignNode& node, GraphBuilder& builder) {
  const Type& x = node.input(0)->type;
  if (node.input(1)->type.rank() != 4 || x.rank() != 4 || !x.dims[3].known()) {
    return Error(Code::kBadFile, "input and weights must have 4 dimensions, and the channels must be known");
  }
  Value* w = TransposeWeights(builder, node.input(1), {3, 1, 2, 0});
  WHET_RETURN_IF_ERROR(builder.TakeStatus());
  return EmitTflite(node, builder, w, x.dims[3].lo);
}

// Weights [d, h, w, I, O].
Status ImportConv3D(ForeignNode& node, GraphBuilder& builder) {
  if (node.input(1)->type.rank() != 5) return Error(Code::kBadFile, "the weights must have 5 dimensions");
  Value* w = TransposeWeights(builder, node.input(1), {4, 0, 1, 2, 3});
  WHET_RETURN_IF_ERROR(builder.TakeStatus());
  return EmitTflite(node, builder, w, 1);
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  WHET_RETURN_IF_ERROR(ExpandEpilogue(node, builder, kResidual, results));
  if (results.empty()) WHET_RETURN_IF_ERROR(ExpandOneDimensional(node, builder, kW, results));
  if (!results.empty()) return {};
  const Type& x = node.input(kX)->type;
  if (!x.ranked) return Error(Code::kUnsupported, "the number of dimensions is not known");
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> kernel, KernelSizes(node.input(kW)->type));
  WHET_ASSIGN_OR_RETURN(Window window, ReadWindow(node.attributes, kernel));
  const bool padded = TflitePadding(x, &window).empty();
  // Some readers take no CONV_2D without a bias.
  const Type& w = node.input(kW)->type;
  const bool biased = node.input(kB) != nullptr || x.dtype != DType::kF32 || !w.dims[0].known();
  if (!padded && biased) return {};
  if (padded && (window.same_upper || window.same_lower)) {
    return Error(Code::kUnsupported, "padding that depends on the input's size, which is not known");
  }
  Attributes attributes = node.attributes;
  RemoveAttributes(attributes, {"pads", "auto_pad"});
  std::vector<Value*> inputs(node.inputs().begin(), node.inputs().end());
  if (!biased) {
    inputs.resize(std::max<size_t>(inputs.size(), kB + 1), nullptr);
    inputs[kB] = builder.Const(Constant::Copy(DType::kF32, Shape{w.dims[0].lo}, nullptr));
  }
  if (padded) {
    inputs[kX] = EmitTflitePad(builder, inputs[kX], window, 0);
  } else {
    attributes = node.attributes;
  }
  results = {builder.Emit("Conv", inputs, std::move(attributes))};
  return builder.TakeStatus();
}

// Weights [O, h, w, I / group]; one input channel a group is DEPTHWISE_CONV_2D with weights [1, h, w, O].
Status WriteTflite(const Node& node, TfliteSink& sink) {
  const Value* x = node.input(kX);
  const Value* w = node.input(kW);
  if (!w->type.IsStatic()) return Error(Code::kUnsupported, "the weights' shape is not known");
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> kernel, KernelSizes(w->type));
  WHET_ASSIGN_OR_RETURN(Window window, ReadWindow(node.attributes, kernel));
  const std::string_view padding = TflitePadding(x->type, &window);
  Attributes options = TfliteWindowOptions(window, padding, sink);
  const int64_t group = node.attributes.Int("group", 1);
  std::string_view builtin = "CONV_2D";
  std::vector<int64_t> perm = {0, 1, 2, 3};
  if (kernel.size() == 3 && group == 1) {
    builtin = "CONV_3D";
    perm = {1, 2, 3, 4, 0};
  } else if (kernel.size() != 2) {
    return Error(Code::kUnsupported, "a convolution of %zu dimensions in %lld groups", kernel.size(),
                 static_cast<long long>(group));
  } else if (group > 1 && w->type.dims.back().lo == 1) {
    builtin = "DEPTHWISE_CONV_2D";
    perm = {3, 1, 2, 0};
    options.Set("depth_multiplier", w->type.dims[0].lo / group);
  }
  std::vector<TfliteSink::Tensor> inputs = {sink.Of(x), sink.Weights(w, perm)};
  if (node.input(kB) != nullptr) inputs.push_back(sink.Bias(node.input(kB), x, w));
  const TfliteSink::Tensor result = sink.Result(node);
  sink.Operator(builtin, inputs, std::span(&result, 1), options);
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"strides", AttributeKind::kInts}, {"dilations", AttributeKind::kInts},
    {"pads", AttributeKind::kInts},    {"auto_pad", AttributeKind::kString},
    {"group", AttributeKind::kInt},    {"activation", AttributeKind::kString},
    {"alpha", AttributeKind::kFloat},  {"beta", AttributeKind::kFloat},
};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "Conv", .import = ImportOnnx}};
constexpr TfliteSpelling kTflite[] = {
    {"CONV_2D", ImportTflite, 2}, {"DEPTHWISE_CONV_2D", ImportDepthwise, 2}, {"CONV_3D", ImportConv3D, 2}};

}  // namespace

extern const OpDef op_conv;
const OpDef op_conv = {
    .name = "Conv",
    .summary = "Convolution with optional bias, residual and activation; weights [O, k1 … kk, C/group]",
    .min_inputs = 2,
    .max_inputs = 5,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .macs = Macs,
};

extern const OpSpellings spellings_conv;
const OpSpellings spellings_conv = {
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
