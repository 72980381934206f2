#include "cli/model_runner.h"

#include <utility>

namespace whet::cli {
namespace {

class Runner final : public SampleRunner {
 public:
  Runner(const std::shared_ptr<const Graph>& graph, std::shared_ptr<const SampleInputs> inputs,
         ExecutorOptions options)
      : inputs_(std::move(inputs)),
        stateful_(!graph->states.empty()),
        executor_([graph]() -> Result<std::unique_ptr<Graph>> { return graph->Clone(); },
                  std::move(options)) {}

  Result<Prediction> Run(const Sample& sample) override {
    WHET_ASSIGN_OR_RETURN(SampleInputs::Filled filled, inputs_->Fill(sample));
    // Samples have nothing to do with each other.
    if (stateful_) executor_.ResetStates();
    Prediction prediction;
    Result<std::vector<TensorPtr>> outputs = executor_.Run(filled.tensors);
    if (!outputs.ok()) return outputs.TakeStatus().At(sample.name);
    prediction.outputs = std::move(*outputs);
    prediction.placement = filled.placement;
    return prediction;
  }

 private:
  std::shared_ptr<const SampleInputs> inputs_;
  const bool stateful_;
  Executor executor_;
};

}  // namespace

Result<SampleInputs> MakeSampleInputs(const Graph& graph, const InputArguments& inputs) {
  SampleInputsOptions fill;
  WHET_ASSIGN_OR_RETURN(fill.image, ImageSettings(graph, inputs));
  WHET_ASSIGN_OR_RETURN(fill.audio, AudioSettings(graph, inputs));
  if (!inputs.inputs.empty()) {
    WHET_ASSIGN_OR_RETURN(fill.fixed, GivenInputs(graph, inputs));
  }
  return SampleInputs::Create(graph, std::move(fill));
}

Result<EvaluatedModel> MakeEvaluatedModel(std::shared_ptr<const Graph> graph, const InputArguments& inputs,
                                          ExecutorOptions options) {
  EvaluatedModel model;
  WHET_ASSIGN_OR_RETURN(model.description, ModelDescription::Of(*graph));
  WHET_ASSIGN_OR_RETURN(SampleInputs created, MakeSampleInputs(*graph, inputs));
  auto shared_inputs = std::make_shared<const SampleInputs>(std::move(created));
  options.threads.threads = 1;
  if (options.plan_pool == nullptr) options.plan_pool = std::make_shared<PlanPool>();
  model.make_runner = [graph = std::move(graph), shared_inputs,
                       options = std::move(options)]() -> Result<std::unique_ptr<SampleRunner>> {
    return std::unique_ptr<SampleRunner>(std::make_unique<Runner>(graph, shared_inputs, options));
  };
  return model;
}

}  // namespace whet::cli
