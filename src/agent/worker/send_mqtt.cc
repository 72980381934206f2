#include <mosquitto.h>

#include <chrono>
#include <map>
#include <memory>
#include <set>

#include "agent/worker/send_reports.h"
#include "fleet/telemetry/receipt.h"
#include "fleet/tuf/key.h"

namespace whet::agent {
namespace {

constexpr int kBatch = 20;  // published before the first must be acknowledged
constexpr int kKeepAliveS = 30;
constexpr int kStepMs = 500;
constexpr std::chrono::milliseconds kPatience(30'000);  // with a broker that says nothing
constexpr int kRefusedSubscription = 0x80;

struct Free {
  void operator()(mosquitto* client) const { mosquitto_destroy(client); }
};

// What the broker has said, and the server. QoS 1: at least once; the server takes each sequence number once.
struct Progress {
  bool connected = false;
  int refused = 0;
  bool subscribed = false;
  bool subscription_refused = false;
  std::set<int> waiting;                // ids of messages that the broker has not acknowledged
  std::map<std::string, int> receipts;  // by SHA-256 of what was published; 0 until there is one

  void Take(std::string_view payload) {
    const auto receipt = fleet::ParseReceipt(payload);
    if (!receipt.ok()) return;
    if (const auto found = receipts.find(receipt->sha256); found != receipts.end())
      found->second = receipt->status;
  }
  size_t Missing() const {
    return static_cast<size_t>(
        std::ranges::count_if(receipts, [](const auto& item) { return item.second == 0; }));
  }
};

Status Failed(const SendJob& job, int code) {
  return Error(Code::kIo, "cannot send to the MQTT broker: %s", mosquitto_strerror(code)).At(job.mqtt_host);
}

// Lets the library work until nothing of what `left` counts is left: true, or false if it stays the same for
// longer than patience lasts.
template <typename Left>
Result<bool> LoopUntilNone(mosquitto* client, const SendJob& job, const Progress& progress,
                           std::chrono::milliseconds patience, const Left& left) {
  size_t before = left();
  auto end = std::chrono::steady_clock::now() + patience;
  while (true) {
    const size_t now = left();
    if (now == 0) return true;
    if (now != before) end = std::chrono::steady_clock::now() + patience;
    if (std::chrono::steady_clock::now() > end) return false;
    before = now;
    const int code = mosquitto_loop(client, kStepMs, 1);
    if (code != MOSQ_ERR_SUCCESS) return Failed(job, code);
    if (progress.refused != 0) {
      return Error(Code::kIo, "the MQTT broker refuses the connection: %s",
                   mosquitto_connack_string(progress.refused))
          .At(job.mqtt_host);
    }
  }
}

template <typename Left>
Status WaitForBroker(mosquitto* client, const SendJob& job, const Progress& progress, const Left& left) {
  WHET_ASSIGN_OR_RETURN(const bool done, LoopUntilNone(client, job, progress, kPatience, left));
  return done ? Status() : Error(Code::kIo, "the MQTT broker does not answer").At(job.mqtt_host);
}

Status Subscribe(mosquitto* client, const SendJob& job, Progress& progress) {
  const std::string topic = job.mqtt_receipts + "/" + job.device;
  const int code = mosquitto_subscribe(client, nullptr, topic.c_str(), /*qos=*/1);
  if (code != MOSQ_ERR_SUCCESS) return Failed(job, code);
  WHET_RETURN_IF_ERROR(WaitForBroker(client, job, progress, [&] { return progress.subscribed ? 0U : 1U; }));
  if (!progress.subscription_refused) return {};
  return Error(Code::kIo, "the MQTT broker does not let this device subscribe to %s, where its receipts come",
               topic.c_str())
      .At(job.mqtt_host);
}

Status PublishBatch(mosquitto* client, const SendJob& job, const std::vector<SpooledReport>& batch,
                    Progress& progress) {
  const std::string topic = job.mqtt_topic + "/" + job.device;
  progress.receipts.clear();
  for (const SpooledReport& item : batch) {
    if (!job.mqtt_receipts.empty()) progress.receipts[fleet::Sha256Hex(item.body)] = 0;
    int id = 0;
    const int code = mosquitto_publish(client, &id, topic.c_str(), static_cast<int>(item.body.size()),
                                       item.body.data(), /*qos=*/1, /*retain=*/false);
    if (code != MOSQ_ERR_SUCCESS) return Failed(job, code);
    progress.waiting.insert(id);
  }
  return WaitForBroker(client, job, progress, [&] { return progress.waiting.size(); });
}

// Waits for the receipts of a batch and removes those reports from the spool that are settled. An error if
// any is not.
Status Settle(mosquitto* client, const SendJob& job, Spool& spool, const std::vector<SpooledReport>& batch,
              Progress& progress, std::chrono::milliseconds patience, SendReport& report) {
  auto all = LoopUntilNone(client, job, progress, patience, [&] { return progress.Missing(); });
  std::vector<SpooledReport> settled;
  for (const SpooledReport& item : batch) {
    const int status = progress.receipts[fleet::Sha256Hex(item.body)];
    const bool taken = status / 100 == 2;
    // 403: the report is of the device's name of before, and will never be this topic's.
    if (!taken && !IsRefusal(status) && status != 403) continue;
    ++(taken ? report.sent : report.refused);
    settled.push_back(item);
  }
  WHET_RETURN_IF_ERROR(spool.Remove(settled));
  if (!all.ok()) return all.TakeStatus();
  if (settled.size() == batch.size()) return {};
  if (*all) return Error(Code::kIo, "the server cannot take reports now").At(job.mqtt_host);
  return Error(Code::kIo,
               "the MQTT broker has the reports, but no server says that it took them; if what listens there "
               "sends "
               "no receipts, set telemetry.mqtt_receipts to \"\"")
      .At(job.mqtt_host);
}

Status Publish(mosquitto* client, const SendJob& job, Spool& spool, Progress& progress,
               std::chrono::milliseconds patience, SendReport& report) {
  const bool receipts = !job.mqtt_receipts.empty();
  // The first report asks whether anybody is there: while the server is away nothing but that one is sent
  // again and again, and the rest waits in the spool rather than at the broker.
  int limit = receipts ? 1 : kBatch;
  while (true) {
    WHET_ASSIGN_OR_RETURN(const std::vector<SpooledReport> batch, spool.Oldest(limit));
    if (batch.empty()) return {};
    WHET_RETURN_IF_ERROR(PublishBatch(client, job, batch, progress));
    if (receipts) {
      WHET_RETURN_IF_ERROR(Settle(client, job, spool, batch, progress, patience, report));
    } else {
      WHET_RETURN_IF_ERROR(spool.Remove(batch));
      report.sent += static_cast<int>(batch.size());
    }
    limit = kBatch;
  }
}

}  // namespace

Result<SendReport> SendReportsByMqtt(const SendJob& job, Spool& spool,
                                     std::chrono::milliseconds receipt_patience) {
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
  mosquitto_subscribe_callback_set(
      client.get(), [](mosquitto*, void* object, int, int count, const int* granted) {
        auto* seen = static_cast<Progress*>(object);
        seen->subscribed = true;
        seen->subscription_refused = count < 1 || granted[0] >= kRefusedSubscription;
      });
  mosquitto_message_callback_set(
      client.get(), [](mosquitto*, void* object, const mosquitto_message* message) {
        if (message->payloadlen <= 0) return;
        static_cast<Progress*>(object)->Take(
            {static_cast<const char*>(message->payload), static_cast<size_t>(message->payloadlen)});
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
  if (status.ok()) {
    status = WaitForBroker(client.get(), job, progress, [&] { return progress.connected ? 0U : 1U; });
  }
  if (status.ok() && !job.mqtt_receipts.empty()) status = Subscribe(client.get(), job, progress);
  if (status.ok()) status = Publish(client.get(), job, spool, progress, receipt_patience, report);
  mosquitto_disconnect(client.get());
  if (!status.ok()) report.error = status.ToString();
  WHET_ASSIGN_OR_RETURN(const int64_t left, spool.Count());
  report.left = static_cast<int>(left);
  return report;
}

}  // namespace whet::agent
