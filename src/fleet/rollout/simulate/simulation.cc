#include "fleet/rollout/simulate/simulation.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/thread_pool.h"
#include "fleet/rollout/simulate/random.h"
#include "fleet/rollout/simulate/simulated_fleet.h"

namespace whet::fleet {
namespace {

constexpr uint64_t kMaxRolloutIds = 16;
constexpr uint64_t kMaxRuns = 1'000'000;
constexpr uint64_t kMaxExactDevices = 100'000;
constexpr int64_t kMaxSteps = 60'000;

std::string RolloutId(uint64_t seed, uint64_t index) {
  return Format("simulated-%016llx-%llu", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(index));
}

struct Job {
  const SimulationOptions* options = nullptr;
  std::vector<std::vector<uint8_t>> first_stages;  // by rollout id
  SimulationResult result;
  std::mutex mutex;
};

void RunOne(Job& job, uint64_t run) {
  const SimulationOptions& options = *job.options;
  const uint64_t id = run % job.first_stages.size();
  SplitMix random(options.seed + run);
  FleetSetup setup;
  setup.model = options.model;
  setup.policy = options.policy;
  setup.seed = random();
  setup.first_stages = &job.first_stages[id];
  setup.rotation = random() % options.model.devices;
  const auto fleet = options.exact ? MakeExactFleet(setup) : MakeFastFleet(setup);
  RunOutcome& outcome = job.result.runs[run];
  auto created =
      CreateRollout(RolloutId(options.seed, id), "simulated", "model", {"1.0.0", std::string(64, 'a')},
                    {"1.1.0", std::string(64, 'b')}, options.policy, "simulation", 0);
  if (!created.ok()) return;  // the policy was checked before
  Rollout& rollout = *created;
  Arm past_control;
  int64_t now = 0;
  size_t stage = rollout.stage;
  fleet->BeginStage(stage);
  Gate gate;
  while (!rollout.finished() && now < options.most_s) {
    fleet->Step();
    now += options.model.report_s;
    GateInput input = fleet->Look();
    const bool has_control = rollout.percent() < 100;
    if (!has_control) {
      input.control = past_control;
      input.control_is_past = true;
    }
    input.now_unix_s = now;
    input.stage_age_s = now - rollout.stage_started_unix_s;
    const bool explain = run == 0;
    gate = EvaluateGate(options.policy, input, explain);
    if (ApplyGate(rollout, gate) && rollout.state == RolloutState::kRunning) {
      if (has_control) past_control = std::move(input.control);
      stage = rollout.stage;
      fleet->BeginStage(stage);
    }
  }
  outcome.state = rollout.state;
  outcome.stage = stage;
  outcome.seconds = now;
  outcome.installed = fleet->installed();
  for (const MetricVerdict& metric : gate.metrics) {
    if (metric.verdict == Verdict::kFail && outcome.halted_by.empty()) outcome.halted_by = metric.name;
  }
  const std::scoped_lock lock(job.mutex);
  if (run == 0) job.result.example = std::move(gate);
  if (options.progress) options.progress();
}

}  // namespace

Result<SimulationResult> Simulate(const SimulationOptions& options) {
  WHET_RETURN_IF_ERROR(CheckFleetModel(options.model));
  WHET_RETURN_IF_ERROR(CheckPolicy(options.policy));
  if (options.runs == 0 || options.runs > kMaxRuns) {
    return Error(Code::kInvalidArgument, "1 to %llu runs are possible",
                 static_cast<unsigned long long>(kMaxRuns));
  }
  if (options.exact && options.model.devices > kMaxExactDevices) {
    return Error(Code::kInvalidArgument,
                 "the exact simulation takes at most %llu devices; leave --exact out for more",
                 static_cast<unsigned long long>(kMaxExactDevices));
  }
  if (options.most_s / options.model.report_s > kMaxSteps) {
    return Error(Code::kLimitExceeded, "the simulated time is longer than %lld reports of a device",
                 static_cast<long long>(kMaxSteps));
  }
  Job job;
  job.options = &options;
  job.result.runs.resize(options.runs);
  job.first_stages.resize(std::min(options.runs, kMaxRolloutIds));
  job.result.rollout_ids = job.first_stages.size();
  ThreadPoolOptions threads;
  threads.threads = std::max(1, options.threads);
  WHET_ASSIGN_OR_RETURN(const auto pool, ThreadPool::Create(threads));
  pool->Run(
      [](void* context, int64_t begin, int64_t end, int) {
        auto& of = *static_cast<Job*>(context);
        for (auto i = static_cast<uint64_t>(begin); i < static_cast<uint64_t>(end); ++i) {
          of.first_stages[i] = FirstStages(RolloutId(of.options->seed, i), of.options->model.devices,
                                           of.options->policy.stages);
        }
      },
      &job, static_cast<int64_t>(job.first_stages.size()));
  for (size_t stage = 0; stage < options.policy.stages.size(); ++stage) {
    double worst = 0;
    for (const auto& first : job.first_stages) {
      const auto in = std::ranges::count_if(first, [&](uint8_t of) { return of <= stage; });
      const double percent = 100.0 * static_cast<double>(in) / static_cast<double>(first.size());
      worst = std::max(worst, std::abs(percent - options.policy.stages[stage]));
    }
    job.result.cohort_error_points.push_back(worst);
  }
  pool->Run(
      [](void* context, int64_t begin, int64_t end, int) {
        for (int64_t run = begin; run < end; ++run)
          RunOne(*static_cast<Job*>(context), static_cast<uint64_t>(run));
      },
      &job, static_cast<int64_t>(options.runs));
  return std::move(job.result);
}

}  // namespace whet::fleet
