#include "api/split_session.h"

#include <algorithm>
#include <map>
#include <utility>

#include "compile/split.h"
#include "plan/plan.h"

namespace whet {

Result<std::unique_ptr<SplitSession>> SplitSession::Create(const Graph& graph, const CompileOptions& compile,
                                                           const SessionOptions& options) {
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<Graph> optimized, Optimize(graph, compile));
  WHET_ASSIGN_OR_RETURN(SplitGraph split, SplitWhereDataDecidesShapes(*optimized));
  std::unique_ptr<SplitSession> session(new SplitSession());
  session->front_nodes_ = split.front_nodes;
  session->rest_nodes_ = split.rest_nodes;
  session->max_tensor_bytes_ = options.memory_limit;
  std::map<std::string, TensorView> known;  // what the rest may read
  if (split.front != nullptr) {
    CompileOptions front = compile;
    front.shapes.clear();
    front.values.clear();
    WHET_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, Compile(*split.front, front));
    WHET_ASSIGN_OR_RETURN(session->front_, Session::Create(std::move(plan), options));
    const Session& made = *session->front_;
    for (size_t i = 0; i < made.plan().inputs.size(); ++i) {
      const PlanPort& port = made.plan().inputs[i];
      const PlanTensor& tensor = made.plan().tensors[port.tensor];
      known[port.name] = {tensor.dtype, tensor.shape, made.input(i)};
    }
    for (size_t i = 0; i < made.plan().outputs.size(); ++i) {
      const PlanPort& port = made.plan().outputs[i];
      const PlanTensor& tensor = made.plan().tensors[port.tensor];
      known[split.front->outputs()[i]->name()] = {tensor.dtype, tensor.shape, made.output(i)};
    }
  }
  for (const Value* input : optimized->inputs()) {
    const bool state =
        std::ranges::any_of(optimized->states, [&](const State& s) { return s.input == input; });
    if (state) continue;
    if (!known.contains(input->name())) {
      if (!input->type.IsStatic()) {
        return Error(Code::kInvalidArgument, "input '%s' is %s; give it a shape (--shape %s=…)",
                     input->name().c_str(), ToString(input->type).c_str(), input->name().c_str());
      }
      const Shape shape = input->type.ToShape();
      session->own_inputs_.push_back(Constant::Allocate(input->type.dtype, shape));
      known[input->name()] = {input->type.dtype, shape, session->own_inputs_.back()->mutable_data()};
    }
    session->inputs_.push_back({input->name(), known.at(input->name())});
  }
  for (const Value* input : split.rest->inputs()) {
    const TensorView& view = known.at(input->name());
    session->rest_inputs_.push_back(Constant::Refer(view.dtype, view.shape, view.data, session->front_));
  }
  for (const Value* output : split.rest->outputs()) session->output_names_.push_back(output->name());
  session->rest_ = std::move(split.rest);
  return session;
}

Status SplitSession::Run() {
  outputs_.clear();
  if (front_ != nullptr) WHET_RETURN_IF_ERROR(front_->Run());
  EvaluateOptions options;
  if (max_tensor_bytes_ != 0)
    options.max_tensor_bytes = std::min(options.max_tensor_bytes, max_tensor_bytes_);
  WHET_ASSIGN_OR_RETURN(outputs_, GraphEvaluator(options).Run(*rest_, rest_inputs_));
  return {};
}

void SplitSession::ResetStates() {
  if (front_ != nullptr) front_->ResetStates();
}

}  // namespace whet
