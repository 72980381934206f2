#include "agent/config/config.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "agent/config/conditions.h"
#include "agent/storage/file_system.h"
#include "base/hex.h"
#include "fleet/json/nlohmann.h"
#include "fleet/telemetry/report.h"
#include "model_file/sha256.h"

namespace whet::agent {
namespace {

using nlohmann::json;

constexpr size_t kMaxConfigBytes = size_t{256} << 10;

// Reads the keys of one object and remembers them; the first fault is kept.
class Reader {
 public:
  Reader(const json& object, std::string place, Status& fault)
      : object_(object), place_(std::move(place)), fault_(fault) {
    if (!object.is_object()) Fault("", "must be an object");
  }
  // Keys that nobody read are misspelled.
  ~Reader() {
    if (!object_.is_object()) return;
    for (const auto& [key, value] : object_.items()) {
      if (!known_.contains(key)) Fault(key, "is not a setting; docs/agent.md lists them");
    }
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void Text(const char* key, std::string& value) {
    const json* found = Find(key);
    if (found == nullptr) return;
    if (!found->is_string()) return Fault(key, "must be a string");
    value = found->get<std::string>();
    if (value.size() > 4096) Fault(key, "is longer than 4096 bytes");
  }
  void Flag(const char* key, bool& value) {
    const json* found = Find(key);
    if (found == nullptr) return;
    if (!found->is_boolean()) return Fault(key, "must be true or false");
    value = found->get<bool>();
  }
  void Texts(const char* key, std::vector<std::string>& values) {
    const json* found = Find(key);
    if (found == nullptr) return;
    const bool all = found->is_array() && std::ranges::all_of(*found, &json::is_string);
    if (!all || found->size() > 64) return Fault(key, "must be a list of at most 64 strings");
    values = found->get<std::vector<std::string>>();
  }
  template <typename T>
  void Number(const char* key, T& value, double low, double high) {
    const json* found = Find(key);
    if (found == nullptr) return;
    const bool right_kind = std::is_integral_v<T> ? found->is_number_integer() : found->is_number();
    const double number = right_kind ? found->get<double>() : std::nan("");
    if (!(number >= low && number <= high)) {
      return Fault(key, Format("must be %s from %g to %g",
                               std::is_integral_v<T> ? "a whole number" : "a number", low, high));
    }
    value = static_cast<T>(number);
  }
  const json* Find(const char* key) {
    known_.insert(key);
    if (!object_.is_object()) return nullptr;
    const auto it = object_.find(key);
    return it == object_.end() ? nullptr : &*it;
  }
  void Fault(const std::string& key, const std::string& what) {
    if (!fault_.ok()) return;
    const std::string name = place_.empty() ? key : key.empty() ? place_ : place_ + "." + key;
    fault_ = Error(Code::kInvalidArgument, "'%s' %s", name.c_str(), what.c_str());
  }

 private:
  const json& object_;
  std::string place_;
  Status& fault_;
  std::set<std::string> known_;
};

void ReadConditions(const json& object, UpdateConditions& out, Status& fault) {
  Reader reader(object, "conditions", fault);
  reader.Number("min_battery_percent", out.min_battery_percent, 0, 100);
  reader.Flag("need_charger", out.need_charger);
  reader.Flag("metered", out.metered);
  reader.Text("metered_file", out.metered_file);
  reader.Texts("metered_interfaces", out.metered_interfaces);
  reader.Text("proc_net_folder", out.proc_net_folder);
  reader.Text("window", out.window);
  reader.Text("power", out.power);
  reader.Text("power_supply_folder", out.power_supply_folder);
  if (!out.window.empty() && !ParseWindow(out.window)) reader.Fault("window", "must be like \"02:00-05:00\"");
  if (out.power != "auto" && out.power != "mains" && out.power != "battery") {
    reader.Fault("power", "must be \"auto\", \"mains\" or \"battery\"");
  }
}

void ReadTelemetry(const json& object, TelemetrySettings& out, Status& fault) {
  Reader reader(object, "telemetry", fault);
  reader.Text("url", out.url);
  reader.Text("token_file", out.token_file);
  reader.Number("interval_s", out.interval_s, 1, 86400);
  reader.Number("spool_bytes", out.spool_bytes, 65536, 1e12);
  reader.Text("mqtt_host", out.mqtt_host);
  reader.Number("mqtt_port", out.mqtt_port, 1, 65535);
  reader.Text("mqtt_topic", out.mqtt_topic);
  reader.Text("mqtt_receipts", out.mqtt_receipts);
  reader.Flag("mqtt_tls", out.mqtt_tls);
  reader.Text("mqtt_user", out.mqtt_user);
  reader.Text("mqtt_password_file", out.mqtt_password_file);
  if (out.mqtt_port == 8883) out.mqtt_tls = true;
  if (out.mqtt_user.empty() && !out.mqtt_password_file.empty())
    reader.Fault("mqtt_password_file", "needs 'telemetry.mqtt_user'");
  if (!out.url.empty() && !out.mqtt_host.empty())
    reader.Fault("mqtt_host", "and 'telemetry.url' exclude each other");
}

void ReadTrial(const json& object, TrialSettings& out, Status& fault) {
  Reader reader(object, "trial", fault);
  reader.Number("error_share", out.error_share, 0, 1);
  reader.Number("crashes", out.crashes, 1, 1e6);
  reader.Number("min_inferences", out.min_inferences, 0, 1e9);
}

void ReadSelfTest(const json& object, SelfTestSettings& out, Status& fault) {
  Reader reader(object, "self_test", fault);
  reader.Number("deadline_s", out.deadline_s, 1, 3600);
  reader.Number("threads", out.threads, 1, 256);
  reader.Number("runs", out.runs, 1, 100000);
}

}  // namespace

Result<Config> ParseConfig(std::string_view text) {
  if (text.size() > kMaxConfigBytes) return Error(Code::kLimitExceeded, "the configuration is too long");
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false, /*ignore_comments=*/true);
  if (object.is_discarded()) return Error(Code::kInvalidArgument, "is not JSON");
  Config config;
  Status fault;
  {
    Reader reader(object, "", fault);
    reader.Text("device", config.device);
    reader.Text("channel", config.channel);
    reader.Text("repository", config.repository);
    reader.Text("root", config.root);
    reader.Text("ca_file", config.ca_file);
    reader.Text("state_folder", config.state_folder);
    reader.Text("socket", config.socket);
    reader.Text("metrics_listen", config.metrics_listen);
    reader.Number("poll_s", config.poll_s, 0.1, 86400 * 7);
    reader.Number("poll_jitter", config.poll_jitter, 0, 1);
    if (const json* families = reader.Find("families"); families != nullptr && families->is_array()) {
      for (const json& family : *families) {
        if (family.is_string()) config.families.push_back(family.get<std::string>());
        if (!family.is_string() || !fleet::IsFamily(config.families.back())) {
          reader.Fault("families", "must be names of [a-z0-9][a-z0-9._-]{0,63}");
          break;
        }
      }
    }
    if (const json* part = reader.Find("conditions")) ReadConditions(*part, config.conditions, fault);
    if (const json* part = reader.Find("telemetry")) ReadTelemetry(*part, config.telemetry, fault);
    if (const json* part = reader.Find("trial")) ReadTrial(*part, config.trial, fault);
    if (const json* part = reader.Find("self_test")) ReadSelfTest(*part, config.self_test, fault);
    if (!config.device.empty() && !fleet::IsDeviceId(config.device)) {
      reader.Fault("device", "must be 1 to 128 of [A-Za-z0-9._:-]");
    }
    if (!fleet::IsFamily(config.channel))
      reader.Fault("channel", "must be a name of [a-z0-9][a-z0-9._-]{0,63}");
    if (config.families.empty()) reader.Fault("families", "must list the model families of this device");
    if (std::set(config.families.begin(), config.families.end()).size() != config.families.size() ||
        config.families.size() > fleet::Report::kMaxModels / 4) {
      reader.Fault("families", "must list up to 16 different families");
    }
    if (config.repository.empty()) reader.Fault("repository", "must be the repository's URL");
    if (config.root.empty()) reader.Fault("root", "must be the path of the trusted root.json");
    if (config.state_folder.empty() || config.state_folder[0] != '/')
      reader.Fault("state_folder", "must be an absolute path");
    if (config.socket.empty() || config.socket.size() > 100)
      reader.Fault("socket", "must be a path of at most 100 bytes");
  }
  if (!fault.ok()) return fault;
  return config;
}

Result<Config> ReadConfig(const std::string& path) {
  auto text = PosixFileSystem().ReadSmall(path, kMaxConfigBytes);
  if (!text.ok()) return text.TakeStatus();
  auto config = ParseConfig(*text);
  if (!config.ok()) return config.TakeStatus().At(path);
  if (config->device.empty()) {
    WHET_ASSIGN_OR_RETURN(config->device, DeviceFromMachineId());
  }
  return config;
}

Result<std::string> DeviceFromMachineId(const std::string& machine_id_path) {
  auto id = PosixFileSystem().ReadSmall(machine_id_path, 4096);
  if (!id.ok() || id->size() < 32) {
    return Error(Code::kNotFound, "the machine has no id there; set 'device' in the configuration")
        .At(machine_id_path);
  }
  const std::string text = "whet-agent device\n" + *id;
  Sha256Hasher hash;
  hash.Update(std::as_bytes(std::span(text.data(), text.size())));
  return ToHex(hash.Finish()).substr(0, 32);
}

}  // namespace whet::agent
