#include <nlohmann/json.hpp>

#include "base/utc_time.h"
#include "fleet/rollout/document.h"
#include "fleet/rollout/gate.h"

namespace whet::fleet {

using Json = nlohmann::json;

Json GateToJson(const Gate& gate) {
  Json metrics = Json::array();
  for (const MetricVerdict& metric : gate.metrics) {
    metrics.push_back({{"name", metric.name},
                       {"new", metric.has_candidate ? Json(metric.candidate) : Json(nullptr)},
                       {"control", metric.has_control ? Json(metric.control) : Json(nullptr)},
                       {"difference", metric.difference},
                       {"threshold", metric.threshold},
                       {"p_value", metric.p_value},
                       {"p_value_widen", metric.p_value_widen},
                       {"verdict", std::string(VerdictName(metric.verdict))},
                       {"judged", metric.judged},
                       {"reason", metric.reason}});
  }
  return {{"verdict", std::string(VerdictName(gate.verdict))},
          {"evaluated", FormatUtcTime(gate.evaluated_unix_s)},
          {"reason", gate.reason},
          {"metrics", std::move(metrics)},
          {"samples", {{"new", gate.candidate_devices}, {"control", gate.control_devices}}},
          {"required", gate.required_devices},
          {"dwell_s", gate.dwell_s},
          {"dwell_required_s", gate.dwell_required_s}};
}

Json ArmToJson(const Arm& arm) {
  const ArmSums sums = arm.Total();
  const auto whole = [](double value) {
    return value > 0 ? static_cast<uint64_t>(value + 0.5) : uint64_t{0};
  };
  return {{"devices", whole(sums.devices)},
          {"installs", whole(sums.installs.n)},
          {"install_failures", whole(sums.installs.y)},
          {"crashes", whole(sums.crashes)},
          {"errors", whole(sums.error.y)},
          {"inferences", whole(sums.error.n)},
          {"p50_ms", arm.latency_ms.Quantile(0.5)},
          {"p95_ms", arm.latency_ms.Quantile(0.95)},
          {"accuracy", sums.wrong.n > 0 ? Json(1 - sums.wrong.ratio()) : Json(nullptr)},
          {"energy_mj", sums.energy.n > 0 ? Json(sums.energy.ratio()) : Json(nullptr)},
          {"dark", whole(sums.dark.y)}};
}

}  // namespace whet::fleet
