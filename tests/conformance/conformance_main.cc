// Runs the ONNX backend tests below each folder that is named on the operators' references, prints those that
// do not pass with the reason, and the counts.

#include <cstdio>

#include "measure/conformance.h"

int main(int argc, char** argv) {
  size_t counts[3] = {};
  for (int i = 1; i < argc; ++i) {
    auto tests = whet::FindConformanceTests(argv[i]);
    if (!tests.ok()) {
      std::fprintf(stderr, "%s\n", tests.status().ToString().c_str());
      return 1;
    }
    whet::EvaluatorEngine engine;
    for (const std::string& test : *tests) {
      const whet::ConformanceCase result = whet::RunConformanceTest(test, engine);
      ++counts[static_cast<size_t>(result.outcome)];
      if (result.outcome == whet::ConformanceOutcome::kPassed) continue;
      std::printf("%s %s: %s\n",
                  result.outcome == whet::ConformanceOutcome::kFailed ? "FAILED" : "unsupported",
                  result.name.c_str(), result.reason.c_str());
    }
  }
  std::printf("%zu tests: %zu passed, %zu failed, %zu unsupported\n", counts[0] + counts[1] + counts[2],
              counts[0], counts[1], counts[2]);
  return counts[1] == 0 ? 0 : 1;
}
