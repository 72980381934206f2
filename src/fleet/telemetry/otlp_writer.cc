#include <functional>

#include "fleet/json/nlohmann.h"
#include "fleet/telemetry/otlp.h"
#include "fleet/telemetry/otlp_names.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::ordered_json;

Json Attribute(const char* key, const std::string& value) {
  return {{"key", key}, {"value", {{"stringValue", value}}}};
}

// Data points of one metric, in the order of the report's models.
class Writer {
 public:
  explicit Writer(const Report& report) : report_(report) {}

  // `fill` adds the value to the point, or answers that there is none.
  using Fill = std::function<bool(const ModelReport&, Json& point)>;

  void Gauge(const char* name, const char* unit, const Fill& fill) {
    Add(name, unit, "gauge", {{"dataPoints", Points(fill)}});
  }
  void Sum(const char* name, const char* unit, const Fill& fill) {
    Add(name, unit, "sum",
        {{"dataPoints", Points(fill)}, {"aggregationTemporality", kDeltaTemporality}, {"isMonotonic", true}});
  }
  void Distribution(const char* name, const char* unit, const Histogram ModelReport::* histogram) {
    const Fill fill = [histogram](const ModelReport& model, Json& point) {
      const Histogram::Parts parts = (model.*histogram).ToParts();
      if (parts.count == 0) return false;
      point["count"] = std::to_string(parts.count);
      point["sum"] = parts.sum;
      point["scale"] = parts.scale;
      point["zeroCount"] = std::to_string(parts.zero_count);
      Json counts = Json::array();
      for (const uint64_t bucket : parts.buckets) counts.push_back(std::to_string(bucket));
      point["positive"] = {{"offset", parts.offset}, {"bucketCounts", std::move(counts)}};
      point["min"] = parts.min;
      point["max"] = parts.max;
      return true;
    };
    Add(name, unit, "exponentialHistogram",
        {{"dataPoints", Points(fill)}, {"aggregationTemporality", kDeltaTemporality}});
  }
  void Installs() {
    Json points = Json::array();
    for (const ModelReport& model : report_.models) {
      for (size_t i = 0; i < kInstallOutcomes; ++i) {
        if (model.installs[i] == 0) continue;
        Json point = Point(model);
        const std::string outcome(InstallOutcomeName(static_cast<InstallOutcome>(i)));
        point["attributes"].push_back(Attribute(kOutcome, outcome));
        point["asInt"] = std::to_string(model.installs[i]);
        points.push_back(std::move(point));
      }
    }
    Add(kInstall, "1", "sum",
        {{"dataPoints", std::move(points)},
         {"aggregationTemporality", kDeltaTemporality},
         {"isMonotonic", true}});
  }

  Json TakeMetrics() { return std::move(metrics_); }

 private:
  Json Point(const ModelReport& model) const {
    Json attributes =
        Json::array({Attribute("whet.family", model.family), Attribute("whet.version", model.version),
                     Attribute("whet.variant", model.variant)});
    if (!model.rollout.empty()) attributes.push_back(Attribute("whet.rollout", model.rollout));
    return {{"attributes", std::move(attributes)},
            {"startTimeUnixNano", std::to_string(report_.start_unix_ns)},
            {"timeUnixNano", std::to_string(report_.end_unix_ns)}};
  }
  Json Points(const Fill& fill) const {
    Json points = Json::array();
    for (const ModelReport& model : report_.models) {
      Json point = Point(model);
      if (fill(model, point)) points.push_back(std::move(point));
    }
    return points;
  }
  void Add(const char* name, const char* unit, const char* kind, Json data) {
    if (data["dataPoints"].empty()) return;
    metrics_.push_back({{"name", name}, {"unit", unit}, {kind, std::move(data)}});
  }

  const Report& report_;
  Json metrics_ = Json::array();
};

Writer::Fill Count(uint64_t ModelReport::* member) {
  return [member](const ModelReport& model, Json& point) {
    point["asInt"] = std::to_string(model.*member);
    return model.*member > 0;
  };
}

}  // namespace

std::string ToOtlpJson(const Report& report) {
  Writer writer(report);
  // First, since it has a point of every model: the reader keeps the order in which it meets them.
  writer.Gauge(kHealth, "1", [](const ModelReport& model, Json& point) {
    point["asInt"] = std::to_string(static_cast<int>(model.health));
    return true;
  });
  writer.Gauge(kActive, "1", [](const ModelReport& model, Json& point) {
    point["asInt"] = "1";
    return model.active;
  });
  writer.Distribution(kLatency, "ms", &ModelReport::latency_ms);
  writer.Sum(kErrors, "1", Count(&ModelReport::errors));
  writer.Sum(kCrashes, "1", Count(&ModelReport::crashes));
  writer.Gauge(kMemory, "By", [](const ModelReport& model, Json& point) {
    if (model.memory_bytes) point["asInt"] = std::to_string(*model.memory_bytes);
    return model.memory_bytes.has_value();
  });
  writer.Sum(kEnergy, "mJ", [](const ModelReport& model, Json& point) {
    point["asDouble"] = model.energy_mj;
    return model.has_energy;
  });
  writer.Gauge(kDrift, "1", [](const ModelReport& model, Json& point) {
    if (model.drift) point["asDouble"] = *model.drift;
    return model.drift.has_value();
  });
  writer.Distribution(kConfidence, "1", &ModelReport::confidence);
  writer.Sum(kLabelledCorrect, "1", Count(&ModelReport::labelled_correct));
  writer.Sum(kLabelledTotal, "1", Count(&ModelReport::labelled_total));
  writer.Installs();

  Json attributes = Json::array({Attribute("service.name", kServiceName),
                                 Attribute("device.id", report.device), Attribute("whet.boot", report.boot)});
  attributes.push_back(
      {{"key", "whet.sequence"}, {"value", {{"intValue", std::to_string(report.sequence)}}}});
  attributes.push_back(Attribute("whet.channel", report.channel));
  attributes.push_back(Attribute("whet.agent.version", report.agent_version));
  attributes.push_back(Attribute("host.arch", report.arch));
  const Json scope = {{"scope", {{"name", "whet"}}}, {"metrics", writer.TakeMetrics()}};
  const Json resource = {{"resource", {{"attributes", std::move(attributes)}}},
                         {"scopeMetrics", Json::array({scope})}};
  const Json request = {{"resourceMetrics", Json::array({resource})}};
  return request.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace whet::fleet
