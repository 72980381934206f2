// What the server's parts share.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "fleet/http/server.h"
#include "fleet/http/server_events.h"
#include "fleet/http/server_files.h"
#include "fleet/server/catalog.h"
#include "fleet/server/fleet_server.h"
#include "fleet/server/ingest.h"
#include "fleet/server/metrics.h"
#include "fleet/server/overview.h"
#include "fleet/server/rate_limit.h"
#include "fleet/server/rollout_store.h"
#include "fleet/server/sql.h"
#include "fleet/server/tokens.h"

namespace whet::fleet {

// Made by FleetServer before anything runs, and outlives everything that runs; its members are thread-safe.
struct ServerContext {
  explicit ServerContext(FleetServerOptions given)
      : options(std::move(given)),
        token_limit(options.token_rate, options.token_burst),
        address_limit(options.address_rate, options.address_burst),
        refused_limit(options.refused_rate, options.refused_burst) {}

  int64_t Now() const { return options.clock(); }
  void Log(const std::string& line) const {
    if (options.log) options.log(line);
  }

  const FleetServerOptions options;
  std::unique_ptr<SqlDatabase> database;
  std::unique_ptr<Repository> repository;
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<Publisher> publisher;  // null without keys
  std::unique_ptr<Tokens> tokens;
  std::unique_ptr<Ingest> ingest;
  std::unique_ptr<Overview> overview;
  std::unique_ptr<ServedFolder> repository_files;
  std::unique_ptr<ServedFolder> dashboard_files;  // may be null
  RateLimiter token_limit;
  RateLimiter address_limit;
  RateLimiter refused_limit;
  RequestMetrics metrics;
  EventHub events;
};

// The HTTP answer for an error; what went wrong inside is logged and not told.
HttpResponse StatusResponse(const ServerContext& context, const Status& status);
HttpResponse JsonResponse(const nlohmann::json& json);

// Checks the token and the limits, and that the role is enough for route.access ("", "any", or a role's
// name).
std::unique_ptr<HttpResponse> Authorize(ServerContext& context, HttpRequest& request, const HttpRoute& route);

// All routes: telemetry, REST, files.
std::vector<HttpRoute> MakeRoutes(ServerContext& context);
void AddDeviceRoutes(ServerContext& context, std::vector<HttpRoute>& routes);
void AddRolloutRoutes(ServerContext& context, std::vector<HttpRoute>& routes);
void AddFileRoutes(ServerContext& context, std::vector<HttpRoute>& routes);

// Takes one OTLP message from a device that may speak for `bound_device` only (empty: any).
void TakeTelemetry(ServerContext& context, std::string_view otlp, std::string_view bound_device,
                   std::function<void(HttpResponse)> answer);

// A page of a list: `limit` and `cursor` of the query.
struct Page {
  int64_t limit = 100;
  std::string cursor;
};
Result<Page> PageOf(const HttpRequest& request);

}  // namespace whet::fleet
