// Where a run's time goes, step by step.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "runtime/session.h"

namespace whet::cli {

struct StepProfile {
  std::string node;
  std::string op;
  std::string row;  // the kernel
  bool reference = false;
  std::string shape;        // of what it writes
  double milliseconds = 0;  // of one run
  double share = 0;         // of the run, 0 to 1
  double gflops = 0;        // two per multiply-accumulate; 0 for steps that count none
  double of_peak = 0;       // part of what the processor could do at most in f32, 0 to 1; 0 for integers
};

// After `runs` runs with EnableProfile, in the order of execution. `peak_gflops` is of all threads together.
std::vector<StepProfile> ProfileOf(const Session& session, size_t runs, double peak_gflops);

// The slowest first.
std::string ProfileTable(const std::vector<StepProfile>& steps);
nlohmann::ordered_json ProfileJson(const std::vector<StepProfile>& steps);

// The steps of a mean run one after the other, in Chrome's trace event format.
Status WriteTrace(const std::string& path, const std::string& model, const std::vector<StepProfile>& steps);

}  // namespace whet::cli
