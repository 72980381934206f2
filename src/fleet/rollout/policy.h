// How careful a rollout is.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace whet::fleet {

struct Policy {
  // Percent of the devices per stage: above 0, rising, at most 100. A last stage below 100 ends the rollout
  // there only by an operator's hand: after it, `done` gives the candidate to all.
  std::vector<double> stages = {10, 50, 100};
  uint64_t min_devices =
      200;  // that report the candidate before a stage can pass; a smaller cohort: all of it
  int64_t dwell_s = 2 * 3600;  // a stage lasts at least this long
  int64_t silence_s = 3600;    // a device that was there and says nothing for so long is dark
  // When a stage is this old and the evidence is still too thin to prove a metric harmless, it passes if what
  // was seen stays within the margin. 0: never, an operator decides.
  int64_t accept_after_s = 24 * 3600;
  double alpha_halt =
      0.01;  // chance that a harmless candidate is ever halted, all stages and metrics together
  double alpha_widen = 0.01;  // chance that a stage passes on the evidence though a metric is past its margin

  // Margins: a candidate this much worse than the control is halted once that is certain; one that is
  // certainly not this much worse passes. Shares of 1 unless said otherwise.
  double install_failures =
      0.05;                   // share of installing devices that fail, by itself: a control installs nothing
  double crashes = 0.01;      // rise of the share of reports that tell of a crash
  double errors = 0.005;      // rise of the share of inferences that fail
  double latency_p95 = 0.10;  // relative rise
  double accuracy = 0.01;     // drop of labelled accuracy
  double confidence = 0.05;   // drop of mean confidence, where nothing is labelled
  double energy = 0.10;       // relative rise per inference
  double dark = 0.01;         // rise of the share of dark devices

  // For fleets too small for comparisons: so many sick devices with the candidate halt a stage, whatever its
  // size. 0: half of those that report or more, where fewer than 8 report on a side.
  uint64_t sick_devices = 0;
  // A device is sick when it says that it is degraded, or so many of its reports in a stage tell of a crash.
  // 0: crashes make no device sick.
  uint64_t sick_crashes = 3;

  int64_t shadow_s = 0;  // for the rollout document
  int64_t trial_s = 600;

  // A stage cannot pass before the silence of those who took the candidate early can have shown.
  int64_t DwellRequired() const { return dwell_s > 2 * silence_s ? dwell_s : 2 * silence_s; }
  bool operator==(const Policy&) const = default;
};

// Every number in its range, stages in order; the error says which is not.
Status CheckPolicy(const Policy& policy);

// Members named as above. Reading: those that are absent keep `base`'s values, unknown ones are an error (a
// misspelt margin must not go unnoticed), and the result is checked.
nlohmann::json PolicyToJson(const Policy& policy);
Result<Policy> PolicyFromJson(const nlohmann::json& json, const Policy& base = {});
// The same from text, at most 16 KiB.
Result<Policy> ParsePolicy(std::string_view text, const Policy& base = {});

}  // namespace whet::fleet
