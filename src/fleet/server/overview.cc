#include "fleet/server/overview.h"

#include <map>
#include <string>
#include <vector>

#include "fleet/json/nlohmann.h"
#include "fleet/server/rollout_store.h"
#include "fleet/server/sums.h"

namespace whet::fleet {

using Json = nlohmann::json;

Result<std::shared_ptr<const Json>> Overview::Get() {
  const std::lock_guard lock(mutex_);
  const int64_t now = clock_();
  if (last_ && now >= made_ && now - made_ < kMaxAgeSeconds) return last_;
  WHET_ASSIGN_OR_RETURN(Json json, Make(now));
  last_ = std::make_shared<const Json>(std::move(json));
  made_ = now;
  return last_;
}

void Overview::Forget() {
  const std::lock_guard lock(mutex_);
  last_.reset();
}

Result<Json> Overview::Make(int64_t now) {
  WHET_ASSIGN_OR_RETURN(const auto sql, database_.Connect());
  int64_t health[3] = {0, 0, 0};
  int64_t dark = 0;
  WHET_RETURN_IF_ERROR(sql->Run(
      "SELECT health, SUM(CASE WHEN last_seen < $1 THEN 1 ELSE 0 END), COUNT(*) FROM devices GROUP BY health",
      {now - dark_after_s_}, [&](const SqlRow& row) {
        const int64_t kind = row.Int(0);
        if (kind >= 0 && kind < 3) health[kind] += row.Int(2) - row.Int(1);
        dark += row.Int(1);
      }));

  struct Version {
    int64_t devices = 0;
    MinuteSums hour;
  };
  std::map<std::string, std::map<std::string, Version>> families;
  WHET_RETURN_IF_ERROR(
      sql->Run("SELECT family, version, COUNT(*) FROM device_models GROUP BY family, version", {},
               [&](const SqlRow& row) {
                 families[std::string(row.Text(0))][std::string(row.Text(1))].devices = row.Int(2);
               }));
  double last_minutes = 0;
  constexpr int64_t kRateMinutes = 5;
  Status bad;
  WHET_RETURN_IF_ERROR(sql->Run("SELECT family, version, minute, sums FROM minutes WHERE minute >= $1",
                                {now - 3600}, [&](const SqlRow& row) {
                                  auto sums = UnpackMinute(row.Bytes(3));
                                  if (!sums.ok()) {
                                    bad = sums.TakeStatus();
                                    return;
                                  }
                                  const int64_t minute = row.Int(2);
                                  const int64_t this_minute = now - now % 60;
                                  if (minute < this_minute && minute >= this_minute - kRateMinutes * 60)
                                    last_minutes += sums->reports;
                                  const auto family = families.find(std::string(row.Text(0)));
                                  if (family == families.end()) return;
                                  const auto version = family->second.find(std::string(row.Text(1)));
                                  if (version != family->second.end()) version->second.hour.Add(*sums);
                                }));
  WHET_RETURN_IF_ERROR(std::move(bad));

  Json family_list = Json::array();
  for (const auto& [name, versions] : families) {
    double all = 0;
    for (const auto& [number, version] : versions) all += static_cast<double>(version.devices);
    Json list = Json::array();
    for (const auto& [number, version] : versions) {
      const MinuteSums& hour = version.hour;
      list.push_back(
          {{"version", number},
           {"devices", version.devices},
           {"share", all > 0 ? static_cast<double>(version.devices) / all : 0.0},
           {"p95_ms", hour.latency_ms.count() > 0 ? Json(hour.latency_ms.Quantile(0.95)) : Json(nullptr)},
           {"errors_per_million",
            hour.inferences > 0 ? Json(hour.errors / hour.inferences * 1e6) : Json(nullptr)}});
    }
    family_list.push_back({{"family", name}, {"versions", std::move(list)}});
  }

  std::vector<std::string> ids;
  WHET_RETURN_IF_ERROR(sql->Run(
      "SELECT id FROM rollouts WHERE state IN ('running', 'paused') ORDER BY created DESC, id LIMIT 20", {},
      [&](const SqlRow& row) { ids.emplace_back(row.Text(0)); }));
  Json rollouts = Json::array();
  for (const std::string& id : ids) {
    WHET_ASSIGN_OR_RETURN(const StoredRollout stored, LoadRollout(*sql, id, false));
    rollouts.push_back(StoredRolloutToJson(stored));
  }
  return Json{{"devices",
               {{"total", health[0] + health[1] + health[2] + dark},
                {"healthy", health[1]},
                {"degraded", health[2]},
                {"unknown", health[0]},
                {"dark", dark}}},
              {"families", std::move(family_list)},
              {"rollouts", std::move(rollouts)},
              {"ingest", {{"reports_per_minute", last_minutes / kRateMinutes}}}};
}

}  // namespace whet::fleet
