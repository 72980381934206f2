#include "ops/quantized_product_common.h"

#include <algorithm>
#include <array>

#include "base/requantize.h"
#include "ops/elements_common.h"
#include "ops/quantize_common.h"
#include "ops/quantized_common.h"

namespace whet::ops {
namespace {

constexpr std::array<std::string_view, kProductInputs> kNames = {
    "x", "x scale", "x zero point", "w", "w scale", "w zero point", "y scale", "y zero point", "bias"};

int64_t ElementsOf(const Type& type) { return type.IsStatic() ? type.ToShape().elements() : -1; }

Status WrongOperand(const InferContext& context, size_t i, const char* what) {
  return Error(Code::kBadFile, "the %s is %s; %s", std::string(kNames[i]).c_str(),
               ToString(context.input(i)).c_str(), what);
}

float ScaleAt(const TensorView& scale, int64_t channel) {
  return scale.as<float>()[scale.elements() == 1 ? 0 : channel];
}

}  // namespace

Status InferQuantizedProduct(InferContext& context, Type shape) {
  const bool wide = Is16Bit(context.input(kProductX).dtype);
  if (!wide && !Is8Bit(context.input(kProductX).dtype))
    return WrongOperand(context, kProductX, "it must be i8, u8, i16 or u16");
  if (!Is8Bit(context.input(kProductW).dtype)) return WrongOperand(context, kProductW, "it must be i8 or u8");
  if (wide && (context.input(kProductW).dtype != DType::kI8 || context.HasInput(kProductWZero) ||
               !context.HasInput(kProductXScale))) {
    return WrongOperand(context, kProductX, "it takes weights of i8 without zero points, and scales");
  }
  const Dim channels = shape.ranked && shape.rank() > 0 ? shape.dims.back() : Dim();
  const auto fits = [&](size_t i, bool per_channel) {
    const int64_t elements = ElementsOf(context.input(i));
    return elements < 0 || elements == 1 || (per_channel && channels.known() && elements == channels.lo);
  };
  for (size_t i : {kProductXScale, kProductWScale, kProductYScale}) {
    if (!context.HasInput(i)) continue;
    if (context.input(i).dtype != DType::kF32) return WrongOperand(context, i, "it must be f32");
    if (!fits(i, i == kProductWScale)) return WrongOperand(context, i, "it does not fit the channels");
  }
  for (size_t i : {kProductXZero, kProductWZero}) {
    if (!context.HasInput(i)) continue;
    if (context.input(i).dtype != context.input(i == kProductXZero ? kProductX : kProductW).dtype) {
      return WrongOperand(context, i, "it must be of the type of what it belongs to");
    }
    if (!fits(i, i == kProductWZero)) return WrongOperand(context, i, "it does not fit the channels");
  }
  const bool scaled = context.HasInput(kProductXScale);
  const bool quantized = context.HasInput(kProductYScale);
  if (scaled != context.HasInput(kProductWScale) || (quantized && !scaled)) {
    return Error(Code::kBadFile, "of the scales of x, w and y the first two or all must be given, or none");
  }
  shape.dtype = scaled ? DType::kF32 : DType::kI32;
  if (quantized) {
    shape.dtype = context.HasInput(kProductYZero) ? context.input(kProductYZero).dtype : DType::kU8;
    if (!Is8Bit(shape.dtype) && !(wide && Is16Bit(shape.dtype)))
      return WrongOperand(context, kProductYZero, "it must be i8 or u8, or for x of 16 bits i16 or u16");
  }
  if (context.HasInput(kProductBias)) {
    const DType bias = quantized ? DType::kI32 : DType::kF32;
    if (!scaled || context.input(kProductBias).dtype != bias) {
      return WrongOperand(context, kProductBias, "a quantized result takes i32, a real one f32, sums none");
    }
    const int64_t elements = ElementsOf(context.input(kProductBias));
    if (elements >= 0 && channels.known() && elements != channels.lo) {
      return WrongOperand(context, kProductBias, "it does not fit the channels");
    }
  }
  if (quantized) {
    const auto [least, most] = RangeOf(shape.dtype);
    const auto low = static_cast<double>(context.attributes().Int("low", static_cast<int64_t>(least)));
    const auto high = static_cast<double>(context.attributes().Int("high", static_cast<int64_t>(most)));
    if (low < least || high > most || low > high) {
      return Error(Code::kBadFile, "the bounds %g and %g are not a range of %s", low, high,
                   std::string(DTypeName(shape.dtype)).c_str());
    }
  }
  context.SetOutput(0, std::move(shape));
  return {};
}

ProductSteps ProductSteps::Make(const ReferenceContext& context, int64_t channels) {
  ProductSteps steps;
  steps.wide_ = Is16Bit(context.input(kProductX).dtype);
  if (context.HasInput(kProductXZero)) {
    steps.x_zero_ = static_cast<int32_t>(LoadInt(context.input(kProductXZero), 0));
  }
  for (int64_t c = 0; c < channels; ++c) {
    int64_t zero = 0;
    if (context.HasInput(kProductWZero)) {
      const TensorView& zeros = context.input(kProductWZero);
      zero = LoadInt(zeros, zeros.elements() == 1 ? 0 : c);
    }
    steps.w_zero_.push_back(static_cast<int32_t>(zero));
  }
  const bool quantized = context.HasInput(kProductYScale);
  if (context.HasInput(kProductBias)) {
    const TensorView& bias = context.input(kProductBias);
    if (quantized) steps.bias_.assign(bias.as<int32_t>(), bias.as<int32_t>() + channels);
    if (!quantized) steps.float_bias_.assign(bias.as<float>(), bias.as<float>() + channels);
  }
  if (context.HasInput(kProductXScale)) {
    const float x_scale = ScaleAt(context.input(kProductXScale), 0);
    for (int64_t c = 0; c < channels; ++c) {
      const float w_scale = ScaleAt(context.input(kProductWScale), c);
      steps.multiplier_.push_back(
          quantized ? RequantizeMultiplier(x_scale, w_scale, ScaleAt(context.input(kProductYScale), 0))
                    : x_scale * w_scale);
    }
  }
  if (quantized) {
    const auto [least, most] = RangeOf(context.output(0).dtype);
    if (context.HasInput(kProductYZero)) {
      steps.y_zero_ = static_cast<int32_t>(LoadInt(context.input(kProductYZero), 0));
    }
    steps.low_ = static_cast<int32_t>(context.attributes().Int("low", static_cast<int64_t>(least)));
    steps.high_ = static_cast<int32_t>(context.attributes().Int("high", static_cast<int64_t>(most)));
  }
  return steps;
}

void ProductSteps::Store(const TensorView& y, int64_t i, int64_t channel, uint64_t sum) const {
  const auto c = static_cast<size_t>(channel);
  const auto exact = [&](uint64_t n) {
    return wide_ ? static_cast<int64_t>(n) : int64_t{static_cast<int32_t>(static_cast<uint32_t>(n))};
  };
  if (multiplier_.empty()) {
    y.as<int32_t>()[i] = static_cast<int32_t>(exact(sum));
  } else if (y.dtype == DType::kF32) {
    // In two statements: a fused multiply-add would round once.
    const float product = static_cast<float>(exact(sum)) * multiplier_[c];
    const volatile float rounded = product;
    y.as<float>()[i] = float_bias_.empty() ? product : rounded + float_bias_[c];
  } else {
    if (!bias_.empty()) sum += static_cast<uint64_t>(int64_t{bias_[c]});
    StoreInt(y, i, Requantize(exact(sum), multiplier_[c], y_zero_, low_, high_));
  }
}

const uint64_t* ProductOperand(ReferenceContext& context, const ProductSteps& steps, size_t input,
                               int64_t channels, int64_t run) {
  const TensorView& view = context.input(input);
  uint64_t* values = context.Scratch<uint64_t>(view.elements()).data();
  for (int64_t i = 0; i < view.elements(); ++i) {
    const int64_t channel = run > 0 ? i / run : i % channels;
    const int32_t zero = input == kProductX ? steps.x_zero() : steps.w_zero(channel);
    values[i] = static_cast<uint64_t>(LoadInt(view, i) - zero);
  }
  return values;
}

// --- the ONNX spelling

bool IsQuantizedResult(const Node& node) { return node.input(kProductYScale) != nullptr; }

std::string ExportZeroPoint(const Node& node, size_t i, size_t like, OnnxSink& sink) {
  if (node.input(i) != nullptr) return sink.NameOf(node.input(i));
  const DType dtype = like == kProductInputs ? node.output()->type.dtype : node.input(like)->type.dtype;
  const uint16_t zero = 0;
  return sink.Initializer("zero_point", Constant::Copy(dtype, Shape{}, &zero));
}

std::string ExportDequantized(const Node& node, size_t i, const std::string& quantized, int64_t axis,
                              OnnxSink& sink) {
  const Value* scale = node.input(i + 1);
  const Value* zero = node.input(i + 2);
  std::string result = sink.Fresh("dequantized");
  std::vector<std::string> inputs = {quantized, sink.NameOf(scale)};
  if (zero != nullptr) inputs.push_back(sink.NameOf(zero));
  Attributes attributes;
  if (ElementsOf(scale->type) != 1) attributes.Set("axis", axis);
  sink.Node("DequantizeLinear", inputs, std::span(&result, 1), attributes);
  return result;
}

std::string ExportRealBias(const Node& node, OnnxSink& sink) {
  const Value* bias = node.input(kProductBias);
  if (bias == nullptr) return {};
  if (bias->type.dtype == DType::kF32) return sink.NameOf(bias);
  const std::string scale = sink.Fresh("bias_scale");
  sink.Node("Mul", {sink.NameOf(node.input(kProductXScale)), sink.NameOf(node.input(kProductWScale))},
            {scale});
  const std::string steps = sink.Fresh("bias_steps");
  sink.Node("Cast", {sink.NameOf(bias)}, {steps}, {{"to", int64_t{1}}});
  std::string real = sink.Fresh("bias");
  sink.Node("Mul", {steps, scale}, {real});
  return real;
}

bool HasBounds(const Node& node) { return node.attributes.Has("low") || node.attributes.Has("high"); }

void ExportBounds(const Node& node, OnnxSink& sink, const std::string& quantized, const std::string& result) {
  const DType dtype = node.output()->type.dtype;
  const auto [least, most] = RangeOf(dtype);
  const auto bound = [&](std::string_view name, double otherwise) {
    auto value = Constant::Allocate(dtype, Shape{});
    StoreInt(value->view(), 0, node.attributes.Int(name, static_cast<int64_t>(otherwise)));
    return sink.Initializer(name, std::move(value));
  };
  sink.Node("Clip", {quantized, bound("low", least), bound("high", most)}, {result});
}

void ExportResult(const Node& node, const std::string& real, const std::string& result, OnnxSink& sink) {
  const std::string unbounded = HasBounds(node) ? sink.Fresh("unbounded") : result;
  const std::string zero = ExportZeroPoint(node, kProductYZero, kProductInputs, sink);
  sink.Node("QuantizeLinear", {real, sink.NameOf(node.input(kProductYScale)), zero}, {unbounded});
  if (HasBounds(node)) ExportBounds(node, sink, unbounded, result);
}

}  // namespace whet::ops
