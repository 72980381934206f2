// whet fleet: what concerns a whole fleet of devices.

#include <algorithm>
#include <map>
#include <memory>
#include <thread>

#include "base/file.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/server_client.h"
#include "fleet/json/json.h"
#include "fleet/json/nlohmann.h"
#include "fleet/rollout/simulate/simulation.h"
#include "fleet/tuf/names.h"

namespace whet::cli {
namespace {

using fleet::JsonMember;
using fleet::RolloutState;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kMaxListed = 100'000;

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

std::string Hours(double seconds) { return Format("%.1f h", seconds / 3600); }

// What became of the runs, added up.
struct Summary {
  std::vector<uint64_t> rolled_back;  // by stage
  uint64_t done = 0;
  uint64_t given_up = 0;
  std::map<std::string, uint64_t> halted_by;
  double halt_s = 0;   // median
  double done_s = 0;   // median
  double exposed = 0;  // median of the devices that had the candidate, of runs rolled back

  Summary(const fleet::SimulationResult& result, size_t stages) : rolled_back(stages) {
    std::vector<double> halts;
    std::vector<double> ends;
    std::vector<double> installed;
    for (const fleet::RunOutcome& run : result.runs) {
      switch (run.state) {
        case RolloutState::kRolledBack:
          ++rolled_back[run.stage];
          ++halted_by[run.halted_by];
          halts.push_back(static_cast<double>(run.seconds));
          installed.push_back(static_cast<double>(run.installed));
          break;
        case RolloutState::kDone:
          ++done;
          ends.push_back(static_cast<double>(run.seconds));
          break;
        case RolloutState::kRunning:
        case RolloutState::kPaused: ++given_up; break;
      }
    }
    halt_s = Median(std::move(halts));
    done_s = Median(std::move(ends));
    exposed = Median(std::move(installed));
  }
};

class FleetCommand final : public Command {
 public:
  std::string_view name() const override { return "fleet"; }
  std::string_view summary() const override {
    return "Show what a server knows of its devices; try a rollout policy on a simulated fleet";
  }
  std::string_view example() const override {
    return "  whet fleet status --server https://fleet.example.org --token-file viewer.token\n"
           "  whet fleet devices --health degraded\n"
           "  whet fleet simulate\n"
           "  whet fleet simulate --runs 100 --crash-rise 0.02\n"
           "  whet fleet simulate --devices 5000 --latency-factor 1.2 --policy policy.json";
  }

  void Define(Arguments& args) override {
    args.RequireAction();
    status_ = args.AddAction("status", "Show how many devices are well, and which versions they run");
    devices_ = args.AddAction("devices", "List devices, what they run and how they are");
    for (Arguments sub : {status_, devices_}) {
      server_.Define(sub);
    }
    devices_.Add("--search", search_, "Only devices with this in their name");
    devices_.Add("--channel", channel_, "Only of this channel").Type("NAME");
    devices_.Add("--family", family_, "Only with a model of this family").Type("NAME");
    devices_.Add("--version", version_, "Only with a model of this version").Type("VERSION");
    devices_.Add("--health", health_, "Only those that are so")
        .OneOf({"healthy", "degraded", "unknown", "dark"});
    Arguments simulate = args.AddAction(
        "simulate", "Run rollouts over simulated devices with the real cohorts, gate and state machine");
    fleet::FleetModel& model = options_.model;
    simulate.Add("--devices", model.devices, "Devices of the fleet").ShowDefault();
    simulate.Add("--runs", options_.runs, "Rollouts to simulate, each over a fleet drawn anew").ShowDefault();
    simulate.Add("--seed", options_.seed, "The same seed gives the same runs").ShowDefault();
    simulate.Add("--threads", options_.threads, "Runs at a time (default: all processors)");
    simulate.Add("--policy", policy_file_, "JSON file of a policy; see docs/rollouts.md")
        .Type("FILE")
        .ExistingFile();
    simulate.Add("--stages", stages_, "Percentages, as 10,50,100").Type("P,P...").SplitAt(',');
    simulate.Add("--hours", hours_, "Give a rollout up after so long").ShowDefault();
    simulate.Add("--report-every", model.report_s, "Seconds between two reports of a device").ShowDefault();
    simulate.AddFlag("--exact", options_.exact,
                     "Simulate every inference by itself, for at most 100000 devices");
    const std::string fleet = "The fleet";
    const auto add = [&](const char* option, double& value, const char* what, const std::string& group) {
      simulate.Add(option, value, what).ShowDefault().Group(group);
    };
    add("--latency-ms", model.latency_ms, "Median latency on the fastest of three kinds of hardware", fleet);
    add("--latency-sigma", model.latency_sigma, "Spread of the logarithm of a device's latencies", fleet);
    add("--device-sigma", model.device_sigma, "Spread of the logarithm from device to device", fleet);
    add("--daily-swing", model.daily_swing, "Share by which latencies swing over a day", fleet);
    add("--inferences", model.inferences, "Inferences per report", fleet);
    add("--crash-rate", model.crash_rate, "Share of reports that tell of a crash", fleet);
    add("--error-rate", model.error_rate, "Share of inferences that fail", fleet);
    add("--degraded", model.degraded, "Share of devices that say they are degraded, whatever they run",
        fleet);
    add("--install-failure", model.install_failure, "Share of installations that fail", fleet);
    add("--offline", model.go_offline, "Chance per report to go offline", fleet);
    add("--come-back", model.come_back, "Chance per report's time to come back", fleet);
    add("--die", model.die, "Chance per report to go silent for ever", fleet);
    add("--adopt", model.adopt, "Chance per report to take an update", fleet);
    add("--slow-share", model.slow_share, "Share of devices that update slowly", fleet);
    add("--slow-adopt", model.slow_adopt, "Their chance per report to take an update", fleet);
    const std::string candidate = "The candidate";
    add("--crash-rise", model.crash_rise, "Added to the crash rate (0.02: two points)", candidate);
    add("--latency-factor", model.latency_factor, "On every latency (1.2: 20 % slower)", candidate);
    add("--error-rise", model.error_rise, "Added to the error rate", candidate);
    add("--degraded-rise", model.degraded_rise, "Share of the other devices that it degrades", candidate);
    add("--install-rise", model.install_rise, "Added to the share of failed installations", candidate);
    add("--silence", model.silence, "Share of devices it silences for ever", candidate);
  }

  Status Run(Console& console) override {
    if (status_.given()) return PrintStatus(console);
    if (devices_.given()) return PrintDevices(console);
    return Simulate(console);
  }

 private:
  Status PrintStatus(Console& console) {
    WHET_RETURN_IF_ERROR(server_.Connect());
    WHET_ASSIGN_OR_RETURN(const json overview, server_.Get("/overview"));
    if (console.json()) {
      console.PrintJson(ordered_json(overview));
      return {};
    }
    const json& devices = JsonMember(overview, "devices");
    std::string text = Shown(devices, "total") + " devices:";
    for (const char* kind : {"healthy", "degraded", "unknown", "dark"}) {
      text += std::string(kind[0] == 'h' ? " " : ", ") + Shown(devices, kind) + " " + kind;
    }
    Table table({"family", "version", "devices", "p95", "errors per million"}, {2, 3, 4});
    for (const json& family : JsonMember(overview, "families")) {
      for (const json& version : JsonMember(family, "versions")) {
        const json& p95 = JsonMember(version, "p95_ms");
        const json& errors = JsonMember(version, "errors_per_million");
        table.Add({Shown(family, "family"), Shown(version, "version"), Shown(version, "devices"),
                   p95.is_number() ? Format("%.3g ms", p95.get<double>()) : "-",
                   errors.is_number() ? Format("%.0f", errors.get<double>()) : "-"});
      }
    }
    text += "\n" + table.ToString();
    Table rollouts({"rollout", "channel", "family", "candidate", "state", "percent"}, {5});
    for (const json& rollout : JsonMember(overview, "rollouts")) {
      rollouts.Add({Shown(rollout, "id"), Shown(rollout, "channel"), Shown(rollout, "family"),
                    Shown(JsonMember(rollout, "candidate"), "version"), Shown(rollout, "state"),
                    Shown(rollout, "percent")});
    }
    const json& under_way = JsonMember(overview, "rollouts");
    console.Print(under_way.is_array() && !under_way.empty() ? text + "\n" + rollouts.ToString() : text);
    return {};
  }

  Status PrintDevices(Console& console) {
    WHET_RETURN_IF_ERROR(server_.Connect());
    std::string query;
    for (const auto& [key, value] :
         {std::pair("q", &search_), std::pair("channel", &channel_), std::pair("family", &family_),
          std::pair("version", &version_), std::pair("health", &health_)}) {
      if (value->empty()) continue;
      query += (query.empty() ? "" : "&") + std::string(key) + "=" + fleet::PercentEncode(*value);
    }
    WHET_ASSIGN_OR_RETURN(const json devices, server_.List("/devices", query, kMaxListed));
    if (console.json()) {
      console.PrintJson({{"devices", ordered_json(devices)}});
      return {};
    }
    Table table({"device", "channel", "health", "runs", "last seen"});
    for (const json& device : devices) {
      std::string runs;
      for (const json& active : JsonMember(device, "active")) {
        runs += (runs.empty() ? "" : ", ") + Shown(active, "family") + " " + Shown(active, "version") + " (" +
                Shown(active, "variant") + ")";
      }
      const bool dark = JsonMember(device, "dark") == json(true);
      table.Add({Shown(device, "device"), Shown(device, "channel"), dark ? "dark" : Shown(device, "health"),
                 runs.empty() ? "-" : runs, Shown(device, "last_seen")});
    }
    console.Print(table.ToString() +
                  Format("%zu device%s\n", devices.size(), devices.size() == 1 ? "" : "s"));
    return {};
  }

  Status Simulate(Console& console) {
    if (!policy_file_.empty()) {
      WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(policy_file_));
      const auto bytes = file.bytes();
      auto policy = fleet::ParsePolicy({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      if (!policy.ok()) return policy.TakeStatus().At(policy_file_);
      options_.policy = *policy;
    }
    if (!stages_.empty()) options_.policy.stages = stages_;
    if (!(hours_ > 0 && hours_ <= 24 * 366)) {
      return Error(Code::kInvalidArgument, "--hours is %g, but above 0 to a year is possible", hours_);
    }
    options_.most_s = static_cast<int64_t>(hours_ * 3600);
    if (options_.threads <= 0)
      options_.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    auto progress = std::make_unique<Progress>(console, "simulating", options_.runs);
    options_.progress = [&progress] { progress->Advance("runs"); };
    WHET_ASSIGN_OR_RETURN(const fleet::SimulationResult result, fleet::Simulate(options_));
    progress.reset();
    if (console.json()) {
      PrintJson(console, result);
    } else {
      PrintText(console, result);
    }
    return {};
  }

  void PrintText(const Console& console, const fleet::SimulationResult& result) const {
    const std::vector<double>& stages = options_.policy.stages;
    const Summary summary(result, stages.size());
    const auto share = [&](uint64_t count) {
      return Format("%.1f %%", 100 * static_cast<double>(count) / static_cast<double>(result.runs.size()));
    };
    std::string text =
        Format("%llu rollouts over %llu devices\n", static_cast<unsigned long long>(result.runs.size()),
               static_cast<unsigned long long>(options_.model.devices));
    Table table({"end", "runs", "share"}, {1, 2});
    for (size_t stage = 0; stage < stages.size(); ++stage) {
      table.Add({Format("rolled back at %g %%", stages[stage]),
                 Format("%llu", static_cast<unsigned long long>(summary.rolled_back[stage])),
                 share(summary.rolled_back[stage])});
    }
    table.Add({"done", Format("%llu", static_cast<unsigned long long>(summary.done)), share(summary.done)});
    table.Add({Format("not over after %g h", hours_),
               Format("%llu", static_cast<unsigned long long>(summary.given_up)), share(summary.given_up)});
    text += table.ToString();
    if (!summary.halted_by.empty()) {
      text += "halted by:";
      for (const auto& [metric, count] : summary.halted_by) {
        text += Format(" %s %llu", metric.c_str(), static_cast<unsigned long long>(count));
      }
      text += Format("\nmedian time to the halt %s, devices that had the candidate by then %.0f\n",
                     Hours(summary.halt_s).c_str(), summary.exposed);
    }
    if (summary.done > 0) text += Format("median time to done %s\n", Hours(summary.done_s).c_str());
    text += Format("cohorts of %llu rollout ids missed their percentage by at most",
                   static_cast<unsigned long long>(result.rollout_ids));
    for (size_t stage = 0; stage < stages.size(); ++stage) {
      text += Format("%s %.3f points at %g %%", stage == 0 ? "" : ",", result.cohort_error_points[stage],
                     stages[stage]);
    }
    text += Format("\n\nThe gate's last word in the first run: %s\n",
                   std::string(fleet::VerdictName(result.example.verdict)).c_str());
    text += "  " + result.example.reason + "\n";
    for (const fleet::MetricVerdict& metric : result.example.metrics) {
      text += Format("  %-16s %-12s %s\n", metric.name.c_str(),
                     metric.judged ? std::string(fleet::VerdictName(metric.verdict)).c_str() : "-",
                     metric.reason.c_str());
    }
    console.Print(text);
  }

  void PrintJson(const Console& console, const fleet::SimulationResult& result) const {
    const Summary summary(result, options_.policy.stages.size());
    auto runs = ordered_json::array();
    for (const fleet::RunOutcome& run : result.runs) {
      runs.push_back(
          {{"state", std::string(fleet::RolloutStateName(run.state))},
           {"percent", options_.policy.stages[run.stage]},
           {"seconds", run.seconds},
           {"installed", run.installed},
           {"halted_by", run.halted_by.empty() ? ordered_json(nullptr) : ordered_json(run.halted_by)}});
    }
    ordered_json halted_by = ordered_json::object();
    for (const auto& [metric, count] : summary.halted_by) halted_by[metric] = count;
    console.PrintJson({{"devices", options_.model.devices},
                       {"seed", options_.seed},
                       {"policy", ordered_json(fleet::PolicyToJson(options_.policy))},
                       {"stages", options_.policy.stages},
                       {"rolled_back", summary.rolled_back},
                       {"done", summary.done},
                       {"not_over", summary.given_up},
                       {"halted_by", std::move(halted_by)},
                       {"median_halt_s", summary.halt_s},
                       {"median_done_s", summary.done_s},
                       {"median_installed_at_halt", summary.exposed},
                       {"rollout_ids", result.rollout_ids},
                       {"cohort_error_points", result.cohort_error_points},
                       {"gate", ordered_json(fleet::GateToJson(result.example))},
                       {"runs", std::move(runs)}});
  }

  Arguments status_;
  Arguments devices_;
  ServerClient server_;
  std::string search_;
  std::string channel_;
  std::string family_;
  std::string version_;
  std::string health_;
  fleet::SimulationOptions options_;
  std::string policy_file_;
  std::vector<double> stages_;
  double hours_ = 7 * 24;
};

}  // namespace

std::unique_ptr<Command> MakeFleetCommand() { return std::make_unique<FleetCommand>(); }

}  // namespace whet::cli
