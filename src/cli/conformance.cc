// whet conformance: runs tests in the layout of ONNX's backend tests.

#include <algorithm>
#include <filesystem>
#include <map>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/engine.h"
#include "fleet/json/nlohmann.h"
#include "measure/conformance.h"

namespace whet::cli {
namespace {

std::string_view OutcomeName(ConformanceOutcome outcome) {
  switch (outcome) {
    case ConformanceOutcome::kPassed: return "passed";
    case ConformanceOutcome::kFailed: return "failed";
    case ConformanceOutcome::kUnsupported: return "unsupported";
  }
  return "";
}

// As `whet run` runs a model.
class CompiledEngine final : public ConformanceEngine {
 public:
  explicit CompiledEngine(ExecutorOptions options) : options_(std::move(options)) {}

  Result<std::vector<Datum>> Run(Graph& graph, std::span<const Datum> inputs) override {
    if (inputs.size() > graph.inputs().size()) {
      return Error(Code::kInvalidArgument, "the test has %zu inputs but the model %zu", inputs.size(),
                   graph.inputs().size());
    }
    std::map<std::string, Datum> named;
    for (size_t i = 0; i < inputs.size(); ++i) named[graph.inputs()[i]->name()] = inputs[i];
    Executor executor([&]() -> Result<std::unique_ptr<Graph>> { return graph.Clone(); }, options_);
    return executor.RunAny(named);
  }

 private:
  ExecutorOptions options_;
};

class ConformanceCommand final : public Command {
 public:
  std::string_view name() const override { return "conformance"; }
  std::string_view summary() const override {
    return "Run every test in ONNX's backend-test layout below a folder";
  }
  std::string_view example() const override {
    return "  whet conformance /usr/share/libonnx-testdata/data/node\n"
           "  whet conformance tests --filter conv --json";
  }

  void Define(Arguments& args) override {
    args.Add("DIR", folders_, "Folders that hold tests: model.onnx and test_data_set_*/").Required();
    args.Add("--filter", filter_, "Only tests with this in their name");
    engine_.threads = 1;
    AddEngineOptions(args, &engine_);
    args.Add("--rtol", tolerance_.relative, "Relative tolerance of floating-point outputs").ShowDefault();
    args.Add("--atol", tolerance_.absolute, "Absolute tolerance").ShowDefault();
  }

  Status Run(Console& console) override {
    std::vector<std::string> tests;
    for (const std::string& folder : folders_) {
      WHET_ASSIGN_OR_RETURN(const std::vector<std::string> found, FindConformanceTests(folder));
      for (const std::string& test : found) {
        if (std::filesystem::path(test).filename().string().find(filter_) != std::string::npos) {
          tests.push_back(test);
        }
      }
    }
    if (tests.empty()) {
      return Error(Code::kNotFound, "there is no test (a folder with a model.onnx) below the folders named");
    }
    ExecutorOptions options = ToExecutorOptions(engine_, {});
    options.cache_folder.clear();
    CompiledEngine engine(std::move(options));
    std::vector<ConformanceCase> cases;
    {
      Progress progress(console, "conformance", tests.size());
      for (const std::string& test : tests) {
        cases.push_back(RunConformanceTest(test, engine, tolerance_));
        progress.Advance(cases.back().name);
      }
    }
    const auto count = [&](ConformanceOutcome outcome) {
      return static_cast<size_t>(std::count_if(
          cases.begin(), cases.end(), [&](const ConformanceCase& c) { return c.outcome == outcome; }));
    };
    const size_t failed = count(ConformanceOutcome::kFailed);
    const size_t passed = count(ConformanceOutcome::kPassed);
    const size_t unsupported = count(ConformanceOutcome::kUnsupported);
    if (console.json()) {
      nlohmann::ordered_json object = {
          {"total", cases.size()}, {"passed", passed}, {"failed", failed}, {"unsupported", unsupported}};
      for (auto outcome :
           {ConformanceOutcome::kPassed, ConformanceOutcome::kFailed, ConformanceOutcome::kUnsupported}) {
        auto list = nlohmann::ordered_json::array();
        for (const ConformanceCase& c : cases) {
          if (c.outcome != outcome) continue;
          if (outcome == ConformanceOutcome::kPassed) {
            list.push_back(c.name);
          } else {
            list.push_back({{"name", c.name}, {"reason", c.reason}});
          }
        }
        object[std::string(OutcomeName(outcome)) + "_tests"] = std::move(list);
      }
      console.PrintJson(object);
    } else {
      for (const ConformanceCase& c : cases) {
        if (c.outcome == ConformanceOutcome::kPassed) continue;
        console.Print(Format("%s %s: %s\n", std::string(OutcomeName(c.outcome)).c_str(), c.name.c_str(),
                             c.reason.c_str()));
      }
      console.Print(Format("%zu tests: %zu passed, %zu failed, %zu unsupported\n", cases.size(), passed,
                           failed, unsupported));
    }
    if (failed > 0) return Error(Code::kUnsupported, "%zu of %zu tests failed", failed, cases.size());
    return {};
  }

 private:
  std::vector<std::string> folders_;
  std::string filter_;
  EngineArguments engine_;
  Tolerance tolerance_;
};

}  // namespace

std::unique_ptr<Command> MakeConformanceCommand() { return std::make_unique<ConformanceCommand>(); }

}  // namespace whet::cli
