// The program `whet-agent`: exit status 0, 1 when the work failed, 2 when it was called wrongly.

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "agent/daemon/agent_main.h"
#include "agent/daemon/promise.h"

namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

constexpr char kHelp[] =
    "Keeps the models of this device up to date, by signed releases and staged rollouts.\n"
    "\n"
    "whet-agent [--config FILE] [COMMAND]\n"
    "  run              until SIGTERM (the default)\n"
    "  once, --once     one poll, the updates that it brings and their trials, then end\n"
    "  status           what the running agent does; --json for machines\n"
    "  check            lets the running agent poll the repository now\n"
    "  --what-is-sent   everything that leaves the device, with an example\n"
    "  --version, --help\n"
    "\n"
    "The configuration is /etc/whet/agent.json unless --config names another; docs/agent.md describes it.\n"
    "Example:\n"
    "  whet-agent --config /etc/whet/agent.json status\n";

// The child process's program: beside this one, or where packages put what users do not call.
std::vector<std::string> WorkerCommand() {
  std::string self(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
  self.resize(length > 0 ? static_cast<size_t>(length) : 0);
  const std::string folder = self.substr(0, self.rfind('/'));
  for (const char* place : {"/whet-agent-worker", "/../libexec/whet/whet-agent-worker"}) {
    if (::access((folder + place).c_str(), X_OK) == 0) return {folder + place};
  }
  return {folder + "/whet-agent-worker"};
}

int Report(const whet::Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "whet-agent: %s\n", status.ToString().c_str());
  return kFailed;
}

int PrintStatus(const std::string& config, bool as_json) {
  auto status = whet::agent::AskStatus(config);
  if (!status.ok()) return Report(status.status());
  auto text = as_json ? whet::Result<std::string>(*status + "\n") : whet::agent::PrintStatus(*status);
  if (!text.ok()) return Report(text.status());
  std::fputs(text->c_str(), stdout);
  return 0;
}

int Main(const std::vector<std::string_view>& arguments) {
  std::string config = "/etc/whet/agent.json";
  std::string command = "run";
  bool as_json = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--help" || argument == "-h") return std::fputs(kHelp, stdout) < 0 ? kFailed : 0;
    if (argument == "--version")
      return std::printf("whet-agent %s\n", whet::agent::kAgentVersion) < 0 ? kFailed : 0;
    if (argument == "--what-is-sent")
      return std::fputs(whet::agent::WhatIsSent().c_str(), stdout) < 0 ? kFailed : 0;
    if (argument == "--config" && i + 1 < arguments.size()) {
      config = arguments[++i];
    } else if (argument.starts_with("--config=")) {
      config = argument.substr(9);
    } else if (argument == "--json") {
      as_json = true;
    } else if (argument == "--once") {
      command = "once";
    } else if (argument == "run" || argument == "once" || argument == "status" || argument == "check") {
      command = argument;
    } else {
      std::fprintf(stderr, "whet-agent: '%s' is not known here. See 'whet-agent --help'.\n",
                   std::string(argument).c_str());
      return kWrongUsage;
    }
  }
  if (command == "status") return PrintStatus(config, as_json);
  if (command == "check") return Report(whet::agent::AskCheck(config));
  return Report(whet::agent::RunAgent(config, WorkerCommand(), command == "once"));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Main(std::vector<std::string_view>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "whet-agent: internal error: %s\n", error.what());
  }
  return kFailed;
}
