#include "agent/monitor/monitor.h"

#include <algorithm>
#include <cmath>

namespace whet::agent {
namespace {

// A trial is judged on no fewer inferences: the first one pays for cold caches.
constexpr uint64_t kFewestForVerdict = 20;

void Count(ModelCounts& counts, const Inference& inference) {
  if (inference.ok) {
    counts.latency_ms.Record(inference.latency_ms);
  } else {
    ++counts.errors;
  }
  if (inference.confidence) counts.confidence.Record(*inference.confidence);
  if (inference.energy_mj) {
    counts.energy_mj += *inference.energy_mj;
    counts.has_energy = true;
  }
  if (inference.correct) {
    ++counts.labelled_total;
    if (*inference.correct) ++counts.labelled_correct;
  }
}

std::string Labels(const ModelKey& key) {
  return Format("{family=\"%s\",version=\"%s\",variant=\"%s\",rollout=\"%s\"", key.family.c_str(),
                key.version.c_str(), key.variant.c_str(), key.rollout.c_str());
}

}  // namespace

void Monitor::Use(const ModelKey& key, const ModelPromise& promise, bool active) {
  const std::lock_guard lock(mutex_);
  Model& model = models_[key];
  model.active = active;
  if (model.in_use) return;
  model.in_use = true;
  model.promise = promise;
  model.promise.budget.error_share = trial_.error_share;
  model.health = fleet::HealthMonitor(model.promise.budget);
  model.trial_health = fleet::HealthMonitor(model.promise.budget);
  if (!promise.input_mean.empty()) {
    auto drift = fleet::DriftMonitor::Create(promise.input_mean, promise.input_std);
    model.has_drift = drift.ok();
    if (drift.ok()) model.drift = std::move(*drift);
  }
}

void Monitor::Retire(const ModelKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(key);
  if (found == models_.end()) return;
  found->second.in_use = false;
  found->second.active = false;
}

Monitor::Model* Monitor::Find(const std::string& family, const std::string& version) {
  for (auto& [key, model] : models_) {
    if (model.in_use && key.family == family && key.version == version) return &model;
  }
  return nullptr;
}

const Monitor::Model* Monitor::Find(const ModelKey& key) const {
  const auto found = models_.find(key);
  return found == models_.end() ? nullptr : &found->second;
}

Status Monitor::Add(const std::string& family, const std::string& version, const Inference& inference) {
  const std::lock_guard lock(mutex_);
  Model* model = Find(family, version);
  if (model == nullptr) {
    return Error(Code::kNotFound, "'%s' %s is not in use on this device; ask again which model is active",
                 family.c_str(), version.c_str());
  }
  Count(model->total, inference);
  Count(model->fresh, inference);
  for (fleet::HealthMonitor* health : {&model->health, &model->trial_health}) {
    inference.ok ? health->AddLatency(inference.latency_ms) : health->AddError();
  }
  ++model->trial_inferences;
  if (inference.energy_mj) model->trial_energy.Add(*inference.energy_mj);
  if (model->has_drift && inference.input_mean.size() == model->drift.size()) {
    for (size_t i = 0; i < inference.input_mean.size(); ++i) model->drift.Add(i, inference.input_mean[i]);
  }
  return {};
}

Status Monitor::AddCrash(const std::string& family, const std::string& version) {
  const std::lock_guard lock(mutex_);
  Model* model = Find(family, version);
  if (model == nullptr)
    return Error(Code::kNotFound, "'%s' %s is not in use", family.c_str(), version.c_str());
  ++model->total.crashes;
  ++model->fresh.crashes;
  ++model->trial_crashes;
  return {};
}

void Monitor::AddInstall(const ModelKey& key, fleet::InstallOutcome outcome) {
  const std::lock_guard lock(mutex_);
  Model& model = models_[key];
  ++model.total.installs[static_cast<size_t>(outcome)];
  ++model.fresh.installs[static_cast<size_t>(outcome)];
}

void Monitor::SetMemory(const ModelKey& key, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (const auto found = models_.find(key); found != models_.end()) found->second.memory_bytes = bytes;
}

fleet::Health Monitor::HealthOf(const ModelKey& key) const {
  const std::lock_guard lock(mutex_);
  const Model* model = Find(key);
  return model == nullptr ? fleet::Health::kUnknown : model->health.health();
}

void Monitor::BeginTrial(const ModelKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(key);
  if (found == models_.end()) return;
  Model& model = found->second;
  model.trial_health = fleet::HealthMonitor(model.promise.budget);
  model.trial_inferences = 0;
  model.trial_crashes = 0;
  model.trial_energy = {};
}

std::string Monitor::WhyTrialFailed(const ModelKey& key) const {
  const std::lock_guard lock(mutex_);
  const Model* model = Find(key);
  if (model == nullptr) return {};
  if (model->trial_crashes >= static_cast<uint64_t>(trial_.crashes)) {
    return Format("the application crashed %llu times with it",
                  static_cast<unsigned long long>(model->trial_crashes));
  }
  if (model->trial_inferences < kFewestForVerdict) return {};
  if (model->trial_health.health() == fleet::Health::kDegraded) {
    const fleet::HealthBudget& budget = model->trial_health.budget();
    if (model->trial_health.ErrorShare() > budget.error_share) {
      return Format("%.3g %% of its inferences fail, %.3g %% may", 100 * model->trial_health.ErrorShare(),
                    100 * budget.error_share);
    }
    if (model->trial_health.MeanLatencyMs() > budget.latency_ms_mean) {
      return Format("its mean latency is %.3g ms, its budget is %.3g ms", model->trial_health.MeanLatencyMs(),
                    budget.latency_ms_mean);
    }
    return Format("more than 5 %% of its latencies are above the budget of their 95th percentile, %.3g ms",
                  budget.latency_ms_p95);
  }
  if (model->promise.energy_mj > 0 && model->trial_energy.count() >= kFewestForVerdict &&
      model->trial_energy.mean() > model->promise.energy_mj) {
    return Format("an inference takes %.3g mJ, its budget is %.3g mJ", model->trial_energy.mean(),
                  model->promise.energy_mj);
  }
  return {};
}

uint64_t Monitor::InferencesInTrial(const ModelKey& key) const {
  const std::lock_guard lock(mutex_);
  const Model* model = Find(key);
  return model == nullptr ? 0 : model->trial_inferences;
}

std::vector<fleet::ModelReport> Monitor::TakeReports() {
  const std::lock_guard lock(mutex_);
  std::vector<fleet::ModelReport> reports;
  for (auto it = models_.begin(); it != models_.end();) {
    const auto& [key, model] = *it;
    ModelCounts fresh = std::exchange(it->second.fresh, {});
    const bool quiet = fresh.inferences() == 0 && fresh.crashes == 0 &&
                       std::ranges::all_of(fresh.installs, [](uint64_t count) { return count == 0; });
    if (quiet && !model.in_use) {
      it = models_.erase(it);
      continue;
    }
    if (reports.size() < fleet::Report::kMaxModels) {
      fleet::ModelReport& report = reports.emplace_back();
      report.family = key.family;
      report.version = key.version;
      report.variant = key.variant;
      report.rollout = key.rollout;
      report.latency_ms = std::move(fresh.latency_ms);
      report.confidence = std::move(fresh.confidence);
      report.errors = fresh.errors;
      report.crashes = fresh.crashes;
      report.energy_mj = fresh.energy_mj;
      report.has_energy = fresh.has_energy;
      report.labelled_correct = fresh.labelled_correct;
      report.labelled_total = fresh.labelled_total;
      report.installs = fresh.installs;
      report.memory_bytes = model.memory_bytes;
      if (model.has_drift) report.drift = model.drift.Drift();
      report.health = model.health.health();
      report.active = model.active;
    }
    it->second.drift.Reset();
    ++it;
  }
  return reports;
}

std::string Monitor::PrometheusText() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  const auto metric = [&](const char* name, const char* type, const char* help, const auto& lines) {
    text += Format("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    for (const auto& [key, model] : models_) lines(name, Labels(key), model);
  };
  const auto line = [&](const std::string& name, const std::string& labels, const std::string& more,
                        double value) { text += name + labels + more + "} " + Format("%.17g\n", value); };
  metric("whet_inference_latency_ms", "summary", "Latency of inferences in milliseconds.",
         [&](const std::string& name, const std::string& labels, const Model& model) {
           for (const auto& [quantile, q] : {std::pair{"0.5", 0.5}, {"0.95", 0.95}, {"0.99", 0.99}}) {
             line(name, labels, Format(",quantile=\"%s\"", quantile), model.total.latency_ms.Quantile(q));
           }
           line(name + "_sum", labels, "", model.total.latency_ms.sum());
           line(name + "_count", labels, "", static_cast<double>(model.total.latency_ms.count()));
         });
  const auto counter = [&](const char* name, const char* help, const auto& value) {
    metric(name, "counter", help, [&](const std::string& n, const std::string& labels, const Model& model) {
      line(n, labels, "", static_cast<double>(value(model)));
    });
  };
  counter("whet_inference_errors_total", "Inferences that failed.",
          [](const Model& m) { return m.total.errors; });
  counter("whet_model_crashes_total", "Processes that ended while the model ran.",
          [](const Model& m) { return m.total.crashes; });
  counter("whet_labelled_correct_total", "Inferences whose label is known and right.",
          [](const Model& m) { return m.total.labelled_correct; });
  counter("whet_labelled_total", "Inferences whose label is known.",
          [](const Model& m) { return m.total.labelled_total; });
  counter("whet_inference_energy_mj_total", "Energy of inferences in millijoules.",
          [](const Model& m) { return m.total.energy_mj; });
  metric("whet_input_drift", "gauge", "Largest standardized mean shift of an input against the reference.",
         [&](const std::string& name, const std::string& labels, const Model& model) {
           if (model.has_drift) line(name, labels, "", model.drift.Drift());
         });
  metric("whet_health", "gauge", "0 unknown, 1 healthy, 2 degraded.",
         [&](const std::string& name, const std::string& labels, const Model& model) {
           line(name, labels, "", static_cast<double>(model.health.health()));
         });
  metric("whet_active", "gauge", "1 for the version that is active.",
         [&](const std::string& name, const std::string& labels, const Model& model) {
           line(name, labels, "", model.active ? 1 : 0);
         });
  metric("whet_install_total", "counter", "What became of updates.",
         [&](const std::string& name, const std::string& labels, const Model& model) {
           for (size_t i = 0; i < fleet::kInstallOutcomes; ++i) {
             if (model.total.installs[i] == 0) continue;
             const auto outcome = fleet::InstallOutcomeName(static_cast<fleet::InstallOutcome>(i));
             line(name, labels, Format(",outcome=\"%.*s\"", static_cast<int>(outcome.size()), outcome.data()),
                  static_cast<double>(model.total.installs[i]));
           }
         });
  return text;
}

}  // namespace whet::agent
