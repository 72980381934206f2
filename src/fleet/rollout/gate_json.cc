
#include "base/utc_time.h"
#include "fleet/json/nlohmann.h"
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

}  // namespace whet::fleet
