// The agent's configuration file: JSON, every key checked, unknown ones refused (docs/agent.md lists them).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace whet::agent {

// When an update may be fetched and installed.
struct UpdateConditions {
  int min_battery_percent = 30;  // only heeded without a charger
  bool need_charger = false;
  bool metered = false;      // the link costs money: no downloads of models, but rollouts are still read
  std::string metered_file;  // the same while this file exists, for whoever knows (a NetworkManager hook)
  // The same while the way to the internet leads through one of these; "ppp*" is all that begin so.
  std::vector<std::string> metered_interfaces;
  std::string proc_net_folder = "/proc/net";
  std::string window;          // "02:00-05:00", local time; empty: always
  std::string power = "auto";  // which variant of a release: "mains", "battery", or as the device is fed
  std::string power_supply_folder = "/sys/class/power_supply";
};

struct TelemetrySettings {
  std::string url;         // of OTLP/HTTP JSON, "https://fleet.example/v1/metrics"; empty: none is sent
  std::string token_file;  // holds the device's bearer token
  double interval_s = 60;
  int64_t spool_bytes = int64_t{8} << 20;  // the oldest reports go when there are more
  std::string mqtt_host;                   // instead of `url`: MQTT, QoS 1
  int mqtt_port = 1883;
  std::string mqtt_topic = "whet/v1/metrics";
  std::string mqtt_receipts = "whet/v1/receipts";  // where servers say what they took; empty: they do not
  bool mqtt_tls = false;  // checked against `ca_file`, or the system's authorities; port 8883 means it too
  std::string mqtt_user;
  std::string mqtt_password_file;
};

// When a trial has failed, beside the release's own budgets.
struct TrialSettings {
  double error_share = 0.05;  // of the last 100 inferences
  int crashes = 1;            // this many are too many
  int min_inferences = 0;     // fewer at its end: it goes on, and fails when ten times as long is over
};

struct SelfTestSettings {
  double deadline_s = 120;
  int threads = 1;
  int runs = 30;  // for the latency, after the golden inputs
};

struct Config {
  std::string device;  // empty: made of /etc/machine-id
  std::string channel = "stable";
  std::vector<std::string> families;
  std::string repository;  // URL or folder of the repository: "https://fleet.example/repo"
  std::string root;        // path of the root.json that came with the device
  std::string ca_file;
  std::string state_folder = "/var/lib/whet-agent";
  std::string socket = "/run/whet-agent/agent.sock";
  std::string metrics_listen;  // "127.0.0.1:9464": Prometheus by TCP as well; empty: on the socket alone
  double poll_s = 300;
  double poll_jitter = 0.25;  // share of poll_s by which polls vary, so that a fleet does not come at once
  UpdateConditions conditions;
  TelemetrySettings telemetry;
  TrialSettings trial;
  SelfTestSettings self_test;
};

// The error names the key.
Result<Config> ParseConfig(std::string_view json);
Result<Config> ReadConfig(const std::string& path);

// A name for this device that does not give away the machine id.
Result<std::string> DeviceFromMachineId(const std::string& machine_id_path = "/etc/machine-id");

}  // namespace whet::agent
