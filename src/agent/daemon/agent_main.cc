#include "agent/daemon/agent_main.h"

#include <atomic>
#include <csignal>

#include "agent/client/local_request.h"
#include "agent/config/config.h"
#include "agent/daemon/daemon.h"
#include "agent/daemon/promise.h"
#include "fleet/json/nlohmann.h"
#include "fleet/telemetry/otlp.h"

namespace whet::agent {
namespace {

std::atomic<bool> stop_requested{false};

void OnSignal(int) { stop_requested.store(true); }

Result<std::string> Ask(const std::string& config_path, const std::string& method, const std::string& path) {
  WHET_ASSIGN_OR_RETURN(const Config config, ReadConfig(config_path));
  LocalAnswer answer = RequestLocally(config.socket, method, path, "", 10);
  if (!answer.error.empty()) return Error(Code::kIo, "%s", answer.error.c_str());
  if (answer.status / 100 != 2) return Error(Code::kIo, "the agent answers with status %d", answer.status);
  return std::move(answer.body);
}

}  // namespace

Status RunAgent(const std::string& config_path, std::vector<std::string> worker, bool once) {
  WHET_ASSIGN_OR_RETURN(const Config config, ReadConfig(config_path));
  struct sigaction action{};
  action.sa_handler = OnSignal;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<Daemon> daemon, Daemon::Start(config, std::move(worker)));
  if (once) return daemon->Once(stop_requested);
  daemon->Run(stop_requested);
  return {};
}

Result<std::string> AskStatus(const std::string& config_path) {
  return Ask(config_path, "GET", "/v1/status");
}

Status AskCheck(const std::string& config_path) {
  auto answer = Ask(config_path, "POST", "/v1/check");
  return answer.ok() ? Status() : answer.TakeStatus();
}

Result<std::string> PrintStatus(const std::string& status_json) {
  using nlohmann::json;
  const json status = json::parse(status_json, nullptr, /*allow_exceptions=*/false);
  try {
    const auto text = [](const json& object, const char* key) {
      const json& value = object.at(key);
      return value.is_string() ? value.get<std::string>() : std::string("-");
    };
    std::string out = "device " + text(status, "device") + ", channel " + text(status, "channel") +
                      ", last poll " + text(status, "last_poll") + "\n";
    if (!text(status, "poll_error").empty())
      out += "  the last poll failed: " + text(status, "poll_error") + "\n";
    for (const json& family : status.at("families")) {
      const std::string version = text(family, "version");
      out += text(family, "family") + ": " +
             (version.empty() ? "no model yet"
                              : version + " (" + text(family, "variant") + "), " + text(family, "stage") +
                                    ", " + text(family, "health")) +
             ", offered " + text(family, "offered") + "\n";
      for (const char* key : {"waiting", "refused"}) {
        if (!text(family, key).empty()) out += "  " + text(family, key) + "\n";
      }
      for (const json& item : family.at("quarantine")) {
        out += "  in quarantine: " + text(item, "version") + ", " + text(item, "reason") + "\n";
      }
    }
    for (const json& event : status.at("events"))
      out += "  " + (event.is_string() ? event.get<std::string>() : "") + "\n";
    return out;
  } catch (const json::exception& error) {
    return Error(Code::kBadFile, "the agent's status is not as expected: %s", error.what());
  }
}

std::string WhatIsSent() {
  fleet::Report report;
  report.device = "7d5f0a51c0a94c1f8d3b2f6f9a1e4c27";
  report.boot = "0b6a7c52-9c1f-4d6e-8b1a-3f1f6f0c2d11";
  report.sequence = 17;
  report.channel = "stable";
  report.agent_version = kAgentVersion;
  report.arch = "aarch64";
  report.start_unix_ns = 1'795'000'000'000'000'000;
  report.end_unix_ns = 1'795'000'060'000'000'000;
  fleet::ModelReport& model = report.models.emplace_back();
  model.family = "detector";
  model.version = "1.1.0";
  model.variant = "int8";
  model.rollout = "detector-2026-11-26-a1";
  for (const double latency : {7.9, 8.1, 8.4, 12.0}) model.latency_ms.Record(latency);
  for (const double confidence : {0.71, 0.88, 0.93, 0.97}) model.confidence.Record(confidence);
  model.errors = 1;
  model.memory_bytes = 5'242'880;
  model.energy_mj = 41.5;
  model.has_energy = true;
  model.drift = 0.4;
  model.labelled_correct = 3;
  model.labelled_total = 4;
  model.health = fleet::Health::kHealthy;
  model.active = true;
  return "The agent sends counts and statistics, never an input, an output or a file of the device. All of "
         "it, once per\n"
         "telemetry.interval_s, and only if telemetry.url or telemetry.mqtt_host is set:\n"
         "\n"
         "  device                 the name in the configuration, or a hash made of /etc/machine-id\n"
         "  boot, sequence         a random name of this boot, and the report's number since then\n"
         "  channel, agent, arch   from the configuration; the agent's version; such as x86_64\n"
         "  per model              family, version, variant, rollout, and:\n"
         "    latency              histogram of milliseconds per inference\n"
         "    errors, crashes      how many\n"
         "    memory, energy       bytes of arena and weights; millijoules, where readable\n"
         "    drift                one number: how far the inputs' means have moved from the reference\n"
         "    confidence           histogram of the largest score of each answer\n"
         "    labelled             how many answers were right, of how many whose label became known\n"
         "    install              what became of updates: installed, failed-verify, failed-selftest, ...\n"
         "    health, active       0 unknown, 1 healthy, 2 degraded; 1 for the active version\n"
         "\n"
         "To the repository go requests for files, as to any web server, with the user agent whet-agent/" +
         std::string(kAgentVersion) + ".\nAn example of a report (OpenTelemetry, OTLP/HTTP JSON):\n\n" +
         nlohmann::json::parse(fleet::ToOtlpJson(report), nullptr, false).dump(2) + "\n";
}

}  // namespace whet::agent
