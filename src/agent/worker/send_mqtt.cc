#include <mosquitto.h>

#include <memory>
#include <set>

#include "agent/worker/send_reports.h"

namespace whet::agent {
namespace {

constexpr int kBatch = 20;  // published before the first must be acknowledged
constexpr int kKeepAliveS = 30;
constexpr int kStepMs = 500;
constexpr int kMostSteps = 60;

struct Free {
  void operator()(mosquitto* client) const { mosquitto_destroy(client); }
};

// What the broker has acknowledged. QoS 1: at least once; the server takes each sequence number once.
struct Progress {
  bool connected = false;
  int refused = 0;
  std::set<int> waiting;
};

Status Failed(const SendJob& job, int code) {
  return Error(Code::kIo, "cannot send to the MQTT broker: %s", mosquitto_strerror(code)).At(job.mqtt_host);
}

// Lets the library work until `done` or until patience ends.
template <typename Done>
Status LoopUntil(mosquitto* client, const SendJob& job, const Progress& progress, const Done& done) {
  for (int step = 0; step < kMostSteps && !done(); ++step) {
    const int code = mosquitto_loop(client, kStepMs, 1);
    if (code != MOSQ_ERR_SUCCESS) return Failed(job, code);
    if (progress.refused != 0) {
      return Error(Code::kIo, "the MQTT broker refuses the connection: %s",
                   mosquitto_connack_string(progress.refused))
          .At(job.mqtt_host);
    }
  }
  return done() ? Status() : Error(Code::kIo, "the MQTT broker does not answer").At(job.mqtt_host);
}

Status Publish(mosquitto* client, const SendJob& job, Spool& spool, Progress& progress, SendReport& report) {
  while (true) {
    WHET_ASSIGN_OR_RETURN(const std::vector<SpooledReport> batch, spool.Oldest(kBatch));
    if (batch.empty()) return {};
    const std::string topic = job.mqtt_topic + "/" + job.device;
    for (const SpooledReport& item : batch) {
      int id = 0;
      const int code = mosquitto_publish(client, &id, topic.c_str(), static_cast<int>(item.body.size()),
                                         item.body.data(), /*qos=*/1,
                                         /*retain=*/false);
      if (code != MOSQ_ERR_SUCCESS) return Failed(job, code);
      progress.waiting.insert(id);
    }
    WHET_RETURN_IF_ERROR(LoopUntil(client, job, progress, [&] { return progress.waiting.empty(); }));
    WHET_RETURN_IF_ERROR(spool.Remove(batch));
    report.sent += static_cast<int>(batch.size());
  }
}

}  // namespace

Result<SendReport> SendReportsByMqtt(const SendJob& job, Spool& spool) {
  mosquitto_lib_init();
  Progress progress;
  const std::unique_ptr<mosquitto, Free> client(mosquitto_new(nullptr, /*clean_session=*/true, &progress));
  if (client == nullptr) return Error(Code::kOutOfMemory, "no memory for an MQTT client");
  mosquitto_connect_callback_set(client.get(), [](mosquitto*, void* object, int code) {
    auto* seen = static_cast<Progress*>(object);
    seen->connected = code == 0;
    seen->refused = code;
  });
  mosquitto_publish_callback_set(client.get(), [](mosquitto*, void* object, int id) {
    static_cast<Progress*>(object)->waiting.erase(id);
  });
  if (!job.mqtt_user.empty()) {
    std::string password;
    if (!job.mqtt_password_file.empty()) {
      WHET_ASSIGN_OR_RETURN(password, ReadSecret(job.mqtt_password_file));
    }
    const int code = mosquitto_username_pw_set(client.get(), job.mqtt_user.c_str(),
                                               password.empty() ? nullptr : password.c_str());
    if (code != MOSQ_ERR_SUCCESS) return Failed(job, code);
  }
  if (job.mqtt_tls) {
    const bool own = !job.ca_file.empty();
    const int code = mosquitto_tls_set(client.get(), own ? job.ca_file.c_str() : nullptr,
                                       own ? nullptr : "/etc/ssl/certs", nullptr, nullptr, nullptr);
    if (code != MOSQ_ERR_SUCCESS) return Failed(job, code);
  }
  SendReport report;
  Status status;
  const int code = mosquitto_connect(client.get(), job.mqtt_host.c_str(), job.mqtt_port, kKeepAliveS);
  if (code != MOSQ_ERR_SUCCESS) status = Failed(job, code);
  if (status.ok()) status = LoopUntil(client.get(), job, progress, [&] { return progress.connected; });
  if (status.ok()) status = Publish(client.get(), job, spool, progress, report);
  mosquitto_disconnect(client.get());
  if (!status.ok()) report.error = status.ToString();
  WHET_ASSIGN_OR_RETURN(const int64_t left, spool.Count());
  report.left = static_cast<int>(left);
  return report;
}

}  // namespace whet::agent
