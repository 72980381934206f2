// What the operators on quantized integers share. A pass makes them of DequantizeLinear, an operator and
// QuantizeLinear; their results are integers that every instruction set computes to the same bits, so their
// references follow the kernels' arithmetic step by step.
//
// The quantization of a tensor `x` is the attributes x_scale and x_zero_point; the output's also has y_type
// ("i8", "u8", "i16" or "u16"), and low and high where a Relu or Clip narrows the range.
#pragma once

#include <string_view>

#include "base/requantize.h"
#include "ir/foreign.h"
#include "ir/op_def.h"

namespace whet::ops {

struct Quantization {
  float scale = 1;
  int32_t zero_point = 0;
};
// The quantization under that name ("x", "y", …).
Quantization QuantizationOf(const Attributes& attributes, std::string_view name);
void SetQuantization(Attributes& attributes, std::string_view name, const Quantization& quantization);

struct QuantizedOutput {
  DType type = DType::kU8;
  Quantization quantization;
  int32_t low = 0, high = 255;
  // Whether low and high are narrower than the type.
  bool clips() const;
};
QuantizedOutput QuantizedOutputOf(const Attributes& attributes);
void SetQuantizedOutput(Attributes& attributes, const QuantizedOutput& output);

// base/requantize.h for this output: the steps of a value that is already in the output's scale, but for the
// zero point.
inline int32_t ToSteps(float value, const QuantizedOutput& output) {
  return whet::ToSteps(value, output.quantization.zero_point, output.low, output.high);
}
// Steps of one scale in steps of another.
inline float RatioOf(float from, float to) { return from / to; }

// Which integers an operator takes.
enum class Integers : uint8_t { k8Bit, k8Or16Bit };

// Checks for `infer`.
Status CheckQuantizedInput(const InferContext& context, size_t input, std::string_view name,
                           Integers integers = Integers::k8Bit);
Status CheckQuantizedOutput(const Attributes& attributes, Integers integers = Integers::k8Bit);
// Integers of 16 bits are computed with in one type: that of input `input` must be the output's.
Status CheckOneType(const InferContext& context, size_t input);

// --- for export to ONNX: DequantizeLinear of a named tensor, and (Clip and) QuantizeLinear to one

// An error if the opset has no quantization to such integers.
Status CheckExport(const OnnxSink& sink, DType integers);
std::string ExportDequantize(OnnxSink& sink, const std::string& x, DType type,
                             const Quantization& quantization);
void ExportQuantize(OnnxSink& sink, const std::string& real, const QuantizedOutput& output,
                    const std::string& y);

inline constexpr AttributeDef kQuantizedUnaryAttributes[] = {
    {"x_scale", AttributeKind::kFloat, true},
    {"x_zero_point", AttributeKind::kInt, true},
    {"y_scale", AttributeKind::kFloat, true},
    {"y_zero_point", AttributeKind::kInt, true},
    {"y_type", AttributeKind::kString, true},
    {"low", AttributeKind::kInt},
    {"high", AttributeKind::kInt},
};

}  // namespace whet::ops
