#include "fleet/server/mqtt.h"

#include <mosquitto.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "fleet/json/nlohmann.h"
#include "fleet/server/context.h"
#include "fleet/telemetry/otlp.h"
#include "fleet/telemetry/receipt.h"
#include "fleet/telemetry/report.h"
#include "fleet/tuf/key.h"

namespace whet::fleet {
namespace {

constexpr int kKeepaliveSeconds = 30;
constexpr int kLoopMs = 200;
constexpr int kBusyLoopMs =
    10;  // while receipts are awaited: what is written does not wake the connection's thread
// Receipts that the broker has not acknowledged, and those that wait behind them. Beyond that none are sent,
// and the devices send again.
constexpr int kMostInFlight = 100;
constexpr size_t kMostReceipts = 20000;
constexpr std::chrono::milliseconds kRetry(1000);

struct Broker {
  std::string host;
  int port = 0;
  bool tls = false;
  std::string user;
  std::string password;
};

Result<Broker> ParseBroker(std::string_view url) {
  Broker broker;
  if (url.starts_with("mqtts://")) {
    broker.tls = true;
    url.remove_prefix(8);
  } else if (url.starts_with("mqtt://")) {
    url.remove_prefix(7);
  } else {
    return Error(Code::kInvalidArgument, "a broker is mqtt://[USER:PASSWORD@]HOST[:PORT] or mqtts://…");
  }
  if (const size_t at = url.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = url.substr(0, at);
    const size_t colon = login.find(':');
    if (!PercentDecode(login.substr(0, colon), broker.user) ||
        (colon != std::string_view::npos && !PercentDecode(login.substr(colon + 1), broker.password))) {
      return Error(Code::kInvalidArgument, "the broker's user or password is malformed");
    }
    url.remove_prefix(at + 1);
  }
  broker.port = broker.tls ? 8883 : 1883;
  if (const size_t colon = url.rfind(':'); colon != std::string_view::npos && !url.ends_with(']')) {
    const std::string_view port = url.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), broker.port);
    if (error != std::errc() || end != port.data() + port.size() || broker.port < 1 || broker.port > 65535) {
      return Error(Code::kInvalidArgument, "the broker's port is not a number from 1 to 65535");
    }
    url = url.substr(0, colon);
  }
  if (url.starts_with('[') && url.ends_with(']')) url = url.substr(1, url.size() - 2);
  if (url.empty()) return Error(Code::kInvalidArgument, "the broker has no host");
  broker.host = url;
  return broker;
}

struct Outgoing {
  std::string device;
  Receipt receipt;
};

class Mosquitto final : public MqttIngest {
  // One message, from when it was taken in until it is settled, whichever way that comes about.
  struct Undecided {
    Undecided(Mosquitto& mosquitto, std::string device, std::string sha256)
        : owner(mosquitto),
          outgoing{.device = std::move(device), .receipt = {.sha256 = std::move(sha256), .status = 500}} {
      owner.Took();
    }
    ~Undecided() { owner.Decided(std::move(outgoing)); }
    Undecided(const Undecided&) = delete;
    Undecided& operator=(const Undecided&) = delete;

    Mosquitto& owner;
    Outgoing outgoing;
  };

 public:
  explicit Mosquitto(ServerContext& context) : context_(context) {
    static std::once_flag once;
    std::call_once(once, [] { ::mosquitto_lib_init(); });
    // A session that outlives the connection: what devices send while this server is away waits at the
    // broker.
    client_ = ::mosquitto_new(SessionName().c_str(), /*clean_session=*/false, this);
  }

  ~Mosquitto() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
    if (client_ != nullptr) ::mosquitto_destroy(client_);
  }

  Status Begin(Broker broker) {
    if (client_ == nullptr) return Error(Code::kOutOfMemory, "no memory for an MQTT client");
    ::mosquitto_connect_callback_set(
        client_, [](mosquitto*, void* self, int code) { static_cast<Mosquitto*>(self)->Connected(code); });
    ::mosquitto_publish_callback_set(
        client_, [](mosquitto*, void* self, int) { static_cast<Mosquitto*>(self)->Acknowledged(); });
    ::mosquitto_max_inflight_messages_set(client_, kMostInFlight);
    ::mosquitto_message_callback_set(client_, [](mosquitto*, void* self, const mosquitto_message* message) {
      try {
        static_cast<Mosquitto*>(self)->Take(*message);
      } catch (...) {  // nothing may go up into C
      }
    });
    int error = MOSQ_ERR_SUCCESS;
    if (!broker.user.empty()) {
      error = ::mosquitto_username_pw_set(client_, broker.user.c_str(),
                                          broker.password.empty() ? nullptr : broker.password.c_str());
    }
    if (error == MOSQ_ERR_SUCCESS && broker.tls) {
      const std::string& ca = context_.options.mqtt_ca;
      error = ::mosquitto_tls_set(client_, ca.empty() ? nullptr : ca.c_str(),
                                  ca.empty() ? "/etc/ssl/certs" : nullptr, nullptr, nullptr, nullptr);
    }
    if (error != MOSQ_ERR_SUCCESS) {
      return Error(Code::kInvalidArgument, "MQTT: %s", ::mosquitto_strerror(error)).At(broker.host);
    }
    broker_ = std::move(broker);
    thread_ = std::thread([this] { Loop(); });
    return {};
  }

 private:
  // The same after each start, and of no other server: two with one name would take the broker from each
  // other.
  std::string SessionName() const {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    const std::string text =
        std::string(host.data()) + "\n" + context_.options.listen + "\n" + context_.options.database;
    return "whet" + Sha256Hex(text).substr(0, 16);
  }

  bool WaitForStop(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return wake_.wait_for(lock, time, [this] { return stop_; });
  }

  // Stays connected. libmosquitto's own thread does not begin while the broker is not there yet.
  void Loop() {
    std::string last;
    while (!WaitForStop(kRetry)) {
      int error = ::mosquitto_connect(client_, broker_.host.c_str(), broker_.port, kKeepaliveSeconds);
      while (error == MOSQ_ERR_SUCCESS && !WaitForStop({})) {
        error = ::mosquitto_loop(client_, IsAnyUndecided() ? kBusyLoopMs : kLoopMs, 1);
        SendReceipts();
      }
      connected_ = connected_ && error == MOSQ_ERR_SUCCESS;
      const std::string text = ::mosquitto_strerror(error);
      if (error != MOSQ_ERR_SUCCESS && text != last) context_.Log("MQTT: " + text);
      last = text;
    }
    // Nothing comes in any more; of what came in the receipts go out, as far as they get.
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return undecided_ == 0; });
    }
    SendReceipts();
    ::mosquitto_disconnect(client_);
  }

  void Connected(int code) {
    if (code != 0) {
      context_.Log(std::string("MQTT: the broker refuses: ") + ::mosquitto_connack_string(code));
      return;
    }
    connected_ = true;
    const int error = ::mosquitto_subscribe(client_, nullptr, (std::string(kMetricsTopic) + "/#").c_str(), 1);
    if (error != MOSQ_ERR_SUCCESS) context_.Log(std::string("MQTT: ") + ::mosquitto_strerror(error));
  }

  void Take(const mosquitto_message& message) {
    constexpr std::string_view kTopic = kMetricsTopic;
    std::string_view topic = message.topic;
    if (!topic.starts_with(kTopic)) return;
    topic.remove_prefix(std::min(kTopic.size() + 1, topic.size()));
    if (!IsDeviceId(topic)) {
      ++context_.metrics.malformed_reports;
      return;
    }
    std::string body(static_cast<const char*>(message.payload), static_cast<size_t>(message.payloadlen));
    auto undecided = std::make_shared<Undecided>(*this, std::string(topic), Sha256Hex(body));
    if (body.starts_with("\x1f\x8b")) {
      auto plain = Gunzip(body, kMaxOtlpBytes);
      // What is no gzip is no report either.
      body = plain.ok() ? std::move(*plain) : std::string();
    }
    TakeTelemetry(context_, body, topic, [undecided](const HttpResponse& response) {
      undecided->outgoing.receipt.status = response.status;
    });
  }

  void Took() {
    const std::lock_guard lock(mutex_);
    ++undecided_;
  }

  // From any thread.
  void Decided(Outgoing receipt) {
    const std::lock_guard lock(mutex_);
    --undecided_;
    if (receipts_.size() < kMostReceipts) {
      receipts_.push_back(std::move(receipt));
    } else {
      ++context_.metrics.receipts_dropped;
    }
    wake_.notify_all();
  }

  bool IsAnyUndecided() {
    const std::lock_guard lock(mutex_);
    return undecided_ > 0;
  }

  // In the connection's thread, as everything that touches the client.
  void SendReceipts() {
    while (connected_ && in_flight_ < kMostInFlight) {
      Outgoing next;
      {
        const std::lock_guard lock(mutex_);
        if (receipts_.empty()) return;
        next = std::move(receipts_.front());
        receipts_.pop_front();
      }
      const std::string topic = std::string(kReceiptsTopic) + "/" + next.device;
      const std::string text = PrintReceipt(next.receipt);
      const int error = ::mosquitto_publish(client_, nullptr, topic.c_str(), static_cast<int>(text.size()),
                                            text.data(), /*qos=*/1, /*retain=*/false);
      if (error == MOSQ_ERR_SUCCESS) ++in_flight_;
    }
  }

  // The library keeps what it could not send for the next connection, so there may be more of these.
  void Acknowledged() { in_flight_ = std::max(0, in_flight_ - 1); }

  ServerContext& context_;
  mosquitto* client_ = nullptr;
  Broker broker_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  int undecided_ = 0;  // messages that were taken in and of which the ingest has not said what became of them
  std::deque<Outgoing> receipts_;
  // The connection's thread only.
  bool connected_ = false;
  int in_flight_ = 0;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<MqttIngest>> MqttIngest::Start(ServerContext& context) {
  WHET_ASSIGN_OR_RETURN(Broker broker, ParseBroker(context.options.mqtt));
  auto ingest = std::make_unique<Mosquitto>(context);
  WHET_RETURN_IF_ERROR(ingest->Begin(std::move(broker)));
  return std::unique_ptr<MqttIngest>(std::move(ingest));
}

}  // namespace whet::fleet
