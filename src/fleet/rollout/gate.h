// The gate: does a stage of a rollout pass, fail, or is it too early to say? It compares the devices of the
// candidate with the control in the same time, stratum by stratum, and says why.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/rollout/arm.h"
#include "fleet/rollout/policy.h"

namespace whet::fleet {

enum class Verdict : uint8_t { kPass, kFail, kInconclusive };
// "pass", "fail", "inconclusive".
std::string_view VerdictName(Verdict verdict);

// What the gate looks at: everything since the stage began.
struct GateInput {
  Arm candidate;
  Arm control;
  // There is no control now (100 %), and `control` is that of the stage before: good enough for crashes,
  // errors and accuracy. Latency and energy, which swing over a day, and silence, which grows with a stage's
  // age, are not judged.
  bool control_is_past = false;
  // Known devices that the stage gives the candidate to, whether they have it yet or not.
  uint64_t cohort_devices = 0;
  int64_t stage_age_s = 0;
  int64_t now_unix_s = 0;
};

struct MetricVerdict {
  std::string name;  // install_failures, sick_devices, crashes, errors, latency_p95, accuracy, energy or dark
  // Shares of 1; for latency_p95 milliseconds, for energy mJ per inference. The control's are weighted to the
  // candidate's mix of strata.
  double candidate = 0;
  double control = 0;
  bool has_candidate = false;
  bool has_control = false;
  double difference = 0;     // candidate - control (accuracy: the drop); relative for latency_p95 and energy
  double threshold = 0;      // the policy's margin for it
  double p_value = 1;        // always-valid, that the candidate is not past the margin; low halts
  double p_value_widen = 1;  // that it is; low passes
  Verdict verdict = Verdict::kInconclusive;
  bool judged = false;  // false: there is nothing to judge, which holds nothing up
  std::string reason;   // one sentence
};

struct Gate {
  Verdict verdict = Verdict::kInconclusive;
  int64_t evaluated_unix_s = 0;
  std::string reason;  // one sentence
  std::vector<MetricVerdict> metrics;
  uint64_t candidate_devices = 0;  // that report
  uint64_t control_devices = 0;
  uint64_t required_devices = 0;
  int64_t dwell_s = 0;
  int64_t dwell_required_s = 0;
};

// Any metric past its margin for certain fails, at once; so do too many sick devices where there are too few
// for certainty. To pass, the stage must be old enough, enough devices must report, and every metric that can
// be judged must be within its margin for certain (or, after accept_after_s, as far as can be seen).
// `explain` false leaves the sentences empty, for simulations. Pure.
Gate EvaluateGate(const Policy& policy, const GateInput& input, bool explain = true);

// Gate of docs/fleet.md.
nlohmann::json GateToJson(const Gate& gate);

}  // namespace whet::fleet
