#include "compile/lower/lower.h"
#include "ir/op_def.h"
#include "kernels/gemm/gemm.h"
#include "kernels/recurrent/gru.h"
#include "kernels/recurrent/lstm.h"
#include "kernels/recurrent/pack.h"

namespace whet {
namespace {

struct Layer {
  int64_t steps, batch, inputs, hidden, gates, directions;
  bool reverse;  // with one direction
};

const float* DataOf(const Value* value) { return value->constant()->view().as<float>(); }

// The plain form: f32, constant weights, default activations, all sequences of full length.
bool ReadLayer(const Node& node, int64_t gates, Layer* layer) {
  const Value* x = node.input(0);
  if (x->type.dtype != DType::kF32 || !node.input(1)->IsConstant() || !node.input(2)->IsConstant())
    return false;
  if (node.input(3) != nullptr && !node.input(3)->IsConstant()) return false;
  if (node.input(4) != nullptr || node.input(7) != nullptr) return false;
  const Attributes& attributes = node.attributes;
  if (attributes.Has("activations") || attributes.Float("clip") != 0 || attributes.Int("input_forget") != 0 ||
      attributes.Int("layout") != 0) {
    return false;
  }
  const Shape shape = x->type.ToShape();
  const Shape r = node.input(2)->type.ToShape();
  *layer = {shape[0], shape[1], shape[2], r[2], gates, r[0], attributes.String("direction") == "reverse"};
  return shape.elements() > 0 && layer->hidden > 0;
}

// What does not depend on the state, for all steps at once: gates = X W^T + bias. Null bias: none.
bool AddGates(const Node& node, Lowering& lowering, const Layer& layer, int64_t direction,
              std::span<const float> bias, TensorId x, TensorId gates) {
  kernels::gemm::Params params;
  params.m = layer.steps * layer.batch;
  params.n = layer.gates * layer.hidden;
  params.k = layer.inputs;
  params.lda = params.k;
  params.ldc = params.n;
  kernels::Choice choice{};
  if (!kernels::gemm::Choose(lowering.isa(), &params, &choice).ok()) return false;
  void* packed = nullptr;
  const TensorId w = lowering.Weights(
      DType::kF32, Shape{kernels::gemm::PackedSize(*choice.row, params.k, params.n)}, &packed);
  kernels::gemm::Pack(*choice.row, params.k, params.n,
                      DataOf(node.input(1)) + direction * params.n * params.k, 1, params.k,
                      static_cast<float*>(packed));
  const TensorId b = bias.empty() ? kNoTensor : lowering.WeightsOf(DType::kF32, bias);
  lowering.AddKernel(node, choice, params, {gates, x, w, b, kNoTensor, kNoTensor},
                     params.m * params.n * params.k);
  return true;
}

TensorId PackRecurrent(Lowering& lowering, const float* r, int64_t gates, int64_t hidden) {
  void* packed = nullptr;
  const TensorId id =
      lowering.Weights(DType::kF32, Shape{kernels::recurrent::PackedSize(gates, hidden)}, &packed);
  kernels::recurrent::Pack(r, gates, hidden, static_cast<float*>(packed));
  return id;
}

// Direction d's part of a state or sequence [.., directions, batch, hidden].
TensorId PartOf(Lowering& lowering, const Value* value, const Layer& layer, int64_t direction,
                bool sequence) {
  if (value == nullptr) return kNoTensor;
  const TensorId whole = lowering.TensorOf(value);
  const auto offset = static_cast<uint64_t>(direction * layer.batch * layer.hidden) * sizeof(float);
  const Shape shape = sequence ? Shape{layer.steps, layer.directions, layer.batch, layer.hidden}
                               : Shape{layer.batch, layer.hidden};
  const TensorDraft& tensor = lowering.tensor(whole);
  if (sequence && direction > 0) {
    // Rows of the other direction lie between; the last step's part is shorter than a whole step.
    return lowering.Piece(whole,
                          Shape{(layer.steps * layer.directions - direction) * layer.batch, layer.hidden},
                          tensor.offset + offset);
  }
  return lowering.Piece(whole, shape, tensor.offset + offset);
}

bool AllDense(const Node& node, Lowering& lowering) {
  for (const Value* value : node.inputs()) {
    if (value != nullptr && !lowering.tensor(lowering.TensorOf(value)).dense()) return false;
  }
  for (const Value* value : node.outputs()) {
    if (value != nullptr && !lowering.tensor(lowering.TensorOf(value)).dense()) return false;
  }
  return true;
}

}  // namespace

Result<bool> LowerLstm(const Node& node, Lowering& lowering) {
  Layer layer;
  if (!ReadLayer(node, 4, &layer) || !AllDense(node, lowering)) return false;
  const int64_t rows = layer.gates * layer.hidden;
  const TensorId x = lowering.TensorOf(node.input(0));
  for (int64_t d = 0; d < layer.directions; ++d) {
    std::vector<float> bias;
    if (node.input(3) != nullptr) {
      const float* b = DataOf(node.input(3)) + d * 2 * rows;
      for (int64_t i = 0; i < rows; ++i) bias.push_back(b[i] + b[rows + i]);
    }
    const TensorId gates = lowering.Temporary(DType::kF32, Shape{layer.steps, layer.batch, rows});
    if (!AddGates(node, lowering, layer, d, bias, x, gates))
      return Error(Code::kInternal, "no kernel for the gates");
    const TensorId r =
        PackRecurrent(lowering, DataOf(node.input(2)) + d * rows * layer.hidden, 4, layer.hidden);
    kernels::lstm::Params params{};
    params.steps = layer.steps;
    params.batch = layer.batch;
    params.hidden = layer.hidden;
    params.reverse = layer.reverse || d == 1 ? 1 : 0;
    params.out_step_stride = layer.directions * layer.batch * layer.hidden;
    params.out_batch_stride = layer.hidden;
    params.gates_step_stride = layer.batch * rows;
    params.gates_batch_stride = rows;
    kernels::Choice choice{};
    WHET_RETURN_IF_ERROR(kernels::lstm::Choose(lowering.isa(), params, &choice));
    lowering.AddKernel(
        node, choice, params,
        {PartOf(lowering, node.output(0), layer, d, true), PartOf(lowering, node.output(1), layer, d, false),
         PartOf(lowering, node.output(2), layer, d, false), gates,
         PartOf(lowering, node.input(5), layer, d, false), PartOf(lowering, node.input(6), layer, d, false),
         r},
        layer.steps * layer.batch * rows * layer.hidden);
  }
  return true;
}

Result<bool> LowerGru(const Node& node, Lowering& lowering) {
  Layer layer;
  if (!ReadLayer(node, 3, &layer) || !AllDense(node, lowering)) return false;
  const int64_t h = layer.hidden;
  const int64_t rows = 3 * h;
  const bool linear = node.attributes.Int("linear_before_reset") != 0;
  const TensorId x = lowering.TensorOf(node.input(0));
  for (int64_t d = 0; d < layer.directions; ++d) {
    std::vector<float> bias;
    TensorId hidden_bias = kNoTensor;
    if (node.input(3) != nullptr) {
      const float* b = DataOf(node.input(3)) + d * 2 * rows;
      for (int64_t i = 0; i < rows; ++i) bias.push_back(b[i] + (i < 2 * h || !linear ? b[rows + i] : 0));
      if (linear)
        hidden_bias = lowering.WeightsOf(DType::kF32, std::span(b + rows + 2 * h, static_cast<size_t>(h)));
    }
    const TensorId gates = lowering.Temporary(DType::kF32, Shape{layer.steps, layer.batch, rows});
    if (!AddGates(node, lowering, layer, d, bias, x, gates))
      return Error(Code::kInternal, "no kernel for the gates");
    const float* r = DataOf(node.input(2)) + d * rows * h;
    const TensorId gate_weights = PackRecurrent(lowering, r, 2, h);
    const TensorId hidden_weights = PackRecurrent(lowering, r + 2 * h * h, 1, h);
    kernels::gru::Params params{};
    params.steps = layer.steps;
    params.batch = layer.batch;
    params.hidden = h;
    params.reverse = layer.reverse || d == 1 ? 1 : 0;
    params.linear_before_reset = linear ? 1 : 0;
    params.out_step_stride = layer.directions * layer.batch * h;
    params.out_batch_stride = h;
    params.gates_step_stride = layer.batch * rows;
    params.gates_batch_stride = rows;
    kernels::Choice choice{};
    WHET_RETURN_IF_ERROR(kernels::gru::Choose(lowering.isa(), params, &choice));
    lowering.AddKernel(
        node, choice, params,
        {PartOf(lowering, node.output(0), layer, d, true), PartOf(lowering, node.output(1), layer, d, false),
         gates, PartOf(lowering, node.input(5), layer, d, false), gate_weights, hidden_weights, hidden_bias},
        layer.steps * layer.batch * rows * h);
  }
  return true;
}

}  // namespace whet
