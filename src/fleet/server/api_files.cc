// What is not REST: the repository's and the dashboard's files, events, health and metrics.

#include "fleet/json/nlohmann.h"
#include "fleet/server/context.h"
#include "fleet/server/openapi.h"

namespace whet::fleet {
namespace {

HttpRoute Route(std::string pattern, const char* access, HttpHandler handler) {
  HttpRoute route;
  route.method = "GET";
  route.pattern = std::move(pattern);
  route.access = access;
  route.handler = std::move(handler);
  return route;
}

// The dashboard runs scripts of its own only, and is in nobody's frame. docs/fleet.md says the same.
constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace

void AddFileRoutes(ServerContext& context, std::vector<HttpRoute>& routes) {
  routes.push_back(
      Route("/api/v1/events", "viewer", [&context](HttpRequest&) { return context.events.Subscribe(); }));
  routes.push_back(Route("/healthz", "", [&context](HttpRequest&) {
    const auto sql = context.database->Connect();
    const Status status = sql.ok() ? (*sql)->Run("SELECT 1") : Error(Code::kIo, "no connection");
    if (!status.ok()) return HttpError(503, "the database does not answer");
    HttpResponse response;
    response.content_type = "text/plain; charset=utf-8";
    response.body = "ok\n";
    return response;
  }));
  routes.push_back(Route("/metrics", "viewer", [&context](HttpRequest&) {
    HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = PrintMetrics(context);
    return response;
  }));
  routes.push_back(Route("/openapi.json", "", [](HttpRequest&) {
    HttpResponse response;
    response.body = OpenApiDocument();
    return response;
  }));
  routes.push_back(Route("/repo/{path*}", context.options.private_repository ? "any" : "",
                         [&context](HttpRequest& request) {
                           return context.repository_files->Serve(request, request.PathParameter("path"));
                         }));
  if (!context.dashboard_files) return;
  routes.push_back(Route("/{path*}", "", [&context](HttpRequest& request) {
    std::string_view path = request.PathParameter("path");
    // Pages of the dashboard are one file; which page it is, the browser knows.
    const std::string_view last = path.substr(path.rfind('/') + 1);
    if (last.find('.') == std::string_view::npos) path = "";
    auto response = context.dashboard_files->Serve(request, path);
    response.headers.emplace_back("Content-Security-Policy", kContentSecurityPolicy);
    return response;
  }));
}

}  // namespace whet::fleet
