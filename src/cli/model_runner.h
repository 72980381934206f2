// Models of the command line as measure/evaluation.h runs them.
#pragma once

#include <memory>
#include <string>

#include "cli/engine.h"
#include "cli/model_inputs.h"
#include "measure/evaluation.h"

namespace whet::cli {

// `graph` is shared with the runners. One thread runs one sample; the Plan and its weights are shared.
// `inputs` says how samples become inputs; its `-i NAME=VALUE` are fed to every sample. `options.threads` is
// not used.
Result<EvaluatedModel> MakeEvaluatedModel(std::shared_ptr<const Graph> graph, const InputArguments& inputs,
                                          ExecutorOptions options);

}  // namespace whet::cli
