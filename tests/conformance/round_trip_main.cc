// Writes the model of every ONNX backend test below the folders that are named as ONNX, reads that back, and
// compares the two Graphs as text. Models that Whet does not read or write are passed over.

#include <cstdio>
#include <cstring>

#include "compile/compiler.h"
#include "export/onnx/onnx_export.h"
#include "import/onnx/onnx_import.h"
#include "ir/text.h"
#include "measure/conformance.h"

namespace {

// Runs what comes back, of the Graph as it was read or as the passes leave it.
class RoundTripEngine final : public whet::ConformanceEngine {
 public:
  explicit RoundTripEngine(bool optimize) : optimize_(optimize) {}
  whet::Result<std::vector<whet::Datum>> Run(whet::Graph& graph,
                                             std::span<const whet::Datum> inputs) override {
    std::unique_ptr<whet::Graph> optimized;
    if (optimize_) {
      whet::CompileOptions options;
      for (size_t i = 0; i < inputs.size() && i < graph.inputs().size(); ++i) {
        const whet::TensorPtr& tensor = inputs[i].tensor();
        if (tensor != nullptr) options.shapes[graph.inputs()[i]->name()] = tensor->shape();
      }
      WHET_ASSIGN_OR_RETURN(optimized, whet::Optimize(graph, options));
    }
    WHET_ASSIGN_OR_RETURN(const std::string bytes, whet::ExportOnnxBytes(optimize_ ? *optimized : graph));
    WHET_ASSIGN_OR_RETURN(const auto again,
                          whet::ImportOnnxBytes(std::as_bytes(std::span(bytes)), "written"));
    return whet::EvaluatorEngine().Run(*again, inputs);
  }

 private:
  bool optimize_;
};

enum class Outcome { kEqual, kDifferent, kNotHandled };

// Prints the first line that differs.
void PrintDifference(const std::string& a, const std::string& b) {
  size_t line = 0;
  for (size_t i = 0; i < a.size() && i < b.size() && a[i] == b[i]; ++i) {
    if (a[i] == '\n') line = i + 1;
  }
  const auto at = [&](const std::string& text) {
    return text.substr(line, text.find('\n', line) - line).substr(0, 300);
  };
  std::printf("  read:    %s\n  written: %s\n", at(a).c_str(), at(b).c_str());
}

Outcome RoundTrip(const std::string& model) {
  const auto first = whet::ImportOnnx(model);
  if (!first.ok()) return Outcome::kNotHandled;
  const auto bytes = whet::ExportOnnxBytes(**first);
  if (!bytes.ok() && bytes.status().code() == whet::Code::kUnsupported) return Outcome::kNotHandled;
  if (!bytes.ok()) {
    std::printf("%s: %s\n", model.c_str(), bytes.status().ToString().c_str());
    return Outcome::kDifferent;
  }
  const auto second = whet::ImportOnnxBytes(std::as_bytes(std::span(*bytes)), "written");
  if (!second.ok()) {
    std::printf("%s: %s\n", model.c_str(), second.status().ToString().c_str());
    return Outcome::kDifferent;
  }
  const std::string before = whet::ToText(**first);
  const std::string after = whet::ToText(**second);
  if (before == after) return Outcome::kEqual;
  std::printf("%s:\n", model.c_str());
  PrintDifference(before, after);
  return Outcome::kDifferent;
}

}  // namespace

int main(int argc, char** argv) {
  size_t counts[3] = {};
  size_t wrong = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string path = argv[i];
    if (path.ends_with(".onnx")) {
      ++counts[static_cast<size_t>(RoundTrip(path))];
      continue;
    }
    const auto tests = whet::FindConformanceTests(path);
    if (!tests.ok()) {
      std::fprintf(stderr, "%s\n", tests.status().ToString().c_str());
      return 1;
    }
    whet::EvaluatorEngine direct;
    RoundTripEngine plain(false);
    RoundTripEngine optimized(true);
    for (const std::string& test : *tests) {
      ++counts[static_cast<size_t>(RoundTrip(test + "/model.onnx"))];
      if (whet::RunConformanceTest(test, direct).outcome != whet::ConformanceOutcome::kPassed) continue;
      for (RoundTripEngine* engine : {&plain, &optimized}) {
        const whet::ConformanceCase result = whet::RunConformanceTest(test, *engine);
        if (result.outcome != whet::ConformanceOutcome::kFailed) continue;
        std::printf("WRONG %s%s: %s\n", test.c_str(), engine == &optimized ? " after the passes" : "",
                    result.reason.c_str());
        ++wrong;
      }
    }
  }
  std::printf(
      "%zu models came back the same, %zu did not, %zu were not read or cannot be written; %zu compute "
      "something else\n",
      counts[0], counts[1], counts[2], wrong);
  return counts[1] + wrong == 0 ? 0 : 1;
}
