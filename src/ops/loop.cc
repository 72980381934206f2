#include <limits>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/subgraph_common.h"

namespace whet::ops {
namespace {

// Inputs: trip count, condition, and the carried values. The body is given the iteration, the condition and
// the carried values; it gives the next condition, the next carried values, and values to be stacked.
constexpr size_t kTripCount = 0, kCondition = 1, kCarried = 2;

Status Infer(InferContext& context) {
  const size_t carried = context.input_count() > kCarried ? context.input_count() - kCarried : 0;
  // A carried value's shape may change from one iteration to the next, so the body learns its type only.
  std::vector<Type> given = {Type(DType::kI64, {}), Type(DType::kBool, {})};
  for (size_t i = 0; i < carried; ++i) {
    if (!context.HasInput(kCarried + i)) return Error(Code::kBadFile, "carried value %zu is missing", i);
    const Type& initial = context.input(kCarried + i);
    given.push_back(Type::Unranked(initial.dtype).As(initial.form));
  }
  WHET_ASSIGN_OR_RETURN(const std::vector<Type> results, context.InferSubgraph(0, given));
  if (results.size() != context.output_count() + 1 || results.size() < carried + 1) {
    return Error(Code::kBadFile, "the body gives %zu values; %zu outputs and the condition need %zu",
                 results.size(), context.output_count(), context.output_count() + 1);
  }
  for (size_t i = 0; i < context.output_count(); ++i) {
    const Type& result = results[i + 1];
    if (i < carried) {
      const Type& initial = context.input(kCarried + i);
      if (!CanJoin(initial, result)) {
        return Error(Code::kBadFile, "carried value %zu is %s but the body makes it %s", i,
                     ToString(initial).c_str(), ToString(result).c_str());
      }
      // What begins as optional is filled by the first iteration; Evaluate sees to it that there is one.
      context.SetOutput(i, JoinTypes(initial, result).As(result.form));
    } else if (!result.IsTensor()) {
      return Error(Code::kBadFile, "output %zu is to be stacked but is %s", i, ToString(result).c_str());
    } else if (!result.ranked) {
      context.SetOutput(i, result);
    } else {
      Type stacked = result;
      stacked.dims.insert(stacked.dims.begin(), Dim());
      context.SetOutput(i, std::move(stacked));
    }
  }
  return {};
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  const Graph& body = *node.subgraphs[0];
  const TensorPtr trip_count = evaluator.Input(node, kTripCount);
  const TensorPtr condition = evaluator.Input(node, kCondition);
  for (const size_t i : {kTripCount, kCondition}) {
    const TensorPtr tensor = evaluator.Input(node, i);
    if (node.input(i) != nullptr && (tensor == nullptr || tensor->view().elements() != 1)) {
      return Error(Code::kInvalidArgument, "the trip count and the condition must have one element each");
    }
  }
  const int64_t limit =
      trip_count != nullptr ? LoadInt(trip_count->view(), 0) : std::numeric_limits<int64_t>::max();
  bool go_on = condition == nullptr || LoadInt(condition->view(), 0) != 0;
  std::vector<Datum> carried;
  for (size_t i = kCarried; i < node.inputs().size(); ++i) carried.push_back(evaluator.InputDatum(node, i));
  const size_t stacks = node.outputs().size() - carried.size();
  std::vector<std::vector<TensorPtr>> stacked(stacks);
  for (int64_t iteration = 0; go_on && iteration < limit; ++iteration) {
    WHET_RETURN_IF_ERROR(evaluator.CountIteration());
    const uint8_t yes = 1;
    std::vector<Datum> inputs = {Constant::Copy(DType::kI64, Shape{}, &iteration),
                                 Constant::Copy(DType::kBool, Shape{}, &yes)};
    inputs.insert(inputs.end(), carried.begin(), carried.end());
    WHET_ASSIGN_OR_RETURN(const std::vector<Datum> results, evaluator.RunSubgraph(body, inputs));
    const TensorPtr& next = results[0].tensor();
    if (next == nullptr || next->view().elements() != 1) {
      return Error(Code::kInvalidArgument, "the body's condition must have one element");
    }
    go_on = LoadInt(next->view(), 0) != 0;
    for (size_t i = 0; i < carried.size(); ++i) carried[i] = results[i + 1];
    for (size_t i = 0; i < stacks; ++i) {
      stacked[i].push_back(results[i + 1 + carried.size()].tensor());
      if (stacked[i].back() == nullptr) return Error(Code::kInvalidArgument, "only tensors can be stacked");
    }
  }
  for (size_t i = 0; i < carried.size(); ++i) {
    if (carried[i].empty() && !node.output(i)->type.IsOptional()) {
      return Error(Code::kInvalidArgument, "no iteration ran, so carried value %zu is still empty", i);
    }
    evaluator.SetOutput(node, i, carried[i]);
  }
  for (size_t i = 0; i < stacks; ++i) {
    const size_t output = carried.size() + i;
    WHET_ASSIGN_OR_RETURN(TensorPtr tensor, Stack(stacked[i], 0, body.outputs()[output + 1]->type));
    evaluator.SetOutput(node, output, std::move(tensor));
  }
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"Loop"}};

}  // namespace

extern const OpDef op_loop;
const OpDef op_loop = {
    .name = "Loop",
    .summary = "Runs a subgraph a number of times or while a condition holds",
    .max_inputs = -1,
    .min_outputs = 0,
    .max_outputs = -1,
    .subgraphs = 1,
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
    .takes_sequences = true,
    .value_inputs = 1u << kTripCount | 1u << kCondition,
    .data_dependent_shape = true,
};

extern const OpSpellings spellings_loop;
const OpSpellings spellings_loop = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
