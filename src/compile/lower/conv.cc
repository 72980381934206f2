#include "kernels/conv/conv.h"

#include "compile/lower/conv_geometry.h"
#include "compile/lower/epilogue.h"
#include "compile/lower/lower.h"
#include "compile/lower/stored_weights.h"
#include "ir/op_def.h"
#include "kernels/conv_transpose/conv_transpose.h"
#include "kernels/depthwise/depthwise.h"
#include "kernels/winograd/winograd.h"

namespace whet {
namespace {

bool ReadGeometry(const Node& node, ConvGeometry* geometry) {
  return node.input(0)->type.dtype == DType::kF32 && ReadConvGeometry(node, node.input(1), geometry);
}

const float* WeightsOf(const Node& node) { return node.input(1)->constant()->view().as<float>(); }

// Strides between pixels and the epilogue; the same for the three families.
template <typename Params>
void SetTensors(const Lowering& lowering, TensorId in, TensorId out, const EpilogueOperands& operands,
                Params* params) {
  params->in_stride = lowering.tensor(in).row_stride;
  params->out_stride = lowering.tensor(out).row_stride;
  params->residual_stride =
      operands.residual == kNoTensor ? 0 : lowering.tensor(operands.residual).row_stride;
  params->epilogue = operands.epilogue;
}

// Weights that stay as they are stored, if they do.
std::optional<StoredMatrix> StoredWeightsFor(const Node& node, const ConvGeometry& g) {
  const Value* w = node.input(1);
  if (!w->IsConstant()) return StoredIntegersOf(node);
  if (g.groups != 1) return std::nullopt;
  auto halves = StoredHalvesOf(WeightsOf(node), g.batch * g.out_h * g.out_w,
                               g.kernel[0] * g.kernel[1] * g.cin, g.cout, true);
  if (halves && halves->use == StoredUse::kInRegisters && !IsPointwise(node)) return std::nullopt;
  return halves;
}

Result<bool> AddConv(const Node& node, Lowering& lowering) {
  ConvGeometry g;
  EpilogueOperands operands;
  if (!ReadGeometry(node, &g)) return false;
  const std::optional<StoredMatrix> stored = StoredWeightsFor(node, g);
  if (!stored && !node.input(1)->IsConstant()) return false;
  if (stored && stored->use == StoredUse::kInRegisters)
    return AddStoredProduct(node, g.batch * g.out_h * g.out_w, *stored, lowering);
  if (!ReadEpilogue(node, 2, g.cout, lowering, &operands)) return false;
  const TensorId in = lowering.TensorOf(node.input(0));
  const TensorId out = lowering.TensorOf(node.output());
  kernels::Choice choice{};
  void* packed = nullptr;
  if (g.groups > 1 && g.groups == g.cin && g.cout == g.cin) {
    kernels::depthwise::Params params;
    SetConvGeometry(g, &params);
    params.channels = g.cout;
    SetTensors(lowering, in, out, operands, &params);
    if (!kernels::depthwise::Choose(lowering.isa(), &params, &choice).ok()) return false;
    const TensorId weights =
        lowering.Weights(DType::kF32, Shape{kernels::depthwise::PackedSize(params)}, &packed);
    const int64_t steps[3] = {params.kernel_h * params.kernel_w, params.kernel_w, 1};
    kernels::depthwise::Pack(params, WeightsOf(node), steps, static_cast<float*>(packed));
    lowering.AddKernel(node, choice, params,
                       {out, in, weights, operands.bias, operands.residual, operands.slope},
                       node.op().macs(node));
    return true;
  }
  kernels::conv::Params params;
  SetConvGeometry(g, &params);
  params.groups = g.groups;
  params.cin = g.cin / g.groups;
  params.cout = g.cout / g.groups;
  SetTensors(lowering, in, out, operands, &params);
  if (stored) {
    params.is_stored = 1;
    params.stored = stored->form;
  }
  TensorId weights = kNoTensor;
  const int64_t steps[4] = {params.kernel_h * params.kernel_w * params.cin, params.kernel_w * params.cin,
                            params.cin, 1};
  if (kernels::winograd::Choose(lowering.isa(), &params, &choice).ok()) {
    weights =
        lowering.Weights(DType::kF32, Shape{kernels::winograd::PackedSize(*choice.row, params)}, &packed);
    kernels::winograd::Pack(*choice.row, params, WeightsOf(node), steps, static_cast<float*>(packed));
  } else if (!kernels::conv::Choose(lowering.isa(), &params, &choice).ok()) {
    return false;
  } else if (stored) {
    const std::vector<uint8_t> panels = kernels::conv::PackStored(*choice.row, params, stored->weights());
    weights = lowering.WeightsOf<uint8_t>(DType::kU8, panels);
  } else {
    weights = lowering.Weights(DType::kF32, Shape{kernels::conv::PackedSize(*choice.row, params)}, &packed);
    kernels::conv::Pack(*choice.row, params, WeightsOf(node), steps, static_cast<float*>(packed));
  }
  lowering.AddKernel(node, choice, params,
                     {out, in, weights, operands.bias, operands.residual, operands.slope},
                     node.op().macs(node));
  return true;
}

}  // namespace

Result<bool> LowerConv(const Node& node, Lowering& lowering) {
  WHET_ASSIGN_OR_RETURN(const bool added, AddConv(node, lowering));
  if (!added && StoredWeightsOf(node)) return StoredWeightsNotRead(node);
  return added;
}

Result<bool> LowerConvTranspose(const Node& node, Lowering& lowering) {
  ConvGeometry g;
  EpilogueOperands operands;
  if (!ReadGeometry(node, &g) || !node.input(1)->IsConstant() ||
      !ReadEpilogue(node, 2, g.cout, lowering, &operands)) {
    return false;
  }
  const TensorId in = lowering.TensorOf(node.input(0));
  const TensorId out = lowering.TensorOf(node.output());
  kernels::conv_transpose::Params params;
  SetConvGeometry(g, &params);
  params.groups = g.groups;
  params.cin = g.cin / g.groups;
  params.cout = g.cout / g.groups;
  SetTensors(lowering, in, out, operands, &params);
  kernels::Choice choice{};
  if (!kernels::conv_transpose::Choose(lowering.isa(), &params, &choice).ok()) return false;
  void* packed = nullptr;
  const TensorId weights =
      lowering.Weights(DType::kF32, Shape{kernels::conv_transpose::PackedSize(*choice.row, params)}, &packed);
  // In the Graph weights are [O, kh, kw, C/group], output channels numbered through the groups.
  const int64_t channel = params.kernel_h * params.kernel_w * params.cin;
  const int64_t steps[5] = {channel * params.cout, 1, params.kernel_w * params.cin, params.cin, channel};
  kernels::conv_transpose::Pack(*choice.row, params, WeightsOf(node), steps, static_cast<float*>(packed));
  lowering.AddKernel(node, choice, params,
                     {out, in, weights, operands.bias, operands.residual, operands.slope},
                     node.op().macs(node));
  return true;
}

}  // namespace whet
