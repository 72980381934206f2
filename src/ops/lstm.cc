#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/recurrent_common.h"

namespace whet::ops {
namespace {

constexpr int kGates = 4;  // input, output, forget, cell
constexpr std::string_view kActivations[] = {"Sigmoid", "Tanh", "Tanh"};

Status Infer(InferContext& context) { return InferRecurrent(context, kGates); }

template <typename T>
Status Run(ReferenceContext& context) {
  const int64_t inputs = context.input(0).shape[2];
  const int64_t h = SizesOf(context).hidden;
  const bool coupled = context.attributes().Int("input_forget") != 0;
  T* from_x = context.Scratch<T>(kGates * h).data();
  T* from_h = context.Scratch<T>(kGates * h).data();
  return RunRecurrent<T>(
      context, kGates, kActivations, [&](const RecurrentWeights<T>& weights, const T* x, T* hidden, T* cell) {
        MultiplyRows(weights.w, x, weights.w_bias, kGates * h, inputs, from_x);
        MultiplyRows(weights.r, hidden, weights.r_bias, kGates * h, h, from_h);
        for (int64_t i = 0; i < h; ++i) {
          const auto gate = [&](int64_t g) {
            return static_cast<double>(from_x[g * h + i] + from_h[g * h + i]);
          };
          const auto peep = [&](int64_t g, double c) {
            return weights.peepholes != nullptr ? static_cast<double>(weights.peepholes[g * h + i]) * c : 0;
          };
          const auto before = static_cast<double>(cell[i]);
          const double input = weights.Apply(0, gate(0) + peep(0, before));
          const double forget = coupled ? 1 - input : weights.Apply(0, gate(2) + peep(2, before));
          const double c = forget * before + input * weights.Apply(1, gate(3));
          const double output = weights.Apply(0, gate(1) + peep(1, c));
          cell[i] = static_cast<T>(c);
          hidden[i] = static_cast<T>(output * weights.activations[2](c));
        }
      });
}

Status Reference(ReferenceContext& context) {
  return context.input(0).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

// Inputs: x; weights of the input for the gates i, f, c, o; recurrent weights likewise; peepholes i, f, o;
// biases i, f, c, o; projection weights and bias; the output's and the cell's state; four of a normalization.
enum TfliteInput : size_t {
  kTfliteX,
  kTfliteW,
  kTfliteR = 5,
  kTflitePeephole = 9,
  kTfliteBias = 12,
  kTfliteProjection = 16,
  kTfliteOutputState = 18,
  kTfliteCellState,
  kTfliteNorm
};

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  for (size_t i : {1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 18, 19}) {
    if (!node.HasInput(i))
      return node.Unsupported("an LSTM that lacks gates (its input gate is coupled to the forget gate)");
  }
  if (node.HasInput(kTfliteProjection)) return node.Unsupported("an LSTM with a projection");
  for (size_t i = kTfliteNorm; i < kTfliteNorm + 4; ++i) {
    if (node.HasInput(i)) return node.Unsupported("an LSTM with layer normalization");
  }
  const bool peephole = node.HasInput(kTflitePeephole) && node.HasInput(kTflitePeephole + 1) &&
                        node.HasInput(kTflitePeephole + 2);
  if (node.attributes.Float("cell_clip") != 0 || node.attributes.Float("proj_clip") != 0) {
    return node.Unsupported("an LSTM whose cell is clipped");
  }
  if (node.attributes.Int("diagonal_recurrent_tensors") != 0)
    return node.Unsupported("diagonal recurrent weights");
  if (node.attributes.String("fused_activation_function", "NONE") != "TANH") {
    return node.Unsupported("an LSTM whose activation is not tanh");
  }
  const Type& r = node.input(kTfliteR)->type;
  Value* x = node.input(kTfliteX);
  if (!r.IsStatic() || r.rank() != 2 || x->type.rank() != 3)
    return Error(Code::kBadFile, "the weights or the input have the wrong number of dimensions");
  const int64_t hidden = r.dims[1].lo;
  // The gates in ONNX's order i, o, f, c, with a leading dimension for the direction.
  const auto gates = [&](size_t first, std::initializer_list<size_t> order) {
    std::vector<Value*> parts;
    for (size_t gate : order) parts.push_back(node.input(first + gate));
    Value* joined = builder.Emit("Concat", parts, {{"axis", int64_t{0}}});
    return builder.Emit("Unsqueeze", {joined, builder.Ints({0})});
  };
  Value* w = gates(kTfliteW, {0, 3, 1, 2});
  Value* recurrent = gates(kTfliteR, {0, 3, 1, 2});
  Value* bias = gates(kTfliteBias, {0, 3, 1, 2});
  Value* zeros = builder.Emit("Expand", {builder.Scalar(0), builder.Ints({1, 4 * hidden})});
  bias = builder.Emit("Concat", {bias, zeros}, {{"axis", int64_t{1}}});
  const bool time_major = node.attributes.Int("time_major") != 0;
  if (!time_major) x = builder.Transpose(x, {1, 0, 2});
  Value* h = builder.Emit("Unsqueeze", {node.input(kTfliteOutputState), builder.Ints({0})});
  Value* c = builder.Emit("Unsqueeze", {node.input(kTfliteCellState), builder.Ints({0})});
  Value* p = peephole ? gates(kTflitePeephole, {0, 2, 1}) : nullptr;
  Value* inputs[] = {x, w, recurrent, bias, nullptr, h, c, p};
  const std::vector<Value*> results = builder.EmitNode("LSTM", inputs, 3, {{"hidden_size", hidden}});
  Value* y = builder.Emit("Squeeze", {results[0], builder.Ints({1})});
  if (!time_major) y = builder.Transpose(y, {1, 0, 2});
  node.SetResult(0, y);
  node.SetVariable(kTfliteOutputState, builder.Emit("Squeeze", {results[1], builder.Ints({0})}));
  node.SetVariable(kTfliteCellState, builder.Emit("Squeeze", {results[2], builder.Ints({0})}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "LSTM", .since = 7}};
constexpr TfliteSpelling kTflite[] = {{"UNIDIRECTIONAL_SEQUENCE_LSTM", ImportTflite}};

}  // namespace

extern const OpDef op_lstm;
const OpDef op_lstm = {
    .name = "LSTM",
    .summary = "Long short-term memory over a sequence, one or both ways",
    .min_inputs = 3,
    .max_inputs = 8,
    .min_outputs = 0,
    .max_outputs = 3,
    .attributes = kRecurrentAttributes,
    .infer = Infer,
    .reference = Reference,
    .macs = RecurrentMacs,
};

extern const OpSpellings spellings_lstm;
const OpSpellings spellings_lstm = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
