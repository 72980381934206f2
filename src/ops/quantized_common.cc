#include "ops/quantized_common.h"

#include <cmath>

#include "ops/elements_common.h"
#include "ops/quantize_common.h"

namespace whet::ops {
namespace {

std::string Name(std::string_view tensor, const char* what) { return std::string(tensor) + what; }

std::shared_ptr<const Constant> ZeroPoint(DType type, int32_t zero_point) {
  auto zero = Constant::Allocate(type, Shape{});
  StoreInt(zero->view(), 0, zero_point);
  return zero;
}

bool IsOneOf(Integers integers, DType type) {
  return Is8Bit(type) || (integers == Integers::k8Or16Bit && Is16Bit(type));
}
const char* NamesOf(Integers integers) {
  return integers == Integers::k8Bit ? "i8 or u8" : "i8, u8, i16 or u16";
}

Status CheckScale(const Attributes& attributes, std::string_view name, DType type) {
  const double scale = attributes.Float(Name(name, "_scale"));
  const int64_t zero = attributes.Int(Name(name, "_zero_point"));
  if (!(scale > 0) || !std::isfinite(static_cast<float>(scale))) {
    return Error(Code::kBadFile, "%s_scale is %g; a scale must be positive", std::string(name).c_str(),
                 scale);
  }
  const auto [low, high] = RangeOf(type);
  if (static_cast<double>(zero) < low || static_cast<double>(zero) > high) {
    return Error(Code::kBadFile, "%s_zero_point is %lld, which does not fit %s", std::string(name).c_str(),
                 static_cast<long long>(zero), std::string(DTypeName(type)).c_str());
  }
  return {};
}

}  // namespace

Quantization QuantizationOf(const Attributes& attributes, std::string_view name) {
  return {static_cast<float>(attributes.Float(Name(name, "_scale"), 1)),
          static_cast<int32_t>(attributes.Int(Name(name, "_zero_point")))};
}

void SetQuantization(Attributes& attributes, std::string_view name, const Quantization& quantization) {
  attributes.Set(Name(name, "_scale"), static_cast<double>(quantization.scale));
  attributes.Set(Name(name, "_zero_point"), int64_t{quantization.zero_point});
}

bool QuantizedOutput::clips() const {
  const auto [least, most] = RangeOf(type);
  return low > least || high < most;
}

QuantizedOutput QuantizedOutputOf(const Attributes& attributes) {
  QuantizedOutput output;
  output.type = DTypeFromName(attributes.String("y_type", "u8"));
  output.quantization = QuantizationOf(attributes, "y");
  const auto [least, most] = RangeOf(output.type);
  output.low = static_cast<int32_t>(attributes.Int("low", static_cast<int64_t>(least)));
  output.high = static_cast<int32_t>(attributes.Int("high", static_cast<int64_t>(most)));
  return output;
}

void SetQuantizedOutput(Attributes& attributes, const QuantizedOutput& output) {
  SetQuantization(attributes, "y", output.quantization);
  attributes.Set("y_type", std::string(DTypeName(output.type)));
  if (!output.clips()) return;
  attributes.Set("low", int64_t{output.low});
  attributes.Set("high", int64_t{output.high});
}

Status CheckQuantizedInput(const InferContext& context, size_t input, std::string_view name,
                           Integers integers) {
  const DType type = context.input(input).dtype;
  if (!IsOneOf(integers, type)) {
    return Error(Code::kBadFile, "input %zu is %s; it must be %s", input,
                 ToString(context.input(input)).c_str(), NamesOf(integers));
  }
  return CheckScale(context.attributes(), name, type);
}

Status CheckQuantizedOutput(const Attributes& attributes, Integers integers) {
  const std::string_view name = attributes.String("y_type");
  const DType type = DTypeFromName(name);
  if (!IsOneOf(integers, type)) {
    return Error(Code::kBadFile, "y_type is '%s'; it must be %s", std::string(name).c_str(),
                 NamesOf(integers));
  }
  WHET_RETURN_IF_ERROR(CheckScale(attributes, "y", type));
  const auto [least, most] = RangeOf(type);
  const int64_t low = attributes.Int("low", static_cast<int64_t>(least));
  const int64_t high = attributes.Int("high", static_cast<int64_t>(most));
  if (low > high || static_cast<double>(low) < least || static_cast<double>(high) > most) {
    return Error(Code::kBadFile, "low %lld and high %lld are no range of %s", static_cast<long long>(low),
                 static_cast<long long>(high), std::string(name).c_str());
  }
  return {};
}

Status CheckOneType(const InferContext& context, size_t input) {
  const DType x = context.input(input).dtype, y = QuantizedOutputOf(context.attributes()).type;
  if (x == y || (Is8Bit(x) && Is8Bit(y))) return {};
  return Error(Code::kBadFile, "input %zu is %s and the output %s; of 16 bits they must be of one type",
               input, std::string(DTypeName(x)).c_str(), std::string(DTypeName(y)).c_str());
}

Status CheckExport(const OnnxSink& sink, DType integers) {
  if (!Is16Bit(integers) || sink.opset() >= 21) return {};
  return Error(Code::kUnsupported, "quantization to %s needs opset 21",
               std::string(DTypeName(integers)).c_str());
}

std::string ExportDequantize(OnnxSink& sink, const std::string& x, DType type,
                             const Quantization& quantization) {
  const std::string real = sink.Fresh("real");
  sink.Node("DequantizeLinear",
            {x, sink.Initializer("scale", Constant::ScalarF32(quantization.scale)),
             sink.Initializer("zero_point", ZeroPoint(type, quantization.zero_point))},
            {real});
  return real;
}

void ExportQuantize(OnnxSink& sink, const std::string& real, const QuantizedOutput& output,
                    const std::string& y) {
  const Quantization& q = output.quantization;
  std::string limited = real;
  if (output.clips()) {
    const auto bound = [&](int32_t steps) {
      return sink.Initializer("bound",
                              Constant::ScalarF32(static_cast<float>(steps - q.zero_point) * q.scale));
    };
    limited = sink.Fresh("limited");
    sink.Node("Clip", {real, bound(output.low), bound(output.high)}, {limited});
  }
  sink.Node("QuantizeLinear",
            {limited, sink.Initializer("scale", Constant::ScalarF32(q.scale)),
             sink.Initializer("zero_point", ZeroPoint(output.type, q.zero_point))},
            {y});
}

}  // namespace whet::ops
