#include "fleet/server/metrics.h"

#include "fleet/json/nlohmann.h"
#include "fleet/server/context.h"

namespace whet::fleet {
namespace {

// Label values are ours or checked identifiers, but for methods.
std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

void Metric(std::string& out, const char* name, const char* type, const char* help) {
  out += Format("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void Counter(std::string& out, const char* name, const char* help, uint64_t value) {
  Metric(out, name, "counter", help);
  out += Format("%s %llu\n", name, static_cast<unsigned long long>(value));
}

}  // namespace

void RequestMetrics::Count(std::string_view method, std::string_view pattern, int status, double seconds) {
  // Anyone can invent methods.
  const bool known = method == "GET" || method == "HEAD" || method == "POST" || method == "PUT";
  const std::lock_guard lock(mutex_);
  Sum& sum = requests_[{known ? std::string(method) : "other", std::string(pattern), status}];
  ++sum.count;
  sum.seconds += seconds;
}

void RequestMetrics::Print(std::string& out) const {
  const std::lock_guard lock(mutex_);
  Metric(out, "whet_http_request_seconds", "summary", "Time from the request line to the answer's last byte");
  for (const auto& [key, sum] : requests_) {
    const auto& [method, pattern, status] = key;
    const std::string labels = Format("{method=\"%s\",route=\"%s\",status=\"%d\"}", Escaped(method).c_str(),
                                      Escaped(pattern).c_str(), status);
    out += Format("whet_http_request_seconds_count%s %llu\n", labels.c_str(),
                  static_cast<unsigned long long>(sum.count));
    out += Format("whet_http_request_seconds_sum%s %.9g\n", labels.c_str(), sum.seconds);
  }
}

std::string PrintMetrics(ServerContext& context) {
  std::string out;
  context.metrics.Print(out);
  const Ingest& ingest = *context.ingest;
  Counter(out, "whet_ingest_reports_total", "Reports taken", ingest.taken());
  Counter(out, "whet_ingest_duplicates_total", "Reports that had been taken before", ingest.duplicates());
  Counter(out, "whet_ingest_failures_total", "Reports that the database failed to take", ingest.failed());
  Counter(out, "whet_ingest_malformed_total", "Reports that were refused", context.metrics.malformed_reports);
  Counter(out, "whet_ingest_transactions_total", "Transactions that took reports", ingest.batches());
  Counter(out, "whet_mqtt_receipts_dropped_total", "Receipts not sent because the broker is too slow",
          context.metrics.receipts_dropped);
  Counter(out, "whet_gate_evaluations_total", "Evaluations of rollouts by this process",
          context.metrics.gate_evaluations);
  Counter(out, "whet_publish_failures_total", "Rollout documents that could not be published",
          context.metrics.publish_failures);
  Metric(out, "whet_event_subscribers", "gauge", "Open streams of events");
  out += Format("whet_event_subscribers %zu\n", context.events.subscribers());

  auto overview = context.overview->Get();
  if (!overview.ok()) return out;
  const nlohmann::json& json = **overview;
  Metric(out, "whet_devices", "gauge", "Devices by health");
  for (const char* health : {"healthy", "degraded", "unknown", "dark"}) {
    out += Format("whet_devices{health=\"%s\"} %lld\n", health,
                  static_cast<long long>(json["devices"][health].get<int64_t>()));
  }
  const auto each_version = [&](const char* name, const char* help, const char* member) {
    Metric(out, name, "gauge", help);
    for (const auto& family : json["families"]) {
      for (const auto& version : family["versions"]) {
        if (version[member].is_null()) continue;
        out += Format("%s{family=\"%s\",version=\"%s\"} %.9g\n", name,
                      Escaped(family["family"].get<std::string>()).c_str(),
                      Escaped(version["version"].get<std::string>()).c_str(), version[member].get<double>());
      }
    }
  };
  each_version("whet_version_devices", "Devices on which the version is active", "devices");
  each_version("whet_version_latency_p95_milliseconds", "95th percentile of the last hour's inferences",
               "p95_ms");
  each_version("whet_version_errors_per_million", "Errors per million inferences of the last hour",
               "errors_per_million");
  Metric(out, "whet_rollout_percent", "gauge", "Share of devices that a rollout gives its candidate to");
  for (const auto& rollout : json["rollouts"]) {
    out += Format("whet_rollout_percent{rollout=\"%s\",family=\"%s\",channel=\"%s\",state=\"%s\"} %.9g\n",
                  rollout["id"].get<std::string>().c_str(), rollout["family"].get<std::string>().c_str(),
                  rollout["channel"].get<std::string>().c_str(), rollout["state"].get<std::string>().c_str(),
                  rollout["percent"].get<double>());
  }
  return out;
}

}  // namespace whet::fleet
