// The fleet at a glance: counts by health, versions, rollouts. Made at most every few seconds, since it reads
// what all devices say.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>

#include "base/status.h"
#include "fleet/server/sql.h"

namespace whet::fleet {

// Thread-safe.
class Overview {
 public:
  static constexpr int64_t kMaxAgeSeconds = 3;

  Overview(SqlDatabase& database, std::function<int64_t()> clock, int64_t dark_after_s)
      : database_(database), clock_(std::move(clock)), dark_after_s_(dark_after_s) {}

  // The answer of GET /api/v1/overview, at most kMaxAgeSeconds old.
  Result<std::shared_ptr<const nlohmann::json>> Get();
  // The next Get makes it anew.
  void Forget();

 private:
  Result<nlohmann::json> Make(int64_t now);

  SqlDatabase& database_;
  const std::function<int64_t()> clock_;
  const int64_t dark_after_s_;
  std::mutex mutex_;
  int64_t made_ = 0;
  std::shared_ptr<const nlohmann::json> last_;
};

}  // namespace whet::fleet
