#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"
#include "ops/tflite_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  context.SetOutput(0, x);
  const int64_t batch = context.attributes().Int("batch_axis", 1);
  const int64_t time = context.attributes().Int("time_axis", 0);
  const bool right = (batch == 0 && time == 1) || (batch == 1 && time == 0);
  if (!right || (x.ranked && x.rank() < 2)) {
    return Error(Code::kBadFile, "batch_axis and time_axis must be 0 and 1, and %s must have both",
                 ToString(x).c_str());
  }
  if (x.ranked && !Meet(LengthOf(context, 1), x.dims[static_cast<size_t>(batch)]).ok()) {
    return Error(Code::kBadFile, "there are lengths %s for %s", ToString(context.input(1)).c_str(),
                 ToString(x).c_str());
  }
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const auto batch_axis = static_cast<int>(context.attributes().Int("batch_axis", 1));
  const int64_t batches = x.shape[batch_axis];
  const int64_t times = x.shape[1 - batch_axis];
  int64_t inner = 1;
  for (int d = 2; d < x.shape.rank(); ++d) inner *= x.shape[d];
  for (int64_t batch = 0; batch < batches; ++batch) {
    const int64_t length = LoadInt(context.input(1), batch);
    if (length < 0 || length > times) {
      return Error(Code::kInvalidArgument, "sequence %lld has the length %lld, but there are %lld steps",
                   static_cast<long long>(batch), static_cast<long long>(length),
                   static_cast<long long>(times));
    }
    for (int64_t time = 0; time < times; ++time) {
      const auto row = [&](int64_t t) {
        return (batch_axis == 0 ? batch * times + t : t * batches + batch) * inner;
      };
      CopyElements(x, row(time < length ? length - 1 - time : time), y, row(time), inner);
    }
  }
  return {};
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit("ReverseSequence", {node.input(0), TfliteInts(builder, node.input(1))},
                                 {{"time_axis", node.attributes.Int("seq_dim")},
                                  {"batch_axis", node.attributes.Int("batch_dim")}}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  sink.Operator("REVERSE_SEQUENCE", {sink.Of(node.input(0)), sink.Of(node.input(1))}, {sink.Result(node)},
                {{"seq_dim", node.attributes.Int("time_axis", 0)},
                 {"batch_dim", node.attributes.Int("batch_axis", 1)}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"batch_axis", AttributeKind::kInt},
                                        {"time_axis", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"ReverseSequence", 10}};
constexpr TfliteSpelling kTflite[] = {{"REVERSE_SEQUENCE", ImportTflite, 2}};

}  // namespace

extern const OpDef op_reverse_sequence;
const OpDef op_reverse_sequence = {
    .name = "ReverseSequence",
    .summary = "Sequences of different lengths, each reversed",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
};

extern const OpSpellings spellings_reverse_sequence;
const OpSpellings spellings_reverse_sequence = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved, .unquantized_inputs = 0b10},
};

}  // namespace whet::ops
