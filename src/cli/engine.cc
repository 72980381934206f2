#include "cli/engine.h"
#include "cli/arguments.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "cli/load_model.h"
#include "passes/pass_list.h"

namespace whet::cli {

void AddEngineOptions(Arguments& args, EngineArguments* arguments) {
  args.Add("--threads", arguments->threads, "Threads that work (0: one per CPU)")
      .ShowDefault()
      .InRange(0, 1024)
      .Group("Engine");
  args.AddParsed(
          "--isa",
          [arguments](const std::string& name) -> Status {
            if (!IsaFromName(name, &arguments->isa)) {
              return Error(Code::kInvalidArgument, "'%s' is not one of %s", name.c_str(),
                           std::string(IsaNames()).c_str());
            }
            if (!IsaSupported(arguments->isa)) {
              return Error(Code::kUnsupported, "this machine does not offer %s", name.c_str());
            }
            return {};
          },
          "Instruction set to use: one of " + std::string(IsaNames()) +
              " (default: " + std::string(IsaName(BestIsa())) + ")")
      .Type("NAME")
      .Group("Engine");
  args.AddFlag("--reference", arguments->reference,
               "Run the operators' plain references, not a compiled plan")
      .Group("Engine");
  args.AddFlag("--no-cache", arguments->no_cache, "Neither read nor keep finished plans in the cache folder")
      .Group("Engine");
  args.Add("--disable-pass", arguments->disabled_passes,
           "Leave out an optimization, to find the one that breaks a model")
      .Type("NAME")
      .Repeatable()
      .Check([](const std::string& name) -> Status {
        std::string known;
        for (const Pass& pass : OptimizationPasses()) {
          if (pass.name == name) return {};
          if (known.find(pass.name) != std::string::npos) continue;
          known += known.empty() ? "" : ", ";
          known += pass.name;
        }
        return Error(Code::kInvalidArgument, "'%s' is not one of %s", name.c_str(), known.c_str());
      })
      .Group("Engine");
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
