#include "kernels/conv/conv.h"

#include "compile/lower/epilogue.h"
#include "compile/lower/lower.h"
#include "ir/op_def.h"
#include "kernels/conv_transpose/conv_transpose.h"
#include "kernels/depthwise/depthwise.h"

namespace whet {
namespace {

// Two spatial dimensions; of one, the first is 1.
struct Geometry {
  int64_t batch, in_h, in_w, out_h, out_w, cin, cout, groups;
  int64_t kernel[2] = {1, 1};
  int64_t stride[2] = {1, 1};
  int64_t dilation[2] = {1, 1};
  int64_t pad[2] = {0, 0};  // at the top and left
};

bool ReadGeometry(const Node& node, Geometry* geometry) {
  const Value* x = node.input(0);
  const Value* w = node.input(1);
  const Value* y = node.output();
  if (x->type.dtype != DType::kF32 || !w->IsConstant()) return false;
  const int spatial = x->type.rank() - 2;
  if (spatial < 1 || spatial > 2) return false;
  if (node.attributes.Has("auto_pad") && node.attributes.String("auto_pad") != "NOTSET") return false;
  const Shape in = x->type.ToShape();
  const Shape out = y->type.ToShape();
  const Shape weights = w->type.ToShape();
  if (in.elements() == 0 || out.elements() == 0 || weights.elements() == 0) return false;
  geometry->batch = in[0];
  geometry->in_h = spatial == 1 ? 1 : in[1];
  geometry->in_w = in[spatial];
  geometry->out_h = spatial == 1 ? 1 : out[1];
  geometry->out_w = out[spatial];
  geometry->cin = in.back();
  geometry->cout = out.back();
  geometry->groups = node.attributes.Int("group", 1);
  const auto read = [&](std::string_view name, int64_t(&to)[2]) {
    const auto values = node.attributes.Ints(name);
    for (int i = 0; i < spatial && static_cast<size_t>(i) < values.size(); ++i) {
      to[2 - spatial + i] = values[static_cast<size_t>(i)];
    }
  };
  read("strides", geometry->stride);
  read("dilations", geometry->dilation);
  read("pads", geometry->pad);
  for (int i = 0; i < spatial; ++i) geometry->kernel[2 - spatial + i] = weights[1 + i];
  return true;
}

const float* WeightsOf(const Node& node) { return node.input(1)->constant()->view().as<float>(); }

template <typename Params>
void SetGeometry(const Geometry& g, Params* params) {
  params->batch = g.batch;
  params->in_h = g.in_h;
  params->in_w = g.in_w;
  params->out_h = g.out_h;
  params->out_w = g.out_w;
  params->kernel_h = g.kernel[0];
  params->kernel_w = g.kernel[1];
  params->stride_h = g.stride[0];
  params->stride_w = g.stride[1];
  params->dilation_h = g.dilation[0];
  params->dilation_w = g.dilation[1];
  params->pad_top = g.pad[0];
  params->pad_left = g.pad[1];
}

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

}  // namespace

Result<bool> LowerConv(const Node& node, Lowering& lowering) {
  Geometry g;
  EpilogueOperands operands;
  if (!ReadGeometry(node, &g) || !ReadEpilogue(node, 2, g.cout, lowering, &operands)) return false;
  const TensorId in = lowering.TensorOf(node.input(0));
  const TensorId out = lowering.TensorOf(node.output());
  kernels::Choice choice{};
  void* packed = nullptr;
  if (g.groups > 1 && g.groups == g.cin && g.cout == g.cin) {
    kernels::depthwise::Params params;
    SetGeometry(g, &params);
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
  SetGeometry(g, &params);
  params.groups = g.groups;
  params.cin = g.cin / g.groups;
  params.cout = g.cout / g.groups;
  SetTensors(lowering, in, out, operands, &params);
  if (!kernels::conv::Choose(lowering.isa(), &params, &choice).ok()) return false;
  const TensorId weights =
      lowering.Weights(DType::kF32, Shape{kernels::conv::PackedSize(*choice.row, params)}, &packed);
  const int64_t steps[4] = {params.kernel_h * params.kernel_w * params.cin, params.kernel_w * params.cin,
                            params.cin, 1};
  kernels::conv::Pack(*choice.row, params, WeightsOf(node), steps, static_cast<float*>(packed));
  lowering.AddKernel(node, choice, params,
                     {out, in, weights, operands.bias, operands.residual, operands.slope},
                     node.op().macs(node));
  return true;
}

Result<bool> LowerConvTranspose(const Node& node, Lowering& lowering) {
  Geometry g;
  EpilogueOperands operands;
  if (!ReadGeometry(node, &g) || !ReadEpilogue(node, 2, g.cout, lowering, &operands)) return false;
  const TensorId in = lowering.TensorOf(node.input(0));
  const TensorId out = lowering.TensorOf(node.output());
  kernels::conv_transpose::Params params;
  SetGeometry(g, &params);
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
