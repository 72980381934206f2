// What the application says of its models, as counts: latency, errors, confidence, labels, drift, crashes.
// Raw inputs and outputs never come here.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "agent/config/config.h"
#include "agent/update/updater.h"
#include "fleet/telemetry/health.h"
#include "fleet/telemetry/histogram.h"
#include "fleet/telemetry/moments.h"
#include "fleet/telemetry/report.h"

namespace whet::agent {

struct ModelKey {
  std::string family;
  std::string version;
  std::string variant;
  std::string rollout;
  auto operator<=>(const ModelKey&) const = default;
};

// What a release promises; from its release.json.
struct ModelPromise {
  fleet::HealthBudget budget = {};
  double energy_mj = 0;  // per inference; 0: no budget
  std::vector<double> input_mean = {};
  std::vector<double> input_std = {};
};

// One inference, or a piece of one that ended badly.
struct Inference {
  bool ok = true;
  double latency_ms = 0;
  std::optional<double> confidence = {};  // the largest score, 0 to 1
  std::optional<bool> correct = {};       // where the application learned the label
  std::optional<double> energy_mj = {};
  std::vector<double> input_mean = {};  // of each input (or channel), as in release.json's `reference`
};

// Everything one model has counted.
struct ModelCounts {
  uint64_t errors = 0;
  uint64_t crashes = 0;
  fleet::Histogram latency_ms;
  fleet::Histogram confidence;
  double energy_mj = 0;
  bool has_energy = false;
  uint64_t labelled_correct = 0;
  uint64_t labelled_total = 0;
  std::array<uint64_t, fleet::kInstallOutcomes> installs{};

  uint64_t inferences() const { return latency_ms.count() + errors; }
};

// Any thread.
class Monitor {
 public:
  explicit Monitor(TrialSettings trial) : trial_(trial) {}

  // The models in use: those that may be reported about. Others' counts are sent once more, then forgotten.
  void Use(const ModelKey& model, const ModelPromise& promise, bool active);
  void Retire(const ModelKey& model);

  // kNotFound if no model in use is of this family and version.
  Status Add(const std::string& family, const std::string& version, const Inference& inference);
  Status AddCrash(const std::string& family, const std::string& version);
  void AddInstall(const ModelKey& model, fleet::InstallOutcome outcome);
  void SetMemory(const ModelKey& model, uint64_t bytes);

  fleet::Health HealthOf(const ModelKey& model) const;
  // A trial begins: judged is only what comes from now on.
  void BeginTrial(const ModelKey& model);
  // Why the trial has failed; empty while it has not.
  std::string WhyTrialFailed(const ModelKey& model) const;
  uint64_t InferencesInTrial(const ModelKey& model) const;

  // What happened since the last call.
  std::vector<fleet::ModelReport> TakeReports();
  // Counts since the agent started, in Prometheus' text format 0.0.4.
  std::string PrometheusText() const;

 private:
  struct Model {
    ModelPromise promise;
    bool in_use = false;
    bool active = false;
    std::optional<uint64_t> memory_bytes;
    ModelCounts total;  // since the agent started
    ModelCounts fresh;  // since the last report
    fleet::HealthMonitor health;
    fleet::HealthMonitor trial_health;
    uint64_t trial_inferences = 0;
    uint64_t trial_crashes = 0;
    fleet::Moments trial_energy;
    fleet::DriftMonitor drift;
    bool has_drift = false;
  };

  Model* Find(const std::string& family, const std::string& version);
  const Model* Find(const ModelKey& key) const;

  TrialSettings trial_;
  mutable std::mutex mutex_;
  std::map<ModelKey, Model> models_;
};

}  // namespace whet::agent
