#include "cli/engine.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <thread>
#include <utility>

#include "cli/load_model.h"
#include "passes/pass_list.h"

namespace whet::cli {

void AddEngineOptions(CLI::App& app, EngineArguments* arguments) {
  app.add_option("--threads", arguments->threads, "Threads that work (0: one per CPU)")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024))
      ->group("Engine");
  app.add_option_function<std::string>(
         "--isa",
         [arguments](const std::string& name) {
           if (!IsaFromName(name, &arguments->isa)) {
             throw CLI::ValidationError("--isa", "'" + name + "' is not one of " + std::string(IsaNames()));
           }
           if (!IsaSupported(arguments->isa)) {
             throw CLI::ValidationError("--isa", "this machine does not offer " + name);
           }
         },
         "Instruction set to use: one of " + std::string(IsaNames()) +
             " (default: " + std::string(IsaName(BestIsa())) + ")")
      ->type_name("NAME")
      ->group("Engine");
  app.add_flag("--reference", arguments->reference,
               "Run the operators' plain references, not a compiled plan")
      ->group("Engine");
  app.add_flag("--no-cache", arguments->no_cache, "Neither read nor keep finished plans in the cache folder")
      ->group("Engine");
  app.add_option("--disable-pass", arguments->disabled_passes,
                 "Leave out an optimization, to find the one that breaks a model (repeatable)")
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->check([](const std::string& name) {
        std::string known;
        for (const Pass& pass : OptimizationPasses()) {
          if (pass.name == name) return std::string();
          if (known.find(pass.name) != std::string::npos) continue;
          known += known.empty() ? "" : ", ";
          known += pass.name;
        }
        return "'" + name + "' is not one of " + known;
      })
      ->group("Engine");
}

ExecutorOptions ToExecutorOptions(const EngineArguments& arguments, const std::string& model) {
  ExecutorOptions options;
  options.threads.threads = arguments.threads > 0
                                ? arguments.threads
                                : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  options.isa = arguments.isa;
  options.disabled_passes = arguments.disabled_passes;
  options.only_evaluator = arguments.reference;
  if (!arguments.no_cache) {
    options.cache_folder = DefaultCacheFolder();
    options.model_id = FileIdentity(model);
  }
  return options;
}

Executor::GraphLoader LoaderOf(const std::string& model) {
  return [model]() -> Result<std::unique_ptr<Graph>> {
    WHET_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(model));
    return std::move(loaded.graph);
  };
}

}  // namespace whet::cli
