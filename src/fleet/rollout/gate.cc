#include "fleet/rollout/gate.h"

#include <algorithm>
#include <cmath>

#include "fleet/rollout/evidence.h"

namespace whet::fleet {
namespace {

constexpr int kMetrics = 7;  // that are tested; sick devices are counted

// A candidate's sums against the control's, over all strata that can be compared.
struct Comparison {
  Estimate difference;  // candidate - factor * control
  double candidate = 0;
  double control = 0;
  bool has_candidate = false;
  bool has_control = false;
  bool too_few = false;  // devices on a side, for evidence of anything
};

// The mean of the strata's differences, weighted by what the candidate has of each: a fleet whose faster
// devices take the candidate first is not mistaken for a faster candidate. Strata with too few devices in an
// arm are put together.
Comparison Compare(const GateInput& input, RatioSums ArmSums::* sums, bool is_share, double factor) {
  Comparison result;
  RatioSums rest_candidate;
  RatioSums rest_control;
  double weights = 0;
  double variance = 0;
  bool complete = true;
  const auto add = [&](const RatioSums& candidate, const RatioSums& control) {
    const Estimate a = EstimateRatio(candidate, is_share);
    const Estimate b = EstimateRatio(control, is_share);
    const double weight = candidate.n;
    weights += weight;
    result.candidate += weight * a.value;
    result.control += weight * b.value;
    variance += weight * weight *
                (a.standard_error * a.standard_error + factor * factor * b.standard_error * b.standard_error);
    complete = complete && candidate.devices >= kMinimumDevices && control.devices >= kMinimumDevices;
  };
  const auto big_enough = [](const RatioSums& s) { return s.devices >= kMinimumDevices && s.n > 0; };
  for (const auto& [stratum, arm] : input.candidate.strata) {
    const RatioSums& candidate = arm.*sums;
    const auto found = input.control.strata.find(stratum);
    if (found != input.control.strata.end() && big_enough(candidate) && big_enough(found->second.*sums)) {
      add(candidate, found->second.*sums);
    } else {
      rest_candidate.Add(candidate);
      if (found != input.control.strata.end()) rest_control.Add(found->second.*sums);
    }
  }
  result.has_candidate = weights > 0 || rest_candidate.n > 0;
  result.has_control =
      std::ranges::any_of(input.control.strata, [&](const auto& s) { return (s.second.*sums).n > 0; });
  // A rest too small to judge is left out where the other strata speak; alone, it is at least shown.
  if (rest_candidate.n > 0 && rest_control.n > 0 &&
      (weights == 0 || (big_enough(rest_candidate) && big_enough(rest_control)))) {
    add(rest_candidate, rest_control);
  }
  if (weights > 0) {
    result.candidate /= weights;
    result.control /= weights;
    result.difference.value = result.candidate - factor * result.control;
    if (complete) result.difference.standard_error = std::sqrt(variance) / weights;
    result.too_few = !complete;
  } else {
    // Nothing to compare, but what there is of either side is shown.
    result.candidate = rest_candidate.ratio();
    RatioSums all;
    for (const auto& [stratum, arm] : input.control.strata) all.Add(arm.*sums);
    result.control = all.ratio();
  }
  return result;
}

// What a verdict is made of.
struct Finding {
  double log_evidence_fail = 0;
  double log_evidence_pass = 0;
  bool within_margin = false;  // as far as the estimate goes
  bool too_few = false;        // devices
};

// How the verdicts of a stage are reached.
struct Rules {
  double alpha_halt = 0;  // of one metric in one stage
  double alpha_widen = 0;
  bool accept = false;  // the stage has waited long enough for evidence that does not come
};

// "p = 0.003": how certain, for a sentence.
std::string PText(double p) { return p < 1e-6 ? "p < 0.000001" : Format("p = %.2g", p); }

// Sets verdict and p-values, and answers how the sentence ends.
std::string Conclude(const Rules& rules, const Finding& finding, const char* margin_text, bool explain,
                     MetricVerdict& verdict) {
  verdict.judged = true;
  verdict.p_value = AlwaysValidP(finding.log_evidence_fail);
  verdict.p_value_widen = AlwaysValidP(finding.log_evidence_pass);
  if (verdict.p_value <= rules.alpha_halt) {
    verdict.verdict = Verdict::kFail;
    return explain ? Format("more than %s for certain (%s)", margin_text, PText(verdict.p_value).c_str())
                   : "";
  }
  if (verdict.p_value_widen <= rules.alpha_widen) {
    verdict.verdict = Verdict::kPass;
    return explain ? Format("within %s for certain (%s)", margin_text, PText(verdict.p_value_widen).c_str())
                   : "";
  }
  if (rules.accept && finding.within_margin) {
    verdict.verdict = Verdict::kPass;
    return explain ? Format("within %s as far as was seen, and the stage has waited long enough", margin_text)
                   : "";
  }
  verdict.verdict = Verdict::kInconclusive;
  if (!explain) return "";
  return finding.too_few ? Format("fewer than %.0f devices on a side are no evidence", kMinimumDevices)
                         : Format("too early to say whether it is within %s", margin_text);
}

std::string DevicesText(uint64_t count) {
  return count == 1 ? "1 device" : Format("%llu devices", static_cast<unsigned long long>(count));
}

std::string Percent(double share) { return Format("%.3g %%", share * 100); }

// The metrics that are compared with the control.
struct Metric {
  const char* name;
  RatioSums ArmSums::* sums;
  bool is_share;
  // Without it in the candidate, though the control has it, the stage does not pass: it would have to be
  // there.
  bool required;
  double margin;     // to be below, for shares
  double tau;        // scale of the effects that are looked for
  const char* what;  // "3 % of the candidate's WHAT against …"
  const char* margin_text;
};

void JudgeMissing(const Metric& metric, const Comparison& comparison, bool explain, MetricVerdict& verdict) {
  if (comparison.has_control && metric.required) {
    verdict.judged = true;
    verdict.verdict = Verdict::kInconclusive;
    if (explain) verdict.reason = "the control's devices tell of it, the candidate's do not yet";
    return;
  }
  verdict.judged = false;
  verdict.verdict = Verdict::kInconclusive;
  if (!explain) return;
  verdict.reason = !comparison.has_candidate && !comparison.has_control
                       ? "no device tells of it: not judged"
                       : "only one side tells of it: not judged";
}

// Load swings over a day, and with it latency and energy; silence grows with a stage's age. Only devices of
// the same hours can be compared.
MetricVerdict NotJudgedByThePast(const char* name, double margin, bool explain) {
  MetricVerdict verdict;
  verdict.name = name;
  verdict.threshold = margin;
  if (explain) verdict.reason = "there is no control in the same time: not judged";
  return verdict;
}

MetricVerdict JudgeShare(const Metric& metric, const Rules& rules, const GateInput& input, bool explain) {
  MetricVerdict verdict;
  verdict.name = metric.name;
  verdict.threshold = metric.margin;
  const Comparison comparison = Compare(input, metric.sums, metric.is_share, 1);
  verdict.candidate = comparison.candidate;
  verdict.control = comparison.control;
  verdict.has_candidate = comparison.has_candidate;
  verdict.has_control = comparison.has_control;
  verdict.difference = comparison.difference.value;
  if (!comparison.has_candidate || !comparison.has_control) {
    JudgeMissing(metric, comparison, explain, verdict);
    return verdict;
  }
  const Finding finding = {LogEvidenceAbove(comparison.difference, metric.margin, metric.tau),
                           LogEvidenceBelow(comparison.difference, metric.margin, metric.tau),
                           comparison.difference.value <= metric.margin, comparison.too_few};
  const std::string end = Conclude(rules, finding, metric.margin_text, explain, verdict);
  if (explain) {
    verdict.reason = Format("%s of the candidate's %s against %s of the control's: %s",
                            Percent(comparison.candidate).c_str(), metric.what,
                            Percent(comparison.control).c_str(), end.c_str());
  }
  return verdict;
}

MetricVerdict JudgeInstalls(const Policy& policy, const Rules& rules, const GateInput& input, bool explain) {
  MetricVerdict verdict;
  verdict.name = "install_failures";
  verdict.threshold = policy.install_failures;
  RatioSums installs;
  for (const auto& [stratum, arm] : input.candidate.strata) installs.Add(arm.installs);
  verdict.candidate = installs.ratio();
  verdict.has_candidate = installs.n > 0;
  verdict.difference = verdict.candidate;
  if (installs.n <= 0) {
    if (explain) verdict.reason = "no device has tried to install the candidate: not judged";
    return verdict;
  }
  Finding finding = {LogEvidenceRateAbove(installs.y, installs.n, policy.install_failures),
                     LogEvidenceRateBelow(installs.y, installs.n, policy.install_failures),
                     installs.ratio() <= policy.install_failures, false};
  const std::string margin = Percent(policy.install_failures);
  std::string end = Conclude(rules, finding, margin.c_str(), explain, verdict);
  // Where every device of the stage has tried there is nothing left to infer: half of them failing is enough,
  // even if they are too few for a test.
  if (verdict.verdict != Verdict::kFail && installs.n >= static_cast<double>(input.cohort_devices) &&
      installs.y * 2 >= installs.n) {
    verdict.verdict = Verdict::kFail;
    end = "all devices of the stage have tried, and half of them or more failed";
  }
  if (explain) {
    verdict.reason =
        Format("%.0f of %.0f devices that tried could not install the candidate or gave it up: %s",
               installs.y, installs.n, end.c_str());
  }
  return verdict;
}

// Devices that are ill by their own word. Where there are too few for evidence, half of them are enough; the
// policy may name a number for fleets of any size.
MetricVerdict JudgeSick(const Policy& policy, const Gate& gate, const GateInput& input, bool explain) {
  MetricVerdict verdict;
  verdict.name = "sick_devices";
  const double candidates = static_cast<double>(gate.candidate_devices);
  const double controls = static_cast<double>(gate.control_devices);
  const double sick = input.candidate.Total().sick;
  const double sick_control = input.control.Total().sick;
  verdict.has_candidate = candidates > 0;
  verdict.has_control = controls > 0;
  verdict.candidate = candidates > 0 ? sick / candidates : 0;
  verdict.control = controls > 0 ? sick_control / controls : 0;
  verdict.difference = verdict.candidate - verdict.control;
  const bool too_few = std::min(candidates, controls) < kMinimumDevices;
  double bound = static_cast<double>(policy.sick_devices);
  if (bound <= 0 && too_few) bound = std::ceil(candidates / 2);
  if (candidates <= 0 || bound <= 0) {
    if (explain) {
      verdict.reason = candidates <= 0
                           ? "no device reports the candidate: not judged"
                           : Format(
                                 "%.0f of %.0f devices are sick; there are enough of them for the other "
                                 "metrics: not judged",
                                 sick, candidates);
    }
    return verdict;
  }
  verdict.judged = true;
  verdict.threshold = bound / candidates;
  // What makes the control just as sick is not the candidate.
  const bool fails = sick >= bound && (controls <= 0 || verdict.difference > 0);
  verdict.verdict = fails ? Verdict::kFail : Verdict::kPass;
  if (explain) {
    verdict.reason = Format(
        "%.0f of %.0f devices with the candidate are sick (degraded, or crashed again and again) against "
        "%.0f "
        "of %.0f of the control; %.0f halt%s",
        sick, candidates, sick_control, controls, bound,
        too_few
            ? Format(
                  " where fewer than %.0f report on a side, which is too few for the other metrics to halt",
                  kMinimumDevices)
                  .c_str()
            : "");
  }
  return verdict;
}

MetricVerdict JudgeLatency(const Policy& policy, const Rules& rules, const GateInput& input, bool explain) {
  if (input.control_is_past) return NotJudgedByThePast("latency_p95", policy.latency_p95, explain);
  const std::string margin_text = Format("a rise of %s", Percent(policy.latency_p95).c_str());
  // The shares above p95 (control) and p95 * (1 + margin) (candidate) are equal where the candidate's p95 is
  // at its margin. A tail heavier by 2 points is what a rise of some percent beyond the margin makes.
  const Metric metric = {"latency_p95", &ArmSums::slow,     true, true, 0, 0.02,
                         "latencies",   margin_text.c_str()};
  MetricVerdict verdict = JudgeShare(metric, rules, input, false);
  const double slow_candidate = verdict.candidate;
  const double slow_control = verdict.control;
  verdict.threshold = policy.latency_p95;
  verdict.candidate = input.candidate.latency_ms.Quantile(0.95);
  verdict.control = input.control.latency_ms.Quantile(0.95);
  verdict.difference =
      verdict.control > 0 && verdict.candidate > 0 ? verdict.candidate / verdict.control - 1 : 0;
  if (!explain) return verdict;
  if (!verdict.has_candidate || !verdict.has_control) {
    const Comparison comparison = {{}, 0, 0, verdict.has_candidate, verdict.has_control};
    JudgeMissing(metric, comparison, true, verdict);
    return verdict;
  }
  const char* end = verdict.verdict == Verdict::kFail   ? "p95 has risen by more for certain"
                    : verdict.verdict == Verdict::kPass ? "p95 is within the margin"
                                                        : "too early to say whether p95 is within the margin";
  verdict.reason = Format(
      "%s of the candidate's latencies are above the control's p95 and %s more, where %s of the "
      "control's are above its p95: %s (%s)",
      Percent(slow_candidate).c_str(), Percent(policy.latency_p95).c_str(), Percent(slow_control).c_str(),
      end, PText(std::min(verdict.p_value, verdict.p_value_widen)).c_str());
  return verdict;
}

MetricVerdict JudgeEnergy(const Policy& policy, const Rules& rules, const GateInput& input, bool explain) {
  if (input.control_is_past) return NotJudgedByThePast("energy", policy.energy, explain);
  MetricVerdict verdict;
  verdict.name = "energy";
  verdict.threshold = policy.energy;
  const Comparison comparison = Compare(input, &ArmSums::energy, false, 1 + policy.energy);
  verdict.candidate = comparison.candidate;
  verdict.control = comparison.control;
  verdict.has_candidate = comparison.has_candidate;
  verdict.has_control = comparison.has_control;
  const Metric metric = {"energy", &ArmSums::energy, false, false, 0, 0, "energy", ""};
  if (!comparison.has_candidate || !comparison.has_control || !(comparison.control > 0)) {
    JudgeMissing(metric, comparison, explain, verdict);
    return verdict;
  }
  verdict.difference = comparison.candidate / comparison.control - 1;
  const double tau = policy.energy * comparison.control;
  const Finding finding = {LogEvidenceAbove(comparison.difference, 0, tau),
                           LogEvidenceBelow(comparison.difference, 0, tau), comparison.difference.value <= 0,
                           comparison.too_few};
  const std::string margin = Format("a rise of %s", Percent(policy.energy).c_str());
  const std::string end = Conclude(rules, finding, margin.c_str(), explain, verdict);
  if (explain) {
    verdict.reason = Format("%.3g mJ per inference against %.3g mJ of the control: %s", comparison.candidate,
                            comparison.control, end.c_str());
  }
  return verdict;
}

// Labelled accuracy where both sides have it, else the models' own confidence.
MetricVerdict JudgeAccuracy(const Policy& policy, const Rules& rules, const GateInput& input, bool explain) {
  const std::string accuracy_text = Format("a drop of %s", Percent(policy.accuracy).c_str());
  const std::string confidence_text = Format("a drop of %s", Percent(policy.confidence).c_str());
  MetricVerdict verdict = JudgeShare({"accuracy", &ArmSums::wrong, true, false, policy.accuracy,
                                      policy.accuracy, "labelled answers are wrong", accuracy_text.c_str()},
                                     rules, input, explain);
  if (!verdict.has_candidate || !verdict.has_control) {
    MetricVerdict proxy =
        JudgeShare({"accuracy", &ArmSums::doubt, false, false, policy.confidence, policy.confidence,
                    "confidence is missing from 1 (nothing is labelled)", confidence_text.c_str()},
                   rules, input, explain);
    if (proxy.has_candidate && proxy.has_control) verdict = std::move(proxy);
  }
  if (!verdict.judged && explain) {
    verdict.reason = "accuracy and confidence are not told by both sides: not judged";
  }
  // Tested as what is wrong, shown as what is right.
  verdict.candidate = 1 - verdict.candidate;
  verdict.control = 1 - verdict.control;
  return verdict;
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass: return "pass";
    case Verdict::kFail: return "fail";
    case Verdict::kInconclusive: return "inconclusive";
  }
  return "inconclusive";
}

Gate EvaluateGate(const Policy& policy, const GateInput& input, bool explain) {
  Gate gate;
  gate.evaluated_unix_s = input.now_unix_s;
  gate.dwell_s = input.stage_age_s;
  gate.dwell_required_s = policy.DwellRequired();
  gate.required_devices = std::min(policy.min_devices, input.cohort_devices);
  for (const auto& [stratum, arm] : input.candidate.strata) {
    gate.candidate_devices += static_cast<uint64_t>(std::max(0.0, arm.crash.devices));
  }
  for (const auto& [stratum, arm] : input.control.strata) {
    gate.control_devices += static_cast<uint64_t>(std::max(0.0, arm.crash.devices));
  }
  Rules rules;
  rules.alpha_halt =
      policy.alpha_halt / (kMetrics * static_cast<double>(std::max<size_t>(policy.stages.size(), 1)));
  // All metrics must pass for the stage to pass, so each may have the whole chance of error.
  rules.alpha_widen = policy.alpha_widen;
  rules.accept = policy.accept_after_s > 0 && input.stage_age_s >= policy.accept_after_s;

  const auto rise = [&](double margin) {
    return explain ? Format("a rise of %s", Percent(margin).c_str()) : "";
  };
  const std::string crash_text = rise(policy.crashes);
  const std::string error_text = rise(policy.errors);
  const std::string dark_text = rise(policy.dark);
  gate.metrics.reserve(kMetrics + 1);
  gate.metrics.push_back(JudgeInstalls(policy, rules, input, explain));
  gate.metrics.push_back(JudgeSick(policy, gate, input, explain));
  gate.metrics.push_back(JudgeShare({"crashes", &ArmSums::crash, true, true, policy.crashes, policy.crashes,
                                     "reports tell of a crash", crash_text.c_str()},
                                    rules, input, explain));
  gate.metrics.push_back(JudgeShare({"errors", &ArmSums::error, true, true, policy.errors, policy.errors,
                                     "inferences fail", error_text.c_str()},
                                    rules, input, explain));
  gate.metrics.push_back(JudgeLatency(policy, rules, input, explain));
  gate.metrics.push_back(JudgeAccuracy(policy, rules, input, explain));
  gate.metrics.push_back(JudgeEnergy(policy, rules, input, explain));
  if (input.control_is_past) {
    gate.metrics.push_back(NotJudgedByThePast("dark", policy.dark, explain));
  } else {
    gate.metrics.push_back(JudgeShare({"dark", &ArmSums::dark, true, false, policy.dark, policy.dark,
                                       "devices have gone dark", dark_text.c_str()},
                                      rules, input, explain));
  }

  const MetricVerdict* waiting = nullptr;
  for (const MetricVerdict& metric : gate.metrics) {
    if (metric.verdict == Verdict::kFail) {
      gate.verdict = Verdict::kFail;
      if (explain) gate.reason = metric.name + ": " + metric.reason;
      return gate;
    }
    if (metric.judged && metric.verdict == Verdict::kInconclusive && waiting == nullptr) waiting = &metric;
  }
  gate.verdict = Verdict::kInconclusive;
  const auto said = [&](const std::string& reason) {
    if (explain) gate.reason = reason;
  };
  if (input.stage_age_s < gate.dwell_required_s) {
    said(Format("the stage has lasted %lld s of %lld s", static_cast<long long>(input.stage_age_s),
                static_cast<long long>(gate.dwell_required_s)));
  } else if (input.cohort_devices == 0) {
    // A fleet so small that the percentage means nobody; without any device at all, nothing has been shown.
    if (gate.control_devices > 0) gate.verdict = Verdict::kPass;
    said(gate.control_devices > 0 ? "no device of the fleet falls into this stage"
                                  : "no device is known yet");
  } else if (gate.candidate_devices < gate.required_devices) {
    said(Format("%s %s the candidate, %llu are required", DevicesText(gate.candidate_devices).c_str(),
                gate.candidate_devices == 1 ? "reports" : "report",
                static_cast<unsigned long long>(gate.required_devices)));
  } else if (waiting != nullptr) {
    said(waiting->name + ": " + waiting->reason);
  } else {
    gate.verdict = Verdict::kPass;
    said(Format("%s with the candidate %s no worse than %llu of the control%s",
                DevicesText(gate.candidate_devices).c_str(), gate.candidate_devices == 1 ? "does" : "do",
                static_cast<unsigned long long>(gate.control_devices),
                input.control_is_past ? ", which is that of the stage before" : ""));
  }
  return gate;
}

}  // namespace whet::fleet
