// whet rollout: starts, watches and stops rollouts on a server (docs/rollouts.md).

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "base/file.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/server_client.h"
#include "fleet/json/json.h"
#include "fleet/json/nlohmann.h"
#include "fleet/rollout/document.h"
#include "fleet/rollout/policy.h"
#include "fleet/telemetry/report.h"

namespace whet::cli {
namespace {

using fleet::JsonMember;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr uint64_t kMaxPolicyBytes = uint64_t{16} << 10;
constexpr int kMaxPolicyDepth = 4;
constexpr size_t kMaxListed = 10'000;
constexpr auto kWatchStep = std::chrono::seconds(1);
// A server that is away for a moment (it is restarted) does not end a watch.
constexpr int kMostFailuresInARow = 60;

bool IsOver(const json& rollout) {
  const std::string state = Shown(rollout, "state");
  return state == "done" || state == "rolled-back";
}

// A gate's number: shares in percent, times and energies with their unit.
std::string Number(const json& metric, const char* key) {
  const json& value = JsonMember(metric, key);
  if (!value.is_number()) return "-";
  const std::string name = Shown(metric, "name");
  if (name == "latency_p95") return Format("%.3g ms", value.get<double>());
  if (name == "energy") return Format("%.3g mJ", value.get<double>());
  return Format("%.3g %%", 100 * value.get<double>());
}

// "stage 2 of 3, 50 % of the devices".
std::string StageText(const json& rollout) {
  const json& stages = JsonMember(rollout, "stages");
  const json& stage = JsonMember(rollout, "stage");
  const json& percent = JsonMember(rollout, "percent");
  if (!stages.is_array() || !stage.is_number() || !percent.is_number()) return "";
  std::string text = Format("stage %d of %zu", stage.get<int>() + 1, stages.size());
  if (Shown(rollout, "state") != "rolled-back")
    text += Format(", %g %% of the devices", percent.get<double>());
  return text;
}

class RolloutCommand final : public Command {
 public:
  std::string_view name() const override { return "rollout"; }
  std::string_view summary() const override {
    return "Start, watch, pause, widen or roll back a rollout on a server";
  }
  std::string_view example() const override {
    return "  export WHET_SERVER=https://fleet.example.org WHET_TOKEN=…\n"
           "  whet rollout set --channel stable --family detector --version 1.0.0\n"
           "  whet rollout create --channel stable --family detector --candidate 1.1.0 --watch\n"
           "  whet rollout status detector\n"
           "  whet rollout rollback detector --reason 'false alarms at night'";
  }

  void Define(Arguments& args) override {
    command_ = args;
    args.RequireAction();
    server_.Define(args);
    Arguments set =
        args.AddAction("set", "Give all devices of a channel a version without a gate: their first");
    Arguments create = args.AddAction("create", "Start a rollout: its first stage begins at once");
    for (Arguments sub : {set, create}) {
      sub.Add("--channel", channel_, "Channel of the devices").Type("NAME").Required();
      sub.Add("--family", family_, "Family of the model").Type("NAME").Required();
    }
    set.Add("--version", candidate_, "Version that the devices are to have").Type("VERSION").Required();
    set.Add("--trial", trial_s_, "Seconds that a device watches it before it is confirmed").ShowDefault();
    create.Add("--candidate", candidate_, "Version to roll out").Type("VERSION").Required();
    create
        .Add("--id", new_id_,
             "Its id, 16 to 64 of a-z, 0-9 and '-', which also draws the devices of each stage "
             "(default: a random one)")
        .Type("ID");
    create.Add("--stages", stages_, "Percentages, as 10,50,100").Type("P,P...").SplitAt(',');
    create.Add("--policy", policy_file_, "JSON file of a policy; see docs/rollouts.md")
        .Type("FILE")
        .ExistingFile();
    create.AddFlag("--watch", watch_, "Then watch it, as 'whet rollout watch' does");
    Arguments channels = args.AddAction("channels", "List what each channel has");
    Arguments list = args.AddAction("list", "List rollouts, the newest first");
    for (Arguments sub : {list, channels}) {
      sub.Add("--channel", channel_, "Only of this channel").Type("NAME");
      sub.Add("--family", family_, "Only of this family").Type("NAME");
    }
    for (const auto& [action, what] :
         {std::pair("status", "Show a rollout, the gate's reasoning and what has happened"),
          std::pair("watch", "Print what happens until it is over; exit status 1 if it is rolled back"),
          std::pair("pause", "Stop: no stage follows, and nobody loses what they have"),
          std::pair("resume", "Go on after a pause"),
          std::pair("advance", "Begin the next stage without the gate"),
          std::pair("rollback", "End it: every device goes back to the stable version")}) {
      Arguments sub = args.AddAction(action, what);
      sub.Add("ROLLOUT", id_, "Its id, or a family: the newest rollout of it").Required();
      sub.Add("--channel", channel_, "With a family: of this channel").Type("NAME");
      if (std::string_view(action) == "status" || std::string_view(action) == "watch") continue;
      sub.Add("--reason", reason_, "Why, for the history");
    }
  }

  Status Run(Console& console) override {
    action_ = command_.action();
    for (const std::string* given : {&channel_, &family_}) {
      if (!given->empty() && !fleet::IsFamily(*given)) {
        return Error(Code::kInvalidArgument, "'%.64s' is not a name of a channel or a family",
                     given->c_str());
      }
    }
    WHET_RETURN_IF_ERROR(server_.Connect());
    if (action_ == "list") return List(console);
    if (action_ == "set") return SetChannel(console);
    if (action_ == "channels") return Channels(console);
    json rollout;
    if (action_ == "create") {
      WHET_ASSIGN_OR_RETURN(const json body, CreateBody());
      WHET_ASSIGN_OR_RETURN(rollout, server_.Post("/rollouts", body));
    } else {
      WHET_ASSIGN_OR_RETURN(rollout, Find());
      if (action_ != "status" && action_ != "watch") {
        WHET_ASSIGN_OR_RETURN(rollout, server_.Post("/rollouts/" + Shown(rollout, "id") + "/" + action_,
                                                    {{"reason", reason_}}));
      }
    }
    if (action_ == "watch" || watch_) return Watch(console, rollout);
    if (console.json()) {
      console.PrintJson(ordered_json(rollout));
    } else {
      PrintRollout(console, rollout);
    }
    return {};
  }

 private:
  std::string Filter() const {
    // Names that were checked: nothing in them needs escaping.
    std::string filter;
    if (!channel_.empty()) filter += "channel=" + channel_;
    if (!family_.empty()) filter += (filter.empty() ? "family=" : "&family=") + family_;
    return filter;
  }

  // The rollout that ROLLOUT names.
  Result<json> Find() {
    if (fleet::IsRolloutId(id_)) {
      auto rollout = server_.Get("/rollouts/" + id_);
      if (rollout.ok() || rollout.status().code() != Code::kNotFound || !fleet::IsFamily(id_)) return rollout;
    } else if (!fleet::IsFamily(id_)) {
      return Error(Code::kInvalidArgument,
                   "'%.64s' is neither a rollout's id nor a family; 'whet rollout list' shows them",
                   id_.c_str());
    }
    family_ = id_;
    WHET_ASSIGN_OR_RETURN(json newest, server_.List("/rollouts", Filter(), 1));
    if (newest.empty()) {
      return Error(Code::kNotFound, "the server has no rollout '%.64s', and none of a family of that name",
                   id_.c_str());
    }
    return std::move(newest[0]);
  }

  Result<json> CreateBody() const {
    json body = {{"channel", channel_}, {"family", family_}, {"candidate", candidate_}};
    if (!new_id_.empty()) {
      if (!fleet::IsRolloutId(new_id_)) {
        return Error(Code::kInvalidArgument, "'%.64s' is not an id: 16 to 64 of a-z, 0-9 and '-'",
                     new_id_.c_str());
      }
      body["id"] = new_id_;
    }
    if (!stages_.empty()) body["stages"] = stages_;
    if (!policy_file_.empty()) {
      WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(policy_file_));
      const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
      // Checked here so that the error names the file; sent as it stands, so that the server's defaults hold.
      auto policy = fleet::ParsePolicy(text);
      if (!policy.ok()) return policy.TakeStatus().At(policy_file_);
      WHET_ASSIGN_OR_RETURN(body["policy"],
                            fleet::ParseJson(text, {kMaxPolicyBytes, kMaxPolicyDepth}, "the policy"));
    }
    return body;
  }

  Status SetChannel(Console& console) {
    WHET_ASSIGN_OR_RETURN(const json channels,
                          server_.Put("/channels/" + channel_,
                                      {{"family", family_}, {"version", candidate_}, {"trial_s", trial_s_}}));
    return PrintChannels(console, JsonMember(channels, "items"));
  }

  Status Channels(Console& console) {
    WHET_ASSIGN_OR_RETURN(const json channels, server_.Get("/channels"));
    return PrintChannels(console, JsonMember(channels, "items"));
  }

  Status PrintChannels(const Console& console, const json& channels) const {
    ordered_json kept = ordered_json::array();
    Table table({"channel", "family", "version", "rollout"});
    for (const json& channel : channels) {
      if (!channel_.empty() && Shown(channel, "channel") != channel_) continue;
      for (const json& entry : JsonMember(channel, "families")) {
        if (!family_.empty() && Shown(entry, "family") != family_) continue;
        table.Add({Shown(channel, "channel"), Shown(entry, "family"), Shown(entry, "version"),
                   Shown(entry, "rollout")});
        ordered_json one = entry;
        one["channel"] = Shown(channel, "channel");
        kept.push_back(std::move(one));
      }
    }
    if (console.json()) {
      console.PrintJson({{"channels", std::move(kept)}});
    } else {
      console.Print(table.ToString());
    }
    return {};
  }

  Status List(Console& console) {
    WHET_ASSIGN_OR_RETURN(const json items, server_.List("/rollouts", Filter(), kMaxListed));
    if (console.json()) {
      console.PrintJson({{"rollouts", ordered_json(items)}});
      return {};
    }
    Table table({"id", "channel", "family", "candidate", "state", "percent", "updated"}, {5});
    for (const json& rollout : items) {
      table.Add({Shown(rollout, "id"), Shown(rollout, "channel"), Shown(rollout, "family"),
                 Shown(JsonMember(rollout, "candidate"), "version"), Shown(rollout, "state"),
                 Shown(rollout, "percent"), Shown(rollout, "updated")});
    }
    console.Print(table.ToString() + Format("%zu rollouts\n", items.size()));
    return {};
  }

  static void PrintRollout(const Console& console, const json& rollout) {
    std::string text =
        Format("%s: %s %s after %s in %s\n%s, %s\n", Shown(rollout, "id").c_str(),
               Shown(rollout, "family").c_str(), Shown(JsonMember(rollout, "candidate"), "version").c_str(),
               Shown(JsonMember(rollout, "stable"), "version").c_str(), Shown(rollout, "channel").c_str(),
               Shown(rollout, "state").c_str(), StageText(rollout).c_str());
    if (JsonMember(rollout, "published") == json(false))
      text += "its last change is not in the repository yet\n";
    const json& gate = JsonMember(rollout, "gate");
    if (gate.is_object()) {
      text += Format("\nThe gate: %s, %s\n", Shown(gate, "verdict").c_str(), Shown(gate, "reason").c_str());
      Table table({"metric", "new", "control", "verdict", "reason"}, {1, 2});
      for (const json& metric : JsonMember(gate, "metrics")) {
        const bool judged = JsonMember(metric, "judged") != json(false);
        table.Add({Shown(metric, "name"), Number(metric, "new"), Number(metric, "control"),
                   judged ? Shown(metric, "verdict") : "-", Shown(metric, "reason")});
      }
      text += table.ToString();
    }
    const json& history = JsonMember(rollout, "history");
    if (history.is_array() && !history.empty()) {
      text += "\n";
      Table table({"time", "actor", "action", "reason"});
      for (const json& entry : history) {
        table.Add(
            {Shown(entry, "time"), Shown(entry, "actor"), Shown(entry, "action"), Shown(entry, "reason")});
      }
      text += table.ToString();
    }
    console.Print(text);
  }

  // "1.0.0 on 2 devices, 1.1.0 on 1": what the devices of the family say they run.
  Result<std::string> Versions(const std::string& family) {
    WHET_ASSIGN_OR_RETURN(const json overview, server_.Get("/overview"));
    std::string text;
    for (const json& entry : JsonMember(overview, "families")) {
      if (Shown(entry, "family") != family) continue;
      for (const json& version : JsonMember(entry, "versions")) {
        const std::string devices = Shown(version, "devices");
        text += (text.empty() ? "" : ", ") + Shown(version, "version") + " on " + devices +
                (text.empty() ? devices == "1" ? " device" : " devices" : "");
      }
    }
    return text;
  }

  // Prints what changes: the history's lines, and what the devices run.
  Status Watch(const Console& console, json rollout) {
    const auto start = std::chrono::steady_clock::now();
    const std::string path = "/rollouts/" + Shown(rollout, "id");
    size_t told = 0;
    std::string versions;
    int failures = 0;
    const auto say = [&](const std::string& text) {
      if (console.json()) return;
      const auto seconds = std::chrono::steady_clock::now() - start;
      console.Print(Format("%5.0f s  ", std::chrono::duration<double>(seconds).count()) + text + "\n");
      std::fflush(stdout);
    };
    while (true) {
      const json& history = JsonMember(rollout, "history");
      for (; history.is_array() && told < history.size(); ++told) {
        const json& entry = history[told];
        const bool last = told + 1 == history.size();
        say(Shown(entry, "action") + " by " + Shown(entry, "actor") + ": " + Shown(entry, "reason") +
            (last && !IsOver(rollout) ? "; now " + StageText(rollout) : ""));
      }
      auto now = Versions(Shown(rollout, "family"));
      if (now.ok() && !now->empty() && *now != versions) {
        versions = *now;
        say("devices report " + versions);
      }
      if (IsOver(rollout)) break;
      std::this_thread::sleep_for(kWatchStep);
      auto next = server_.Get(path);
      failures = next.ok() ? 0 : failures + 1;
      if (next.ok()) {
        rollout = std::move(*next);
      } else if (failures >= kMostFailuresInARow || next.status().code() != Code::kIo) {
        return next.TakeStatus();
      }
    }
    if (console.json()) console.PrintJson(ordered_json(rollout));
    if (Shown(rollout, "state") == "done") return {};
    return Error(Code::kUnsupported, "%s %s was rolled back", Shown(rollout, "family").c_str(),
                 Shown(JsonMember(rollout, "candidate"), "version").c_str());
  }

  ServerClient server_;
  Arguments command_;
  std::string action_;
  std::string channel_;
  std::string family_;
  std::string candidate_;
  std::string policy_file_;
  std::string new_id_;
  std::string id_;
  std::string reason_;
  int64_t trial_s_ = fleet::Policy().trial_s;
  bool watch_ = false;
  std::vector<double> stages_;
};

}  // namespace

std::unique_ptr<Command> MakeRolloutCommand() { return std::make_unique<RolloutCommand>(); }

}  // namespace whet::cli
