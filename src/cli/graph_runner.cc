#include "cli/graph_runner.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "measure/latency.h"

namespace whet::cli {
namespace {

Result<std::map<std::string, InputBinding>> Bind(Executor& executor, const quantize::Inputs& inputs) {
  WHET_ASSIGN_OR_RETURN(const std::vector<std::string> by_value, executor.ShapeInputs());
  std::map<std::string, InputBinding> bindings;
  for (const auto& [name, tensor] : inputs) {
    const bool value = std::find(by_value.begin(), by_value.end(), name) != by_value.end();
    bindings[name] = {tensor->shape(), value ? tensor : nullptr};
  }
  return bindings;
}

Status CopyInputs(const quantize::Inputs& inputs, Session* session) {
  const Plan& plan = session->plan();
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    const PlanTensor& wanted = plan.tensors[plan.inputs[i].tensor];
    const auto it = inputs.find(plan.inputs[i].name);
    if (it == inputs.end()) {
      return Error(Code::kInvalidArgument, "input '%s' is missing", plan.inputs[i].name.c_str());
    }
    const TensorView& given = it->second->view();
    if (given.dtype != wanted.dtype || given.shape != wanted.shape) {
      return Error(Code::kInvalidArgument, "input '%s' must be of shape %s but is of shape %s",
                   plan.inputs[i].name.c_str(), wanted.shape.ToString().c_str(),
                   given.shape.ToString().c_str());
    }
    std::memcpy(session->input(i), given.data, given.bytes());
  }
  return {};
}

Executor::GraphLoader Hand(std::unique_ptr<Graph> graph) {
  // Called once at most; the loader must be copyable.
  const auto held = std::make_shared<std::unique_ptr<Graph>>(std::move(graph));
  return [held]() -> Result<std::unique_ptr<Graph>> { return std::move(*held); };
}

class PreparedGraph final : public quantize::RunnableModel {
 public:
  PreparedGraph(std::unique_ptr<Graph> graph, const ExecutorOptions& options)
      : executor_(Hand(std::move(graph)), options) {}

  void Reset() override { executor_.ResetStates(); }

  Status Run(const quantize::Inputs& inputs) override {
    outputs_.clear();
    WHET_ASSIGN_OR_RETURN(const auto bindings, Bind(executor_, inputs));
    Result<Session*> session = executor_.Prepare(bindings);
    if (!session.ok() && session.status().code() != Code::kUnsupported) return session.TakeStatus();
    if (!session.ok()) {
      WHET_ASSIGN_OR_RETURN(held_, executor_.Run(inputs));
      for (const TensorPtr& tensor : held_) outputs_.push_back(tensor->view());
      return {};
    }
    WHET_RETURN_IF_ERROR(CopyInputs(inputs, *session));
    WHET_RETURN_IF_ERROR((*session)->Run());
    const Plan& plan = (*session)->plan();
    for (size_t i = 0; i < plan.outputs.size(); ++i) {
      const PlanTensor& tensor = plan.tensors[plan.outputs[i].tensor];
      outputs_.push_back({tensor.dtype, tensor.shape, (*session)->output(i)});
    }
    return {};
  }

  const std::vector<TensorView>& outputs() const override { return outputs_; }

 private:
  Executor executor_;
  std::vector<TensorPtr> held_;  // where no Plan can be made
  std::vector<TensorView> outputs_;
};

struct Contender {
  std::unique_ptr<Executor> executor;
  Session* session = nullptr;
  std::vector<double> milliseconds;
  std::vector<std::vector<double>> steps;  // of each, its profiled runs

  Status Prepare(const Graph& graph, const ExecutorOptions& options, const quantize::Inputs& inputs) {
    executor = std::make_unique<Executor>(Hand(graph.Clone()), options);
    WHET_ASSIGN_OR_RETURN(const auto bindings, Bind(*executor, inputs));
    Result<Session*> prepared = executor->Prepare(bindings);
    if (!prepared.ok()) {
      return prepared.status().code() == Code::kUnsupported ? Status() : prepared.TakeStatus();
    }
    session = *prepared;
    WHET_RETURN_IF_ERROR(CopyInputs(inputs, session));
    return session->Run();
  }

  Status Run() {
    if (session == nullptr) return {};
    const int64_t start = NowNanoseconds();
    WHET_RETURN_IF_ERROR(session->Run());
    milliseconds.push_back(static_cast<double>(NowNanoseconds() - start) * 1e-6);
    return {};
  }

  // One run with each step timed.
  Status Profile() {
    if (session == nullptr) return {};
    session->EnableProfile(true);
    WHET_RETURN_IF_ERROR(session->Run());
    const std::span<const int64_t> nanoseconds = session->step_nanoseconds();
    steps.resize(nanoseconds.size());
    for (size_t i = 0; i < steps.size(); ++i) steps[i].push_back(static_cast<double>(nanoseconds[i]) * 1e-6);
    session->EnableProfile(false);
    return {};
  }

  GraphRunner::Times Times() const {
    GraphRunner::Times times;
    if (session == nullptr) return times;
    times.p50 = Summarize(milliseconds).p50;
    times.runs = milliseconds;
    for (size_t i = 0; i < session->plan().steps.size() && i < steps.size(); ++i) {
      times.nodes[session->plan().steps[i].node] += Summarize(steps[i]).p50;
    }
    return times;
  }
};

}  // namespace

GraphRunner::GraphRunner(ExecutorOptions options) : options_(std::move(options)) {
  options_.cache_folder.clear();
  options_.model_id.clear();
}

Result<std::unique_ptr<quantize::RunnableModel>> GraphRunner::Prepare(std::unique_ptr<Graph> graph) {
  return std::unique_ptr<quantize::RunnableModel>(new PreparedGraph(std::move(graph), options_));
}

bool GraphRunner::Times::ClearlyFasterThan(const Times& other) const {
  const size_t pairs = std::min(runs.size(), other.runs.size());
  size_t wins = 0;
  for (size_t i = 0; i < pairs; ++i) wins += runs[i] < other.runs[i] ? 1 : 0;
  const auto n = static_cast<double>(pairs);
  return static_cast<double>(wins) > n / 2 + 1.5 * std::sqrt(n) && p50 < other.p50;
}

Result<std::vector<GraphRunner::Times>> GraphRunner::Measure(std::span<const Graph* const> graphs,
                                                             const quantize::Inputs& inputs, double seconds) {
  std::vector<Contender> contenders(graphs.size());
  for (size_t i = 0; i < graphs.size(); ++i) {
    WHET_RETURN_IF_ERROR(contenders[i].Prepare(*graphs[i], options_, inputs));
  }
  constexpr size_t kFewest = 5;
  const int64_t end = NowNanoseconds() + static_cast<int64_t>(seconds * 1e9);
  for (size_t run = 0; run < kFewest || NowNanoseconds() < end; ++run) {
    for (Contender& contender : contenders) WHET_RETURN_IF_ERROR(contender.Run());
  }
  // As long again, but not more than a median needs.
  constexpr size_t kMostProfiled = 25;
  const int64_t profile_end = NowNanoseconds() + static_cast<int64_t>(seconds * 1e9);
  for (size_t run = 0; run < kFewest || (run < kMostProfiled && NowNanoseconds() < profile_end); ++run) {
    for (Contender& contender : contenders) WHET_RETURN_IF_ERROR(contender.Profile());
  }
  std::vector<Times> times;
  for (const Contender& contender : contenders) times.push_back(contender.Times());
  return times;
}

}  // namespace whet::cli
