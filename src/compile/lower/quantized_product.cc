// QuantizedConv and QuantizedMatMul.
#include <algorithm>
#include <initializer_list>

#include "base/requantize.h"
#include "compile/lower/conv_geometry.h"
#include "compile/lower/lower.h"
#include "ir/op_def.h"
#include "kernels/qconv/qconv.h"
#include "kernels/qconv16/qconv16.h"
#include "kernels/qdepthwise/qdepthwise.h"
#include "kernels/qdepthwise16/qdepthwise16.h"
#include "kernels/qwinograd/qwinograd.h"
#include "ops/elements_common.h"
#include "ops/quantize_common.h"
#include "ops/quantized_common.h"
#include "ops/quantized_product_common.h"

namespace whet {
namespace {

using namespace ops;  // the operands' names
namespace conv = kernels::conv;
using kernels::qconv::Params;
using kernels::qconv::Weights;

// What the operators have in common beside x and w.
struct Numbers {
  std::vector<int32_t> weight_zero;  // or empty
  const int32_t* bias = nullptr;     // quantized
  std::vector<float> multiplier;     // or empty
  TensorId real_bias = kNoTensor;
  TensorId input_zero = kNoTensor;  // where it is not a constant
  TensorId input_scale = kNoTensor;
};

bool IsConstantOrAbsent(const Value* value) { return value == nullptr || value->IsConstant(); }

int64_t IntAt(const Value* value, int64_t i) {
  const TensorView& view = value->constant()->view();
  return LoadInt(view, view.elements() == 1 ? 0 : i);
}
float ScaleAt(const Value* value, int64_t i) {
  const TensorView& view = value->constant()->view();
  return view.as<float>()[view.elements() == 1 ? 0 : i];
}

// False if something is not constant that the kernels need beforehand. Nothing is added to the lowering then.
bool CanLower(const Node& node) {
  for (size_t i : {kProductW, kProductWScale, kProductWZero, kProductYScale, kProductYZero, kProductBias}) {
    if (!IsConstantOrAbsent(node.input(i))) return false;
  }
  const bool quantized = IsQuantizedResult(node) || Is16Bit(node.input(kProductX)->type.dtype);
  return !quantized ||
         (IsConstantOrAbsent(node.input(kProductXScale)) && IsConstantOrAbsent(node.input(kProductXZero)));
}

// `params` are of either family of types.
template <typename AnyParams>
void ReadNumbers(const Node& node, int64_t channels, Lowering& lowering, AnyParams* params,
                 Numbers* numbers) {
  const Value* x_scale = node.input(kProductXScale);
  const Value* w_scale = node.input(kProductWScale);
  const Value* y_scale = node.input(kProductYScale);
  params->input = node.input(kProductX)->type.dtype;
  params->output = node.output()->type.dtype;
  if (const Value* zero = node.input(kProductXZero); zero != nullptr) {
    if (zero->IsConstant()) {
      params->input_zero = static_cast<int32_t>(IntAt(zero, 0));
    } else {
      numbers->input_zero = lowering.DenseInput(zero);
    }
  }
  if (const Value* zero = node.input(kProductWZero); zero != nullptr) {
    for (int64_t c = 0; c < channels; ++c)
      numbers->weight_zero.push_back(static_cast<int32_t>(IntAt(zero, c)));
  }
  if (x_scale != nullptr && !x_scale->IsConstant()) numbers->input_scale = lowering.DenseInput(x_scale);
  for (int64_t c = 0; x_scale != nullptr && c < channels; ++c) {
    float multiplier = ScaleAt(w_scale, c);
    if (y_scale != nullptr) {
      multiplier = RequantizeMultiplier(ScaleAt(x_scale, 0), multiplier, ScaleAt(y_scale, 0));
    } else if (x_scale->IsConstant()) {
      multiplier = ScaleAt(x_scale, 0) * multiplier;
    }
    numbers->multiplier.push_back(multiplier);
  }
  if (const Value* bias = node.input(kProductBias); bias != nullptr) {
    if (y_scale != nullptr) numbers->bias = bias->constant()->view().as<int32_t>();
    if (y_scale == nullptr) numbers->real_bias = lowering.DenseInput(bias);
  }
  if (y_scale != nullptr) {
    const auto [least, most] = RangeOf(params->output);
    const Value* zero = node.input(kProductYZero);
    params->output_zero = zero != nullptr ? static_cast<int32_t>(IntAt(zero, 0)) : 0;
    params->low = static_cast<int32_t>(node.attributes.Int("low", static_cast<int64_t>(least)));
    params->high = static_cast<int32_t>(node.attributes.Int("high", static_cast<int64_t>(most)));
  }
}

template <typename T>
TensorId VectorOrNone(Lowering& lowering, DType dtype, const std::vector<T>& values) {
  return values.empty() ? kNoTensor : lowering.WeightsOf<T>(dtype, values);
}

// A kernel family that may take the step.
struct Family {
  Status (*choose)(Isa isa, const Weights& weights, Params* params, kernels::Choice* choice);
  kernels::qconv::Prepared (*prepare)(const kernels::Row& row, const Params& params, const Weights& weights,
                                      bool fixed_zero);
};
constexpr Family kConv = {[](Isa isa, const Weights&, Params* params, kernels::Choice* choice) {
                            return kernels::qconv::Choose(isa, params, choice);
                          },
                          kernels::qconv::Prepare};
constexpr Family kDepthwise = {[](Isa isa, const Weights&, Params* params, kernels::Choice* choice) {
                                 return kernels::qdepthwise::Choose(isa, params, choice);
                               },
                               kernels::qdepthwise::Prepare};
constexpr Family kWinograd = {[](Isa isa, const Weights& weights, Params* params, kernels::Choice* choice) {
                                WHET_RETURN_IF_ERROR(kernels::qwinograd::Choose(isa, params, choice));
                                if (!kernels::qwinograd::SumsFit(*params, weights))
                                  return Error(Code::kUnsupported, "the sums may be too large");
                                return OkStatus();
                              },
                              kernels::qwinograd::Prepare};

// The step, once geometry and weights are known, by the first family that takes it.
Result<bool> AddProduct(const Node& node, const Params& geometry, const int64_t (&steps)[4],
                        std::initializer_list<Family> families, Lowering& lowering) {
  Numbers numbers;
  Params read = geometry;
  const TensorId in = lowering.TensorOf(node.input(kProductX));
  const TensorId out = lowering.TensorOf(node.output());
  read.in_stride = lowering.tensor(in).row_stride;
  read.out_stride = lowering.tensor(out).row_stride;
  ReadNumbers(node, read.groups * read.cout, lowering, &read, &numbers);
  const Value* w = node.input(kProductW);
  const Weights weights{w->constant()->view().data,
                        w->type.dtype,
                        {steps[0], steps[1], steps[2], steps[3]},
                        numbers.weight_zero.empty() ? nullptr : numbers.weight_zero.data(),
                        numbers.bias};
  Params params;
  kernels::Choice choice{};
  const auto* const family = std::find_if(families.begin(), families.end(), [&](const Family& f) {
    params = read;
    return f.choose(lowering.isa(), weights, &params, &choice).ok();
  });
  if (family == families.end()) return false;
  const bool fixed_zero = numbers.input_zero == kNoTensor;
  const kernels::qconv::Prepared prepared = family->prepare(*choice.row, params, weights, fixed_zero);
  const TensorId packed = lowering.WeightsOf<int8_t>(DType::kI8, prepared.weights);
  const TensorId offset = lowering.WeightsOf<int32_t>(DType::kI32, prepared.offset);
  const TensorId multiplier = VectorOrNone(lowering, DType::kF32, numbers.multiplier);
  const TensorId weight_zero = VectorOrNone(lowering, DType::kI32, prepared.weight_zero);
  const TensorId sums =
      fixed_zero ? kNoTensor : lowering.WeightsOf<int32_t>(DType::kI32, prepared.weight_sums);
  lowering.AddKernel(node, choice, params,
                     {out, in, packed, offset, multiplier, weight_zero, numbers.real_bias, numbers.input_zero,
                      sums, numbers.input_scale},
                     node.op().macs(node));
  return true;
}

// A family for inputs of 16 bits.
struct Family16 {
  Status (*choose)(Isa isa, const kernels::qconv16::Weights& weights, kernels::qconv16::Params* params,
                   kernels::Choice* choice);
  kernels::qconv16::Prepared (*prepare)(const kernels::Row& row, const kernels::qconv16::Params& params,
                                        const kernels::qconv16::Weights& weights);
};
constexpr Family16 kConv16 = {kernels::qconv16::Choose, kernels::qconv16::Prepare};
constexpr Family16 kDepthwise16 = {kernels::qdepthwise16::Choose, kernels::qdepthwise16::Prepare};

// The step for an input of 16 bits, of a geometry as qconv's. False if the family does not take it.
Result<bool> AddProduct16(const Node& node, const conv::Geometry& geometry, const int64_t (&steps)[4],
                          const Family16& family, Lowering& lowering) {
  Numbers numbers;
  kernels::qconv16::Params params;
  static_cast<conv::Geometry&>(params) = geometry;
  const TensorId in = lowering.TensorOf(node.input(kProductX));
  const TensorId out = lowering.TensorOf(node.output());
  params.in_stride = lowering.tensor(in).row_stride;
  params.out_stride = lowering.tensor(out).row_stride;
  ReadNumbers(node, params.groups * params.cout, lowering, &params, &numbers);
  const kernels::qconv16::Weights weights{node.input(kProductW)->constant()->view().as<int8_t>(),
                                          {steps[0], steps[1], steps[2], steps[3]},
                                          numbers.bias};
  kernels::Choice choice{};
  if (!family.choose(lowering.isa(), weights, &params, &choice).ok()) return false;
  const kernels::qconv16::Prepared prepared = family.prepare(*choice.row, params, weights);
  const TensorId packed = lowering.WeightsOf<int8_t>(DType::kI8, prepared.weights);
  const TensorId offset = params.wide != 0 ? lowering.WeightsOf<double>(DType::kF64, prepared.wide_offset)
                                           : lowering.WeightsOf<int32_t>(DType::kI32, prepared.offset);
  const TensorId multiplier = lowering.WeightsOf<float>(DType::kF32, numbers.multiplier);
  lowering.AddKernel(node, choice, params, {out, in, packed, offset, multiplier, numbers.real_bias},
                     node.op().macs(node));
  return true;
}

bool IsOf16Bit(const Node& node) { return Is16Bit(node.input(kProductX)->type.dtype); }

}  // namespace

Result<bool> LowerQuantizedConv(const Node& node, Lowering& lowering) {
  ConvGeometry g;
  if (!CanLower(node) || !ReadConvGeometry(node, node.input(kProductW), &g)) return false;
  Params params;
  SetConvGeometry(g, &params);
  if (g.groups > 1 && g.groups == g.cin && g.cout == g.cin) {
    params.cin = params.cout = g.cout;
    const int64_t steps[4] = {params.kernel_h * params.kernel_w, params.kernel_w, 1, 0};
    if (!IsOf16Bit(node)) return AddProduct(node, params, steps, {kDepthwise}, lowering);
    WHET_ASSIGN_OR_RETURN(const bool added, AddProduct16(node, params, steps, kDepthwise16, lowering));
    if (added) return true;
  }
  params.groups = g.groups;
  params.cin = g.cin / g.groups;
  params.cout = g.cout / g.groups;
  const int64_t steps[4] = {params.kernel_h * params.kernel_w * params.cin, params.kernel_w * params.cin,
                            params.cin, 1};
  if (IsOf16Bit(node)) return AddProduct16(node, params, steps, kConv16, lowering);
  return AddProduct(node, params, steps, {kWinograd, kConv}, lowering);
}

Result<bool> LowerQuantizedMatMul(const Node& node, Lowering& lowering) {
  const Shape x = node.input(kProductX)->type.ToShape();
  const Shape y = node.output()->type.ToShape();
  if (!CanLower(node) || x.elements() == 0 || y.elements() == 0) return false;
  const bool transposed = node.attributes.Int("transpose_b") != 0;
  Params params;
  params.in_h = params.out_h = 1;
  params.cin = x.back();
  params.cout = y.back();
  params.in_w = params.out_w = x.elements() / params.cin;
  const int64_t steps[4] = {transposed ? params.cin : 1, 0, 0, transposed ? 1 : params.cout};
  if (IsOf16Bit(node)) return AddProduct16(node, params, steps, kConv16, lowering);
  return AddProduct(node, params, steps, {kConv}, lowering);
}

}  // namespace whet
