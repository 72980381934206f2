// whet bench: how long a model takes, and what it costs.

#include <algorithm>
#include <cstring>
#include <set>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/engine.h"
#include "cli/model_inputs.h"
#include "cli/profile.h"
#include "fleet/json/nlohmann.h"
#include "measure/latency.h"
#include "measure/peak.h"

namespace whet::cli {
namespace {

using nlohmann::ordered_json;

double MillisecondsSince(int64_t start) { return static_cast<double>(NowNanoseconds() - start) * 1e-6; }

struct Measurement {
  double load_ms = 0;
  double compile_ms = 0;
  bool plan_from_cache = false;
  double first_ms = 0;
  std::vector<double> runs_ms;
  std::optional<double> joules_per_run;
  uint64_t peak_rss_bytes = 0;
  uint64_t arena_bytes = 0;
  uint64_t scratch_bytes = 0;
  uint64_t state_bytes = 0;
  uint64_t weights_bytes = 0;
  bool whole = false;  // is all of it a Plan?
  size_t steps = 0;    // of the Plan
  std::set<std::string> reference_operators;
  std::vector<StepProfile> profile;
  double peak_gflops = 0;  // measured with the profile only
};

// One run with everything in place, by a Plan or, in part, node by node.
class Runner {
 public:
  Runner(Executor& executor, Session* session, const std::map<std::string, TensorPtr>& inputs)
      : executor_(executor), session_(session), inputs_(inputs) {}
  Status Run() { return session_ != nullptr ? session_->Run() : executor_.Run(inputs_).TakeStatus(); }

 private:
  Executor& executor_;
  Session* session_;  // null where there is no Plan of the whole
  const std::map<std::string, TensorPtr>& inputs_;
};

class BenchCommand final : public Command {
 public:
  std::string_view name() const override { return "bench"; }
  std::string_view summary() const override {
    return "Measure a model's load time, latency, memory and energy";
  }
  std::string_view example() const override {
    return "  whet bench model.onnx --threads 2\n"
           "  whet bench model.onnx --profile --trace trace.json\n"
           "  whet bench detector.onnx --shape x=1x3x640x640 --runs 50 --json";
  }

  void Define(Arguments& args) override {
    args.Add("MODEL", model_, "The model file").Required();
    AddInputOptions(args, &inputs_);
    engine_.threads = 1;
    AddEngineOptions(args, &engine_);
    args.Add("--precision", precision_, "Type to compute in: f32, as the model has it")
        .OneOf({"f32"})
        .ShowDefault()
        .Group("Engine");
    args.Add("--runs", runs_, "Runs to measure (default: as many as --seconds allows, 10 at least)")
        .InRange(1, 100000000);
    args.Add("--seconds", seconds_, "How long to measure when --runs is not given")
        .InRange(0.01, 3600.0)
        .ShowDefault();
    args.Add("--warmup", warmup_, "Runs before those that count, the first included")
        .InRange(1, 1000000)
        .ShowDefault();
    args.AddFlag("--profile", profile_, "Show each step's time, share, speed and kernel");
    args.Add("--trace", trace_, "Write the steps of a run as a Chrome/Perfetto trace").Type("FILE.json");
  }

  Status Run(Console& console) override {
    ExecutorOptions options = ToExecutorOptions(engine_, model_);
    std::map<std::string, TensorPtr> tensors;
    std::map<std::string, InputBinding> bindings;
    PreparedInputs prepared;
    {
      // Gone before anything is measured: a program that knows its inputs does not need it.
      Executor executor(LoaderOf(model_), options);
      WHET_ASSIGN_OR_RETURN(const Graph* graph, executor.graph());
      Result<PreparedInputs> inputs = PrepareInputs(*graph, inputs_, true);
      if (!inputs.ok()) return inputs.TakeStatus().At(model_);
      prepared = std::move(*inputs);
      tensors = ByName(*graph, prepared.runs[0]);
      WHET_ASSIGN_OR_RETURN(const std::vector<std::string> by_value, executor.ShapeInputs());
      for (const auto& [name, tensor] : tensors) {
        const bool value = std::find(by_value.begin(), by_value.end(), name) != by_value.end();
        bindings[name] = {tensor->shape(), value ? tensor : nullptr};
      }
    }
    ResetPeakRss();
    Executor executor(LoaderOf(model_), options);
    Result<Measurement> measurement = Measure(console, executor, tensors, bindings);
    if (!measurement.ok()) return ExplainAssumed(measurement.TakeStatus(), prepared).At(model_);
    if (console.json()) {
      PrintJson(console, options, *measurement, executor);
    } else {
      Print(console, options, *measurement, executor);
      if (!prepared.assumed.empty()) {
        console.Print(Format("  note       open sizes were assumed: %s; --shape gives others\n",
                             prepared.assumed.c_str()));
      }
    }
    if (!trace_.empty()) return WriteTrace(trace_, model_, measurement->profile);
    return {};
  }

 private:
  Result<Measurement> Measure(const Console& console, Executor& executor,
                              const std::map<std::string, TensorPtr>& inputs,
                              const std::map<std::string, InputBinding>& bindings) {
    Measurement m;
    Session* session = nullptr;  // of the whole
    Session* planned = nullptr;  // of the whole or its first part
    const int64_t load_start = NowNanoseconds();
    if (!engine_.reference) {
      Result<Session*> prepared = executor.Prepare(bindings);
      // Whatever no Plan can be made of runs on the references, and the report says so.
      if (!prepared.ok() && prepared.status().code() != Code::kUnsupported) return prepared.TakeStatus();
      if (prepared.ok()) {
        planned = session = *prepared;
      } else if (Result<SplitSession*> split = executor.PrepareSplit(bindings); split.ok()) {
        planned = (*split)->front();
      } else if (split.status().code() != Code::kUnsupported) {
        return split.TakeStatus();
      }
    }
    if (session == nullptr) WHET_RETURN_IF_ERROR(executor.graph().TakeStatus());
    m.whole = session != nullptr;
    m.load_ms = MillisecondsSince(load_start);
    m.compile_ms = executor.compile_milliseconds();
    m.plan_from_cache = executor.plan_from_cache();
    if (session != nullptr) {
      for (size_t i = 0; i < session->plan().inputs.size(); ++i) {
        const TensorView& view = inputs.at(session->plan().inputs[i].name)->view();
        std::memcpy(session->input(i), view.data, view.bytes());
      }
    }
    if (planned != nullptr) {
      const Plan& plan = planned->plan();
      m.arena_bytes = plan.arena_bytes;
      m.scratch_bytes = plan.scratch_bytes * static_cast<uint64_t>(planned->threads());
      m.state_bytes = plan.state_bytes;
      m.weights_bytes = plan.weights.size();
      m.steps = plan.steps.size();
      for (const PlanStep& step : plan.steps) {
        if (step.kind == PlanStep::Kind::kReference) m.reference_operators.insert(step.row);
      }
    }
    Runner runner(executor, session, inputs);
    int64_t start = NowNanoseconds();
    WHET_RETURN_IF_ERROR(runner.Run());
    m.first_ms = MillisecondsSince(start);
    m.peak_rss_bytes = PeakRssBytes();
    for (int i = 1; i < warmup_; ++i) WHET_RETURN_IF_ERROR(runner.Run());
    WHET_RETURN_IF_ERROR(MeasureRuns(console, runner, &m));
    m.peak_rss_bytes = PeakRssBytes();
    if (planned != nullptr && (profile_ || !trace_.empty())) {
      planned->EnableProfile(true);
      const size_t count = std::clamp<size_t>(m.runs_ms.size(), 1, 50);
      for (size_t i = 0; i < count; ++i) WHET_RETURN_IF_ERROR(runner.Run());
      WHET_ASSIGN_OR_RETURN(m.peak_gflops, MeasurePeakGflops(engine_.isa, planned->threads()));
      m.profile = ProfileOf(*planned, count, m.peak_gflops);
    }
    return m;
  }

  Status MeasureRuns(const Console& console, Runner& runner, Measurement* m) const {
    constexpr size_t kFewest = 10;
    const size_t most = runs_ > 0 ? static_cast<size_t>(runs_) : 1000000;
    m->runs_ms.reserve(std::min<size_t>(most, 1 << 20));
    const std::optional<double> energy = ReadEnergyJoules();
    const int64_t begin = NowNanoseconds();
    const auto limit = begin + static_cast<int64_t>(seconds_ * 1e9);
    // A bar would disturb short runs; long ones are few.
    Progress progress(console, "bench", m->first_ms > 100 && runs_ > 0 ? most : 0);
    while (m->runs_ms.size() < most) {
      const int64_t start = NowNanoseconds();
      if (runs_ == 0 && m->runs_ms.size() >= kFewest && start > limit) break;
      WHET_RETURN_IF_ERROR(runner.Run());
      m->runs_ms.push_back(MillisecondsSince(start));
      progress.Advance("runs");
    }
    if (const std::optional<double> after = ReadEnergyJoules(); energy && after && *after > *energy) {
      m->joules_per_run = (*after - *energy) / static_cast<double>(m->runs_ms.size());
    }
    return {};
  }

  std::string EngineText(const Measurement& m) const {
    if (m.steps == 0) return "references";
    return m.whole ? "plan" : "split";
  }

  void PrintJson(const Console& console, const ExecutorOptions& options, const Measurement& m,
                 const Executor& executor) const {
    const LatencySummary latency = Summarize(m.runs_ms);
    ordered_json object = {
        {"model", model_},
        {"threads", options.threads.threads},
        {"isa", IsaName(options.isa)},
        {"precision", precision_},
        {"engine", EngineText(m)},
        {"load_ms", m.load_ms},
        {"compile_ms", m.compile_ms},
        {"plan_from_cache", m.plan_from_cache},
        {"first_ms", m.first_ms},
        {"runs", m.runs_ms.size()},
        {"latency_ms",
         {{"mean", latency.mean},
          {"p50", latency.p50},
          {"p95", latency.p95},
          {"p99", latency.p99},
          {"min", latency.min},
          {"max", latency.max}}},
        {"peak_rss_bytes", m.peak_rss_bytes},
        {"arena_bytes", m.arena_bytes},
        {"scratch_bytes", m.scratch_bytes},
        {"state_bytes", m.state_bytes},
        {"weights_bytes", m.weights_bytes},
        {"energy_mj_per_run", m.joules_per_run ? ordered_json(*m.joules_per_run * 1e3) : nullptr},
        {"steps", m.steps},
        {"reference_operators", m.reference_operators}};
    auto passes = ordered_json::array();
    for (const PassReport& pass : executor.pass_reports()) {
      passes.push_back({{"name", pass.name}, {"changes", pass.changes}, {"ms", pass.milliseconds}});
    }
    object["passes"] = std::move(passes);
    if (profile_) {
      object["peak_gflops"] = m.peak_gflops;
      object["profile"] = ProfileJson(m.profile);
    }
    console.PrintJson(object);
  }

  void Print(const Console& console, const ExecutorOptions& options, const Measurement& m,
             const Executor& executor) const {
    const LatencySummary l = Summarize(m.runs_ms);
    console.Print(Format("%s: %d thread%s, %s, %s\n", model_.c_str(), options.threads.threads,
                         options.threads.threads == 1 ? "" : "s", std::string(IsaName(options.isa)).c_str(),
                         precision_.c_str()));
    console.Print(Format("  load       %.2f ms%s\n", m.load_ms,
                         m.plan_from_cache ? " (the plan was in the cache)" : ""));
    console.Print(Format("  first run  %.3f ms\n", m.first_ms));
    console.Print(
        Format("  latency    p50 %.3f ms  mean %.3f  p95 %.3f  p99 %.3f  min %.3f  max %.3f  (%zu runs)\n",
               l.p50, l.mean, l.p95, l.p99, l.min, l.max, m.runs_ms.size()));
    console.Print(Format("  memory     peak RSS %s, arena %s, weights %s\n",
                         FormatBytes(m.peak_rss_bytes).c_str(), FormatBytes(m.arena_bytes).c_str(),
                         FormatBytes(m.weights_bytes).c_str()));
    if (m.joules_per_run) console.Print(Format("  energy     %.3f mJ per run\n", *m.joules_per_run * 1e3));
    if (!m.whole) {
      console.Print(Format("  note       on slow references: %s\n", executor.evaluator_reason().c_str()));
    } else if (!m.reference_operators.empty()) {
      std::string names;
      for (const std::string& op : m.reference_operators) {
        if (!names.empty()) names += ", ";
        names += op;
      }
      console.Print(Format("  note       on slow references: %s\n", names.c_str()));
    }
    if (profile_ && m.steps > 0) {
      console.Print(Format("  peak       %.0f GFLOP/s of f32 multiply-adds, measured\n\n", m.peak_gflops));
      console.Print(ProfileTable(m.profile));
    }
  }

  std::string model_;
  InputArguments inputs_;
  EngineArguments engine_;
  std::string precision_ = "f32";
  int runs_ = 0;
  double seconds_ = 2;
  int warmup_ = 3;
  bool profile_ = false;
  std::string trace_;
};

}  // namespace

std::unique_ptr<Command> MakeBenchCommand() { return std::make_unique<BenchCommand>(); }

}  // namespace whet::cli
