// The command line's wishes for how a model is run.
#pragma once

#include <string>
#include <vector>

#include "api/executor.h"

namespace whet::cli {

class Arguments;

struct EngineArguments {
  int threads = 0;  // 0: one per CPU
  Isa isa = BestIsa();
  bool reference = false;
  bool no_cache = false;
  std::vector<std::string> disabled_passes;
};
void AddEngineOptions(Arguments& args, EngineArguments* arguments);

// `model` is the path of the model's file.
ExecutorOptions ToExecutorOptions(const EngineArguments& arguments, const std::string& model);

// Reads the file with LoadModel when it is needed.
Executor::GraphLoader LoaderOf(const std::string& model);

}  // namespace whet::cli
