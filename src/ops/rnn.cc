#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/recurrent_common.h"

namespace whet::ops {
namespace {

constexpr std::string_view kActivations[] = {"Tanh"};

Status Infer(InferContext& context) { return InferRecurrent(context, 1); }

template <typename T>
Status Run(ReferenceContext& context) {
  const int64_t inputs = context.input(0).shape[2];
  const int64_t h = SizesOf(context).hidden;
  T* from_x = context.Scratch<T>(h).data();
  T* from_h = context.Scratch<T>(h).data();
  return RunRecurrent<T>(
      context, 1, kActivations, [&](const RecurrentWeights<T>& weights, const T* x, T* hidden, T*) {
        MultiplyRows(weights.w, x, weights.w_bias, h, inputs, from_x);
        MultiplyRows(weights.r, hidden, weights.r_bias, h, h, from_h);
        for (int64_t i = 0; i < h; ++i) {
          hidden[i] = static_cast<T>(weights.Apply(0, static_cast<double>(from_x[i] + from_h[i])));
        }
      });
}

Status Reference(ReferenceContext& context) {
  return context.input(0).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

// Inputs: x [batch, time, in] (or time first), weights, recurrent weights, bias, and the state that lives on.
Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  const std::string_view activation = node.attributes.String("fused_activation_function", "NONE");
  if (activation != "TANH" && activation != "RELU") {
    return node.Unsupported("the activation " + std::string(activation) + " in a recurrent network");
  }
  const Type& r = node.input(2)->type;
  Value* x = node.input(0);
  if (!r.IsStatic() || r.rank() != 2 || x->type.rank() != 3) {
    return Error(Code::kBadFile, "the weights or the input have the wrong number of dimensions");
  }
  const int64_t hidden = r.dims[1].lo;
  Value* first = builder.Ints({0});
  const bool time_major = node.attributes.Int("time_major") != 0;
  if (!time_major) x = builder.Transpose(x, {1, 0, 2});
  Value* zeros = builder.Emit("Expand", {builder.Scalar(0), builder.Ints({hidden})});
  Value* bias = builder.Emit("Concat", {node.input(3), zeros}, {{"axis", int64_t{0}}});
  Value* inputs[] = {x,
                     builder.Emit("Unsqueeze", {node.input(1), first}),
                     builder.Emit("Unsqueeze", {node.input(2), first}),
                     builder.Emit("Unsqueeze", {bias, first}),
                     nullptr,
                     builder.Emit("Unsqueeze", {node.input(4), first})};
  Attributes attributes = {{"hidden_size", hidden}};
  attributes.Set("activations", std::vector<std::string>{activation == "TANH" ? "Tanh" : "Relu"});
  const std::vector<Value*> results = builder.EmitNode("RNN", inputs, 2, std::move(attributes));
  Value* y = builder.Emit("Squeeze", {results[0], builder.Ints({1})});
  if (!time_major) y = builder.Transpose(y, {1, 0, 2});
  node.SetResult(0, y);
  node.SetVariable(4, builder.Emit("Squeeze", {results[1], first}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "RNN", .since = 7}};
constexpr TfliteSpelling kTflite[] = {{"UNIDIRECTIONAL_SEQUENCE_RNN", ImportTflite, 5}};

}  // namespace

extern const OpDef op_rnn;
const OpDef op_rnn = {
    .name = "RNN",
    .summary = "Simple recurrent network over a sequence, one or both ways",
    .min_inputs = 3,
    .max_inputs = 6,
    .min_outputs = 0,
    .max_outputs = 2,
    .attributes = kRecurrentAttributes,
    .infer = Infer,
    .reference = Reference,
    .macs = RecurrentMacs,
};

extern const OpSpellings spellings_rnn;
const OpSpellings spellings_rnn = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
