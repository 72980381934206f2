#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/subgraph_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  auto then_types = context.InferSubgraph(0, {});
  auto else_types = context.InferSubgraph(1, {});
  // Where the condition is known, the branch that never runs need not fit the shapes at hand.
  std::vector<int64_t> condition;
  if (context.IntValues(0, &condition) && condition.size() == 1) {
    auto& taken = condition[0] != 0 ? then_types : else_types;
    if (!taken.ok()) return taken.TakeStatus();
    for (size_t i = 0; i < taken->size(); ++i) context.SetOutput(i, (*taken)[i]);
    return {};
  }
  if (!then_types.ok()) return then_types.TakeStatus();
  if (!else_types.ok()) return else_types.TakeStatus();
  if (then_types->size() != else_types->size() || then_types->size() < context.output_count()) {
    return Error(Code::kBadFile, "the branches give %zu and %zu values; the node has %zu outputs",
                 then_types->size(), else_types->size(), context.output_count());
  }
  for (size_t i = 0; i < context.output_count(); ++i) {
    const Type& a = (*then_types)[i];
    const Type& b = (*else_types)[i];
    if (!CanJoin(a, b)) {
      return Error(Code::kBadFile, "output %zu is %s in one branch and %s in the other", i,
                   ToString(a).c_str(), ToString(b).c_str());
    }
    context.SetOutput(i, JoinTypes(a, b));
  }
  return {};
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  const TensorPtr condition = evaluator.Input(node, 0);
  if (condition == nullptr || condition->view().elements() != 1) {
    return Error(Code::kInvalidArgument, "the condition must have one element, not be %s",
                 ToString(evaluator.InputDatum(node, 0)).c_str());
  }
  const bool taken = LoadInt(condition->view(), 0) != 0;
  WHET_ASSIGN_OR_RETURN(std::vector<Datum> results,
                        evaluator.RunSubgraph(*node.subgraphs[taken ? 0 : 1], {}));
  for (size_t i = 0; i < results.size() && i < node.outputs().size(); ++i) {
    evaluator.SetOutput(node, i, std::move(results[i]));
  }
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"If"}};

}  // namespace

extern const OpDef op_if;
const OpDef op_if = {
    .name = "If",
    .summary = "Runs one of two subgraphs",
    .min_inputs = 1,
    .max_inputs = 1,
    .max_outputs = -1,
    .subgraphs = 2,
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
    .takes_sequences = true,
    .value_inputs = 1,
};

extern const OpSpellings spellings_if;
const OpSpellings spellings_if = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
