// whet rollout: starts, watches and stops rollouts on a server (docs/fleet.md, "The server's REST API").

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/file.h"
#include "cli/command.h"
#include "cli/console.h"
#include "fleet/http/fetch.h"
#include "fleet/json/json.h"
#include "fleet/rollout/document.h"
#include "fleet/rollout/policy.h"
#include "fleet/telemetry/report.h"

namespace whet::cli {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr uint64_t kMaxAnswer = uint64_t{64} << 20;
constexpr int kMaxDepth = 16;
constexpr size_t kMaxTokenBytes = 4096;

// What a server sent is shown on a terminal: no control characters, and "-" for what is missing.
std::string Shown(const json& object, const char* key) {
  if (!object.is_object()) return "-";
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "-";
  std::string text = found->is_string() ? found->get<std::string>() : found->dump();
  std::ranges::replace_if(text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }, ' ');
  return text;
}

// The member, or an empty object or list.
const json& Member(const json& object, const char* key) {
  static const json kNone;
  if (!object.is_object()) return kNone;
  const auto found = object.find(key);
  return found == object.end() ? kNone : *found;
}

class RolloutCommand final : public Command {
 public:
  std::string_view name() const override { return "rollout"; }
  std::string_view summary() const override {
    return "Start, watch, pause, widen or roll back a rollout on a server";
  }
  std::string_view example() const override {
    return "  export WHET_SERVER=https://fleet.example.org WHET_TOKEN=…\n"
           "  whet rollout create --channel stable --family detector --candidate 1.1.0\n"
           "  whet rollout show ID\n"
           "  whet rollout rollback ID --reason 'false alarms at night'";
  }

  void Define(CLI::App& app) override {
    app.require_subcommand(1);
    app.fallthrough();
    app.add_option("--server", server_, "The server's address")->envname("WHET_SERVER");
    app.add_option("--token-file", token_file_, "File with the token; else it is taken from WHET_TOKEN")
        ->check(CLI::ExistingFile);
    app.add_option("--ca-file", ca_file_, "Certificate authorities in PEM, if not the system's")
        ->check(CLI::ExistingFile);
    CLI::App* create = Sub(app, "create", "Start a rollout: its first stage begins at once");
    create->add_option("--channel", channel_, "Channel of the devices")->required();
    create->add_option("--family", family_, "Family of the model")->required();
    create->add_option("--candidate", candidate_, "Version to roll out")->required();
    create->add_option("--stages", stages_, "Percentages, as 10,50,100")->delimiter(',');
    create->add_option("--policy", policy_file_, "JSON file of a policy; see docs/rollouts.md")
        ->check(CLI::ExistingFile);
    CLI::App* list = Sub(app, "list", "List rollouts, the newest first");
    list->add_option("--channel", channel_, "Only those of this channel");
    list->add_option("--family", family_, "Only those of this family");
    CLI::App* show = Sub(app, "show", "Show a rollout, the gate's reasoning and what has happened");
    show->add_option("ID", id_, "As 'list' shows it")->required();
    for (const auto& [action, what] :
         {std::pair("pause", "Stop: no stage follows, and nobody loses what they have"),
          std::pair("resume", "Go on after a pause"),
          std::pair("advance", "Begin the next stage without the gate"),
          std::pair("rollback", "End it: every device goes back to the stable version")}) {
      CLI::App* sub = Sub(app, action, what);
      sub->add_option("ID", id_, "As 'list' shows it")->required();
      sub->add_option("--reason", reason_, "Why, for the history");
    }
  }

  Status Run(Console& console) override {
    if (!id_.empty() && !fleet::IsRolloutId(id_)) {
      return Error(Code::kInvalidArgument, "'%.64s' is not a rollout's id; 'whet rollout list' shows them",
                   id_.c_str());
    }
    for (const std::string* given : {&channel_, &family_}) {
      if (!given->empty() && !fleet::IsFamily(*given)) {
        return Error(Code::kInvalidArgument, "'%.64s' is not a name of a channel or a family",
                     given->c_str());
      }
    }
    WHET_RETURN_IF_ERROR(Connect());
    if (action_ == "list") return List(console);
    std::string path = "/api/v1/rollouts";
    std::optional<std::string> body;
    if (action_ == "create") {
      WHET_ASSIGN_OR_RETURN(body, CreateBody());
    } else {
      path += "/" + id_;
      if (action_ != "show") {
        path += "/" + action_;
        body = json({{"reason", reason_}}).dump(-1, ' ', false, json::error_handler_t::replace);
      }
    }
    WHET_ASSIGN_OR_RETURN(const json rollout, Ask(path, std::move(body)));
    if (console.json()) {
      console.PrintJson(ordered_json(rollout));
    } else {
      PrintRollout(console, rollout);
    }
    return {};
  }

 private:
  CLI::App* Sub(CLI::App& app, const std::string& action, const std::string& what) {
    CLI::App* sub = app.add_subcommand(action, what);
    sub->fallthrough();
    sub->callback([this, action] { action_ = action; });
    return sub;
  }

  Status Connect() {
    if (server_.empty()) {
      return Error(Code::kInvalidArgument, "no server is named: give --server or set WHET_SERVER");
    }
    while (server_.ends_with('/')) server_.pop_back();
    if (!token_file_.empty()) {
      WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(token_file_));
      const auto bytes = file.bytes();
      token_.assign(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kMaxTokenBytes));
      while (!token_.empty() && (token_.back() == '\n' || token_.back() == '\r' || token_.back() == ' '))
        token_.pop_back();
    } else if (const char* token = std::getenv("WHET_TOKEN")) {
      token_ = token;
    }
    if (token_.empty()) {
      return Error(Code::kInvalidArgument, "there is no token: give --token-file or set WHET_TOKEN");
    }
    fleet::FetchOptions options;
    options.total_timeout_s = 60;
    options.ca_file = ca_file_;
    WHET_ASSIGN_OR_RETURN(fetcher_, fleet::MakeFetcher(options));
    return {};
  }

  Result<json> Ask(const std::string& path, std::optional<std::string> body) {
    fleet::FetchRequest request;
    request.url = server_ + path;
    request.max_bytes = kMaxAnswer;
    request.bearer_token = token_;
    request.body = std::move(body);
    WHET_ASSIGN_OR_RETURN(const std::string text, fleet::FetchText(*fetcher_, request));
    return fleet::ParseJson(text, {kMaxAnswer, kMaxDepth}, "the server's answer");
  }

  Result<std::string> CreateBody() const {
    json body = {{"channel", channel_}, {"family", family_}, {"candidate", candidate_}};
    if (!stages_.empty()) body["stages"] = stages_;
    if (!policy_file_.empty()) {
      WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(policy_file_));
      const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
      // Checked here so that the error names the file; sent as it stands, so that the server's defaults hold.
      auto policy = fleet::ParsePolicy(text);
      if (!policy.ok()) return policy.TakeStatus().At(policy_file_);
      WHET_ASSIGN_OR_RETURN(body["policy"], fleet::ParseJson(text, {kMaxAnswer, kMaxDepth}, "the policy"));
    }
    return body.dump(-1, ' ', false, json::error_handler_t::replace);
  }

  Status List(Console& console) {
    json items = json::array();
    std::string cursor;
    do {
      std::string path = "/api/v1/rollouts?limit=500";
      // Names were checked, and a cursor is an id: neither needs escaping.
      if (!channel_.empty()) path += "&channel=" + channel_;
      if (!family_.empty()) path += "&family=" + family_;
      if (!cursor.empty()) path += "&cursor=" + cursor;
      WHET_ASSIGN_OR_RETURN(const json page, Ask(path, std::nullopt));
      const json& list = Member(page, "items");
      if (!list.is_array()) return Error(Code::kBadFile, "the server's answer is not a list of rollouts");
      for (const json& rollout : list) items.push_back(rollout);
      const json& next = Member(page, "next");
      const std::string before = cursor;
      cursor = next.is_string() ? next.get<std::string>() : "";
      if (cursor == before || !fleet::IsRolloutId(cursor)) cursor.clear();
    } while (!cursor.empty() && items.size() < kMaxListed);
    if (console.json()) {
      console.PrintJson({{"rollouts", ordered_json(items)}});
      return {};
    }
    Table table({"id", "channel", "family", "candidate", "state", "percent", "updated"}, {5});
    for (const json& rollout : items) {
      table.Add({Shown(rollout, "id"), Shown(rollout, "channel"), Shown(rollout, "family"),
                 Shown(Member(rollout, "candidate"), "version"), Shown(rollout, "state"),
                 Shown(rollout, "percent"), Shown(rollout, "updated")});
    }
    console.Print(table.ToString() + Format("%zu rollouts\n", items.size()));
    return {};
  }

  static void PrintRollout(const Console& console, const json& rollout) {
    std::string text =
        Format("%s: %s %s after %s in %s\nstate %s, stage %s of %s, %s %%\n", Shown(rollout, "id").c_str(),
               Shown(rollout, "family").c_str(), Shown(Member(rollout, "candidate"), "version").c_str(),
               Shown(Member(rollout, "stable"), "version").c_str(), Shown(rollout, "channel").c_str(),
               Shown(rollout, "state").c_str(), Shown(rollout, "stage").c_str(),
               Shown(rollout, "stages").c_str(), Shown(rollout, "percent").c_str());
    const json& gate = Member(rollout, "gate");
    if (gate.is_object()) {
      text += Format("\ngate: %s: %s\n", Shown(gate, "verdict").c_str(), Shown(gate, "reason").c_str());
      for (const json& metric : Member(gate, "metrics")) {
        text += Format("  %-16s %-12s %s\n", Shown(metric, "name").c_str(), Shown(metric, "verdict").c_str(),
                       Shown(metric, "reason").c_str());
      }
    }
    const json& history = Member(rollout, "history");
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

  static constexpr size_t kMaxListed = 10'000;

  std::string action_;
  std::string server_;
  std::string token_file_;
  std::string ca_file_;
  std::string token_;
  std::string channel_;
  std::string family_;
  std::string candidate_;
  std::string policy_file_;
  std::string id_;
  std::string reason_;
  std::vector<double> stages_;
  std::unique_ptr<fleet::Fetcher> fetcher_;
};

}  // namespace

std::unique_ptr<Command> MakeRolloutCommand() { return std::make_unique<RolloutCommand>(); }

}  // namespace whet::cli
