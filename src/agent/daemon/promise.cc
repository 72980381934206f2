#include "agent/daemon/promise.h"

#include "agent/process/jobs.h"
#include "fleet/release/release.h"

namespace whet::agent {
namespace {

std::string MeasuredPath(const std::string& slot_folder) { return slot_folder + "/self_test.json"; }

}  // namespace

ModelPromise ReadPromise(const std::string& slot_folder) {
  ModelPromise promise;
  auto text = PosixFileSystem().ReadSmall(ReleasePath(slot_folder), fleet::kMaxReleaseBytes);
  if (!text.ok()) return promise;
  auto release = fleet::ParseRelease(*text);
  if (!release.ok()) return promise;
  promise.budget.latency_ms_mean = release->budgets.latency_ms_mean;
  promise.budget.latency_ms_p95 = release->budgets.latency_ms_p95;
  promise.energy_mj = release->budgets.energy_mj;
  if (release->reference) {
    promise.input_mean = std::move(release->reference->input_mean);
    promise.input_std = std::move(release->reference->input_std);
  }
  return promise;
}

uint64_t ReadMemoryBytes(const CurrentModel& model) {
  auto text = PosixFileSystem().ReadSmall(MeasuredPath(model.slot_folder), 4096);
  if (!text.ok()) return 0;
  auto report = ParseSelfTestAnswer(*text);
  auto weights = PosixFileSystem().Size(model.model_path);
  return report.ok() && weights.ok() ? report->arena_bytes + *weights : 0;
}

Result<FetchReport> RecordingWorker::Fetch(const FetchJob& job) {
  auto report = worker_.Fetch(job);
  if (report.ok()) {
    log_(Format(
        "fetched %llu bytes%s, the model has %llu", static_cast<unsigned long long>(report->downloaded_bytes),
        report->used_delta ? ", with a delta" : "", static_cast<unsigned long long>(job.offer.model.bytes)));
  }
  return report;
}

Result<SelfTestReport> RecordingWorker::SelfTest(const SelfTestJob& job) {
  auto report = worker_.SelfTest(job);
  if (report.ok() && report->outcome == SelfTestReport::Outcome::kPassed) {
    log_(Format("the self-test passed, %.3g ms per inference", report->latency_ms_mean));
    // Only the gauge of memory needs it.
    static_cast<void>(PosixFileSystem().WriteDurably(MeasuredPath(job.slot_folder), AnswerOf(*report)).ok());
  }
  return report;
}

}  // namespace whet::agent
