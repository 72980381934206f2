// What all requests have in common, and telemetry.

#include <algorithm>
#include <charconv>

#include "fleet/json/nlohmann.h"
#include "fleet/server/context.h"
#include "fleet/telemetry/otlp.h"

namespace whet::fleet {

using Json = nlohmann::json;

HttpResponse JsonResponse(const Json& json) {
  HttpResponse response;
  // Text from devices was checked to be UTF-8; should any get through, it is replaced, not thrown at.
  response.body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  response.headers = {{"Cache-Control", "no-store"}};
  return response;
}

HttpResponse StatusResponse(const ServerContext& context, const Status& status) {
  switch (status.code()) {
    case Code::kInvalidArgument: return HttpError(400, status.what());
    case Code::kNotFound: return HttpError(404, status.what());
    case Code::kUnsupported: return HttpError(409, status.what());
    case Code::kLimitExceeded:
    case Code::kIo: {
      context.Log(status.ToString());
      auto response = HttpError(503, "the server cannot do this now; try again later");
      response.headers.emplace_back("Retry-After", "10");
      return response;
    }
    default:
      context.Log(status.ToString());
      return HttpError(500, "the server failed at this request; its log says why");
  }
}

Result<Page> PageOf(const HttpRequest& request) {
  Page page;
  page.cursor = request.Query("cursor");
  if (const auto limit = request.Query("limit"); !limit.empty()) {
    const auto [end, error] = std::from_chars(limit.data(), limit.data() + limit.size(), page.limit);
    if (error != std::errc() || end != limit.data() + limit.size() || page.limit < 1 || page.limit > 500) {
      return Error(Code::kInvalidArgument, "'limit' is a number from 1 to 500");
    }
  }
  return page;
}

namespace {

std::unique_ptr<HttpResponse> Refusal(int status, std::string_view message, const char* retry = nullptr) {
  auto response = std::make_unique<HttpResponse>(HttpError(status, message));
  if (status == 401) response->headers.emplace_back("WWW-Authenticate", "Bearer");
  if (retry != nullptr) response->headers.emplace_back("Retry-After", retry);
  return response;
}

}  // namespace

std::unique_ptr<HttpResponse> Authorize(ServerContext& context, HttpRequest& request,
                                        const HttpRoute& route) {
  // Local clients of a Unix socket have the socket's permissions.
  if (!context.address_limit.Allow(request.remote)) {
    return Refusal(429, "too many requests from this address; try again in a moment", "1");
  }
  if (route.access.empty()) return nullptr;
  std::string_view token = request.Header("authorization");
  if (token.starts_with("Bearer ")) {
    token.remove_prefix(7);
  } else {
    token = {};
  }
  auto principal = context.tokens->Check(token, context.Now());
  if (!principal.ok()) return std::make_unique<HttpResponse>(StatusResponse(context, principal.status()));
  if (!*principal) {
    // Guessing 256 bits is hopeless anyway; this keeps the log and the database quiet.
    if (!context.refused_limit.Allow(request.remote)) {
      return Refusal(429, "too many requests without a good token; try again in a moment", "5");
    }
    return Refusal(401, token.empty() ? "this needs a token: send 'Authorization: Bearer TOKEN'"
                                      : "the token is unknown or was revoked");
  }
  if (!context.token_limit.Allow((*principal)->id)) {
    return Refusal(429, "too many requests with this token; try again in a moment", "1");
  }
  const Role role = (*principal)->role;
  if (route.access != "any") {
    const Role needed = RoleOf(route.access).value_or(Role::kReleaser);
    const bool enough = needed == Role::kDevice ? role == Role::kDevice : role >= needed;
    if (!enough) {
      return Refusal(403, Format("this needs a token of the role %s, and yours has the role %s",
                                 std::string(RoleName(needed)).c_str(), std::string(RoleName(role)).c_str()));
    }
  }
  request.user = std::move(**principal);
  return nullptr;
}

void TakeTelemetry(ServerContext& context, std::string_view otlp, std::string_view bound_device,
                   std::function<void(HttpResponse)> answer) {
  auto report = FromOtlpJson(otlp);
  if (!report.ok()) {
    ++context.metrics.malformed_reports;
    answer(HttpError(400, report.status().ToString()));
    return;
  }
  if (!bound_device.empty() && report->device != bound_device) {
    answer(HttpError(403, "this token speaks for another device"));
    return;
  }
  context.ingest->Add(std::move(*report), [&context, answer = std::move(answer)](Result<bool> taken) {
    if (taken.ok()) {
      HttpResponse response;
      response.body = "{}";  // OTLP's ExportMetricsServiceResponse: all was taken
      answer(std::move(response));
    } else {
      answer(StatusResponse(context, taken.status()));
    }
  });
}

std::vector<HttpRoute> MakeRoutes(ServerContext& context) {
  std::vector<HttpRoute> routes;
  HttpRoute ingest;
  ingest.method = "POST";
  ingest.pattern = "/v1/metrics";
  ingest.access = "device";
  ingest.max_body = kMaxOtlpBytes;
  ingest.async_handler = [&context](HttpRequest& request, HttpReply reply) {
    const auto& principal = std::any_cast<const Principal&>(request.user);
    auto shared = std::make_shared<HttpReply>(std::move(reply));
    TakeTelemetry(context, request.body, principal.device,
                  [shared](HttpResponse response) { shared->Send(std::move(response)); });
  };
  routes.push_back(std::move(ingest));
  AddDeviceRoutes(context, routes);
  AddRolloutRoutes(context, routes);
  AddFileRoutes(context, routes);
  return routes;
}

}  // namespace whet::fleet
