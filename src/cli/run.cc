// whet run: a model's answer to given inputs.

#include <cstdio>
#include <map>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/engine.h"
#include "cli/model_inputs.h"
#include "cli/model_outputs.h"

namespace whet::cli {
namespace {

class RunCommand final : public Command {
 public:
  std::string_view name() const override { return "run"; }
  std::string_view summary() const override { return "Run a model on arrays, pictures or recordings"; }
  std::string_view example() const override {
    return "  whet run classifier.onnx -i cat.jpg --scale 1/255 --top 5 --labels classes.txt\n"
           "  whet run detector.onnx -i photo.jpg --mean 127 --scale 1/128 \\\n"
           "      --postprocess decode=boxes,background=0,threshold=0.7 --draw boxes -o found.png\n"
           "  whet run vad.onnx -i input=speech.wav --audio frame=512 -i sr=16000 -i state=0 \\\n"
           "      --feed stateN=state -o speech.npz";
  }

  void Define(Arguments& args) override {
    args.Add("MODEL", model_, "The model file").Required();
    AddInputOptions(args, &inputs_);
    AddOutputOptions(args, &outputs_);
    args.Add("--feed", feed_, "Between the runs on a recording's frames, an output becomes an input")
        .Type("OUTPUT=INPUT")
        .Repeatable();
    AddEngineOptions(args, &engine_);
  }

  Status Run(Console& console) override {
    Executor executor(LoaderOf(model_), ToExecutorOptions(engine_, model_));
    WHET_ASSIGN_OR_RETURN(const Graph* graph, executor.graph());
    return RunGraph(console, executor, *graph).At(model_);
  }

 private:
  Status RunGraph(Console& console, Executor& executor, const Graph& graph) {
    WHET_ASSIGN_OR_RETURN(PreparedInputs inputs, PrepareInputs(graph, inputs_, false));
    WHET_ASSIGN_OR_RETURN(const auto feed, ParseFeed(graph));
    std::vector<RunOutputs> runs;
    {
      Progress progress(console, "run", inputs.runs.size());
      for (size_t run = 0; run < inputs.runs.size(); ++run) {
        if (run > 0) {
          for (const auto& [output, input] : feed) inputs.runs[run][input] = runs.back()[output].tensor();
        }
        const std::map<std::string, TensorPtr> named = ByName(graph, inputs.runs[run]);
        Result<RunOutputs> outputs = executor.RunAny({named.begin(), named.end()});
        if (!outputs.ok()) return ExplainAssumed(outputs.TakeStatus(), inputs);
        runs.push_back(std::move(*outputs));
        progress.Advance("frames");
      }
    }
    if (!engine_.reference && !executor.evaluator_reason().empty()) {
      std::fprintf(stderr, "whet run: note: on the operators' slow references: %s\n",
                   executor.evaluator_reason().c_str());
    }
    return DeliverOutputs(console, graph, inputs, runs, outputs_);
  }

  // Indices of outputs and the inputs that they become.
  Result<std::map<size_t, size_t>> ParseFeed(const Graph& graph) const {
    std::map<size_t, size_t> feed;
    for (const std::string& pair : feed_) {
      bool found = false;
      for (size_t o = 0; o < graph.outputs().size(); ++o) {
        for (size_t i = 0; i < graph.inputs().size(); ++i) {
          if (pair != graph.outputs()[o]->name() + "=" + graph.inputs()[i]->name()) continue;
          feed[o] = i;
          found = true;
        }
      }
      if (!found) {
        return Error(Code::kInvalidArgument, "--feed %s: is not an output's name, '=' and an input's name",
                     pair.c_str());
      }
    }
    return feed;
  }

  std::string model_;
  InputArguments inputs_;
  OutputArguments outputs_;
  EngineArguments engine_;
  std::vector<std::string> feed_;
};

}  // namespace

std::unique_ptr<Command> MakeRunCommand() { return std::make_unique<RunCommand>(); }

}  // namespace whet::cli
