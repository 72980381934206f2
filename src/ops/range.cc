#include <algorithm>

#include "ir/spelling.h"
#include "ops/elements_common.h"

namespace whet::ops {
namespace {

Result<int64_t> CountOf(const TensorView& start, const TensorView& limit, const TensorView& delta) {
  for (const TensorView* view : {&start, &limit, &delta}) {
    if (view->elements() != 1) return Error(Code::kBadFile, "start, limit and delta must be one number each");
  }
  if (IsFloat(start.dtype)) {
    const double step = LoadFloat(delta, 0);
    const double count = std::ceil((LoadFloat(limit, 0) - LoadFloat(start, 0)) / step);
    if (step == 0 || !std::isfinite(count)) return Error(Code::kInvalidArgument, "the range never ends");
    return static_cast<int64_t>(std::clamp(count, 0.0, 0x1p60));
  }
  const int64_t step = LoadInt(delta, 0);
  if (step == 0) return Error(Code::kInvalidArgument, "the range never ends: delta is 0");
  const int64_t from = LoadInt(start, 0);
  const int64_t to = LoadInt(limit, 0);
  if (step > 0 ? from >= to : from <= to) return int64_t{0};
  // Distances fit unsigned numbers whatever the ends are.
  const auto as_unsigned = [](int64_t x) { return static_cast<uint64_t>(x); };
  const uint64_t distance =
      step > 0 ? as_unsigned(to) - as_unsigned(from) : as_unsigned(from) - as_unsigned(to);
  const uint64_t size = step > 0 ? as_unsigned(step) : 0 - as_unsigned(step);
  return static_cast<int64_t>(std::min<uint64_t>((distance - 1) / size + 1, uint64_t{1} << 60));
}

Status Infer(InferContext& context) {
  const TensorView* values[3];
  for (size_t i = 0; i < 3; ++i) {
    values[i] = context.InputValue(i);
    if (context.input(i).dtype != context.input(0).dtype) {
      return Error(Code::kBadFile, "start, limit and delta must be of one type");
    }
  }
  Dim count;
  if (values[0] != nullptr && values[1] != nullptr && values[2] != nullptr) {
    WHET_ASSIGN_OR_RETURN(count, CountOf(*values[0], *values[1], *values[2]));
  }
  context.SetOutput(0, Type(context.input(0).dtype, {count}));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& start = context.input(0);
  const TensorView& delta = context.input(2);
  const TensorView& y = context.output(0);
  for (int64_t i = 0; i < y.elements(); ++i) {
    if (IsFloat(y.dtype)) {
      StoreFloat(y, i, LoadFloat(start, 0) + static_cast<double>(i) * LoadFloat(delta, 0));
    } else {
      const uint64_t offset = static_cast<uint64_t>(i) * static_cast<uint64_t>(LoadInt(delta, 0));
      StoreInt(y, i, static_cast<int64_t>(static_cast<uint64_t>(LoadInt(start, 0)) + offset));
    }
  }
  return {};
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  sink.Operator("RANGE", {sink.Of(node.input(0)), sink.Of(node.input(1)), sink.Of(node.input(2))},
                {sink.Result(node)});
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"Range", 11}};
constexpr TfliteSpelling kTflite[] = {{"RANGE"}};

}  // namespace

extern const OpDef op_range;
const OpDef op_range = {
    .name = "Range",
    .summary = "Numbers from start up to limit in steps of delta",
    .min_inputs = 3,
    .max_inputs = 3,
    .infer = Infer,
    .reference = Reference,
    .value_inputs = 0b111,
};

extern const OpSpellings spellings_range;
const OpSpellings spellings_range = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite},
};

}  // namespace whet::ops
