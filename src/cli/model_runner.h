// Models of the command line as measure/evaluation.h runs them.
#pragma once

#include <memory>
#include <string>

#include "cli/engine.h"
#include "cli/model_inputs.h"
#include "measure/evaluation.h"
#include "measure/sample_inputs.h"

namespace whet::cli {

// How the samples of a data set become the model's inputs; `-i NAME=VALUE` of `inputs` are fed to every
// sample.
Result<SampleInputs> MakeSampleInputs(const Graph& graph, const InputArguments& inputs);

// `graph` is shared with the runners. One thread runs one sample; the Plan and its weights are shared.
// `inputs` says how samples become inputs; its `-i NAME=VALUE` are fed to every sample. `options.threads` is
// not used.
Result<EvaluatedModel> MakeEvaluatedModel(std::shared_ptr<const Graph> graph, const InputArguments& inputs,
                                          ExecutorOptions options);

}  // namespace whet::cli
