#include "compile/lower/lower.h"
#include "compile/lower/stored_weights.h"
#include "ir/op_def.h"
#include "kernels/gemm/gemm.h"
#include "kernels/qrecurrent/qlstm.h"
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

// The plain form: f32, constant weights, or recurrent ones that are stored as integers.
bool ReadLayer(const Node& node, int64_t gates, Layer* layer) {
  const Value* x = node.input(0);
  if (x->type.dtype != DType::kF32 || !node.input(1)->IsConstant() || !IsPlainRecurrent(node)) return false;
  if (!node.input(2)->IsConstant() && StoredRecurrentOf(node) == nullptr) return false;
  const Shape shape = x->type.ToShape();
  const Shape r = node.input(2)->type.ToShape();
  *layer = {
      shape[0], shape[1], shape[2], r[2], gates, r[0], node.attributes.String("direction") == "reverse"};
  return shape.elements() > 0 && layer->hidden > 0;
}

// The values that change from run to run, as dense tensors; kNoTensor where there is none.
struct Sequence {
  TensorId x, first_state, first_cell;
  TensorId y, last_state, last_cell;
};
Sequence DenseSequence(const Node& node, Lowering& lowering) {
  const auto in = [&](size_t i) {
    return node.input(i) != nullptr ? lowering.DenseInput(node.input(i)) : kNoTensor;
  };
  const auto out = [&](size_t i) {
    return node.output(i) != nullptr ? lowering.DenseOutput(node.output(i)) : kNoTensor;
  };
  return {in(0), in(5), in(6), out(0), out(1), out(2)};
}
Status FinishSequence(const Node& node, const Sequence& sequence, Lowering& lowering) {
  const TensorId written[] = {sequence.y, sequence.last_state, sequence.last_cell};
  for (size_t i = 0; i < 3; ++i) {
    if (written[i] != kNoTensor) WHET_RETURN_IF_ERROR(lowering.FinishOutput(node.output(i), written[i]));
  }
  return {};
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
TensorId PartOf(Lowering& lowering, TensorId whole, const Layer& layer, int64_t direction, bool sequence) {
  if (whole == kNoTensor) return kNoTensor;
  const auto offset = static_cast<uint64_t>(direction * layer.batch * layer.hidden) * sizeof(float);
  const uint64_t from = lowering.tensor(whole).offset + offset;
  if (sequence && direction > 0) {
    // Rows of the other direction lie between; the last step's part is shorter than a whole step.
    return lowering.Piece(
        whole, Shape{(layer.steps * layer.directions - direction) * layer.batch, layer.hidden}, from);
  }
  return lowering.Piece(whole,
                        sequence ? Shape{layer.steps, layer.directions, layer.batch, layer.hidden}
                                 : Shape{layer.batch, layer.hidden},
                        from);
}

// The LSTM's recurrent part by integer weights, given the operands 0 to 5.
Status AddStoredLstm(const Node& node, const Node& dequantize, const kernels::lstm::Params& params,
                     int64_t direction, std::vector<TensorId> operands, Lowering& lowering) {
  namespace kernel = kernels::qlstm;
  const int64_t rows = 4 * params.hidden;
  kernels::Choice choice{};
  WHET_RETURN_IF_ERROR(kernel::Choose(lowering.isa(), params, &choice));
  const TensorView& given = dequantize.input(1)->constant()->view();
  std::vector<float> scales;
  for (int64_t row = 0; row < rows; ++row)
    scales.push_back(given.as<float>()[given.elements() == 1 ? 0 : row]);
  const auto* weights =
      dequantize.input(0)->constant()->view().as<int8_t>() + direction * rows * params.hidden;
  operands.push_back(lowering.WeightsOf<int8_t>(DType::kI8, kernel::Pack(weights, params.hidden)));
  operands.push_back(
      lowering.WeightsOf<float>(DType::kF32, kernel::PackScales(scales.data(), params.hidden)));
  lowering.AddKernel(node, choice, params, std::move(operands),
                     params.steps * params.batch * rows * params.hidden);
  return {};
}

}  // namespace

Result<bool> LowerLstm(const Node& node, Lowering& lowering) {
  Layer layer;
  const Node* const stored = StoredRecurrentOf(node);
  if (!ReadLayer(node, 4, &layer)) {
    if (stored != nullptr) return StoredWeightsNotRead(node);
    return false;
  }
  const int64_t rows = layer.gates * layer.hidden;
  const Sequence sequence = DenseSequence(node, lowering);
  for (int64_t d = 0; d < layer.directions; ++d) {
    std::vector<float> bias;
    if (node.input(3) != nullptr) {
      const float* b = DataOf(node.input(3)) + d * 2 * rows;
      for (int64_t i = 0; i < rows; ++i) bias.push_back(b[i] + b[rows + i]);
    }
    const TensorId gates = lowering.Temporary(DType::kF32, Shape{layer.steps, layer.batch, rows});
    if (!AddGates(node, lowering, layer, d, bias, sequence.x, gates))
      return Error(Code::kInternal, "no kernel for the gates");
    kernels::lstm::Params params{};
    params.steps = layer.steps;
    params.batch = layer.batch;
    params.hidden = layer.hidden;
    params.reverse = layer.reverse || d == 1 ? 1 : 0;
    params.out_step_stride = layer.directions * layer.batch * layer.hidden;
    params.out_batch_stride = layer.hidden;
    params.gates_step_stride = layer.batch * rows;
    params.gates_batch_stride = rows;
    std::vector<TensorId> operands = {PartOf(lowering, sequence.y, layer, d, true),
                                      PartOf(lowering, sequence.last_state, layer, d, false),
                                      PartOf(lowering, sequence.last_cell, layer, d, false),
                                      gates,
                                      PartOf(lowering, sequence.first_state, layer, d, false),
                                      PartOf(lowering, sequence.first_cell, layer, d, false)};
    if (stored != nullptr) {
      WHET_RETURN_IF_ERROR(AddStoredLstm(node, *stored, params, d, std::move(operands), lowering));
      continue;
    }
    kernels::Choice choice{};
    WHET_RETURN_IF_ERROR(kernels::lstm::Choose(lowering.isa(), params, &choice));
    operands.push_back(
        PackRecurrent(lowering, DataOf(node.input(2)) + d * rows * layer.hidden, 4, layer.hidden));
    lowering.AddKernel(node, choice, params, std::move(operands),
                       layer.steps * layer.batch * rows * layer.hidden);
  }
  WHET_RETURN_IF_ERROR(FinishSequence(node, sequence, lowering));
  return true;
}

Result<bool> LowerGru(const Node& node, Lowering& lowering) {
  Layer layer;
  if (!ReadLayer(node, 3, &layer)) return false;
  const int64_t h = layer.hidden;
  const int64_t rows = 3 * h;
  const bool linear = node.attributes.Int("linear_before_reset") != 0;
  const Sequence sequence = DenseSequence(node, lowering);
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
    if (!AddGates(node, lowering, layer, d, bias, sequence.x, gates))
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
        {PartOf(lowering, sequence.y, layer, d, true), PartOf(lowering, sequence.last_state, layer, d, false),
         gates, PartOf(lowering, sequence.first_state, layer, d, false), gate_weights, hidden_weights,
         hidden_bias},
        layer.steps * layer.batch * rows * h);
  }
  WHET_RETURN_IF_ERROR(FinishSequence(node, sequence, lowering));
  return true;
}

}  // namespace whet
