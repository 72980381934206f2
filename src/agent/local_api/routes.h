// The local HTTP API, on a Unix socket (docs/agent.md describes it).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/local_api/applications.h"
#include "agent/local_api/board.h"
#include "agent/monitor/monitor.h"
#include "fleet/http/server.h"

namespace whet::agent {

struct LocalApi {
  Board& board;
  Monitor& monitor;
  Applications& applications;
  std::function<std::string()> status_json;  // of GET /v1/status
  std::function<void()> check_now;           // POST /v1/check: polls the repository soon
};

// `api` and what it refers to must outlive the server.
std::vector<fleet::HttpRoute> LocalRoutes(const LocalApi& api);
// GET /metrics alone, for a TCP port.
std::vector<fleet::HttpRoute> MetricsRoutes(const Monitor& monitor);

std::string ToJson(const Notice& notice);

// The body of POST /v1/models/{family}/inferences. Values beyond what an inference can have are refused.
struct InferenceReport {
  std::string version;
  std::vector<Inference> inferences;
};
Result<InferenceReport> ParseInferences(const std::string& body);

inline constexpr size_t kMaxInferenceBody = size_t{256} << 10;

}  // namespace whet::agent
