// whet agent: the device side of the fleet, for trying it where `whet` is installed; devices install
// whet-agent.

#include <unistd.h>

#include "agent/daemon/agent_main.h"
#include "agent/worker/worker.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "fleet/json/nlohmann.h"

namespace whet::cli {
namespace {

class AgentCommand final : public Command {
 public:
  std::string_view name() const override { return "agent"; }
  std::string_view summary() const override {
    return "Keep this device's models up to date by signed releases";
  }
  std::string_view example() const override {
    return "  whet agent --config agent.json\n  whet agent --config agent.json status\n  whet agent "
           "--what-is-sent";
  }

  void Define(Arguments& args) override {
    args.Add("--config", config_, "The agent's configuration (docs/agent.md)").Type("FILE").ShowDefault();
    args.Add("action", action_,
             "run until a signal; once: one poll with its updates and trials; status; check: poll now")
        .OneOf({"run", "once", "status", "check"})
        .ShowDefault();
    args.AddFlag("--once", once_, "The same as the action 'once'");
    args.AddFlag("--what-is-sent", what_is_sent_, "Print everything that leaves the device, with an example");
    args.AddFlag("--worker", worker_, "Serve one job from the standard input").Hidden();
  }

  Status Run(Console& console) override {
    if (worker_)
      return agent::WorkerMain() == 0 ? Status() : Error(Code::kIo, "the answer could not be written");
    if (what_is_sent_) {
      console.Print(agent::WhatIsSent());
      return {};
    }
    if (action_ == "check") return agent::AskCheck(config_);
    if (action_ == "status") return PrintStatus(console);
    // The agent's child processes are this program.
    std::string self(4096, '\0');
    const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
    if (length <= 0) return Error(Code::kIo, "cannot find this program's own file in /proc");
    self.resize(static_cast<size_t>(length));
    return agent::RunAgent(config_, {self, "agent", "--worker"}, once_ || action_ == "once");
  }

 private:
  Status PrintStatus(Console& console) {
    WHET_ASSIGN_OR_RETURN(const std::string status, agent::AskStatus(config_));
    if (console.json()) {
      console.PrintJson(nlohmann::ordered_json::parse(status, nullptr, /*allow_exceptions=*/false));
      return {};
    }
    WHET_ASSIGN_OR_RETURN(const std::string text, agent::PrintStatus(status));
    console.Print(text);
    return {};
  }

  std::string config_ = "/etc/whet/agent.json";
  std::string action_ = "run";
  bool once_ = false;
  bool what_is_sent_ = false;
  bool worker_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeAgentCommand() { return std::make_unique<AgentCommand>(); }

}  // namespace whet::cli
