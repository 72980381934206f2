#include "agent/local_api/routes.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "fleet/json/nlohmann.h"

namespace whet::agent {
namespace {

using fleet::HttpError;
using fleet::HttpReply;
using fleet::HttpRequest;
using fleet::HttpResponse;
using nlohmann::json;

constexpr size_t kMaxInferences = 1000;
constexpr size_t kMaxInputs = 4096;
constexpr double kMaxWaitS = 60;

json ModelJson(const CurrentModel& model) {
  if (model.version.empty()) return nullptr;
  return {{"version", model.version}, {"variant", model.variant},
          {"rollout", model.rollout}, {"sha256", model.model_sha256},
          {"path", model.model_path}, {"plans", PlanFolder(model.slot_folder)}};
}

HttpResponse FromStatus(const Status& status) {
  if (status.ok()) return {.status = 204, .body = ""};
  const int code = status.code() == Code::kNotFound ? 404 : status.code() == Code::kLimitExceeded ? 429 : 400;
  return HttpError(code, status.ToString());
}

// Reads a number in [low, high] if the key is there; false if it is there and is not one.
bool ReadNumber(const json& object, const char* key, double low, double high, std::optional<double>& value) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return true;
  if (!it->is_number()) return false;
  value = it->get<double>();
  return *value >= low && *value <= high;
}

Status ParseInference(const json& object, Inference& out) {
  const auto bad = [](const char* what) { return Error(Code::kInvalidArgument, "%s", what); };
  if (!object.is_object()) return bad("an inference must be an object");
  if (const auto it = object.find("ok"); it != object.end()) {
    if (!it->is_boolean()) return bad("'ok' must be true or false");
    out.ok = it->get<bool>();
  }
  std::optional<double> latency;
  if (!ReadNumber(object, "latency_ms", 0, 1e9, latency) || (out.ok && !latency)) {
    return bad("'latency_ms' must be a number of milliseconds");
  }
  out.latency_ms = latency.value_or(0);
  if (!ReadNumber(object, "confidence", 0, 1, out.confidence)) return bad("'confidence' must be from 0 to 1");
  if (!ReadNumber(object, "energy_mj", 0, 1e12, out.energy_mj))
    return bad("'energy_mj' must be a number of millijoules");
  if (const auto it = object.find("correct"); it != object.end() && !it->is_null()) {
    if (!it->is_boolean()) return bad("'correct' must be true or false");
    out.correct = it->get<bool>();
  }
  if (const auto it = object.find("input_mean"); it != object.end()) {
    if (!it->is_array() || it->size() > kMaxInputs)
      return bad("'input_mean' must be an array of at most 4096 numbers");
    for (const json& mean : *it) {
      if (!mean.is_number()) return bad("'input_mean' must be an array of numbers");
      out.input_mean.push_back(mean.get<double>());
    }
  }
  return {};
}

HttpResponse PostProcess(const LocalApi& api, HttpRequest& request, bool start) {
  const json object = json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  const auto text = [&](const char* key) {
    const auto it = object.is_object() ? object.find(key) : object.end();
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const std::string family(request.PathParameter("family"));
  const auto it = object.is_object() ? object.find("pid") : object.end();
  if (it == object.end() || !it->is_number_integer())
    return HttpError(400, "'pid' must be the number of the process");
  const auto pid = it->get<int64_t>();
  if (!start) {
    api.applications.Stopped(pid, family);
    return {.status = 204, .body = ""};
  }
  if (text("version").empty())
    return HttpError(400, "'version' must be that of the model that the process uses");
  return FromStatus(api.applications.Started(pid, family, text("version")));
}

void GetModel(const LocalApi& api, HttpRequest& request, HttpReply reply) {
  uint64_t generation = 0;
  double wait = 0;
  const std::string_view g = request.Query("generation");
  const std::string_view w = request.Query("wait_s");
  std::from_chars(g.data(), g.data() + g.size(), generation);
  std::from_chars(w.data(), w.data() + w.size(), wait);
  if (!(wait >= 0)) wait = 0;
  const auto shared = std::make_shared<HttpReply>(std::move(reply));
  const Status status =
      api.board.Wait(std::string(request.PathParameter("family")), generation, std::min(wait, kMaxWaitS),
                     [shared](const Notice& notice) { shared->Send({.body = ToJson(notice)}); });
  if (!status.ok()) shared->Send(FromStatus(status));
}

}  // namespace

std::string ToJson(const Notice& notice) {
  const json object = {{"family", notice.family},
                       {"generation", notice.generation},
                       {"stage", notice.stage},
                       {"waiting", notice.waiting},
                       {"active", ModelJson(notice.current)},
                       {"shadow", notice.shadow ? ModelJson(*notice.shadow) : json(nullptr)}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<InferenceReport> ParseInferences(const std::string& body) {
  if (body.size() > kMaxInferenceBody) return Error(Code::kLimitExceeded, "the report is too long");
  const json object = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return Error(Code::kInvalidArgument, "the report must be a JSON object");
  InferenceReport report;
  const auto version = object.find("version");
  if (version == object.end() || !version->is_string()) {
    return Error(Code::kInvalidArgument, "'version' must be that of the model that answered");
  }
  report.version = version->get<std::string>();
  const auto list = object.find("inferences");
  if (list == object.end()) {
    WHET_RETURN_IF_ERROR(ParseInference(object, report.inferences.emplace_back()));
    return report;
  }
  if (!list->is_array() || list->size() > kMaxInferences) {
    return Error(Code::kInvalidArgument, "'inferences' must be an array of at most %zu", kMaxInferences);
  }
  for (const json& item : *list) WHET_RETURN_IF_ERROR(ParseInference(item, report.inferences.emplace_back()));
  return report;
}

std::vector<fleet::HttpRoute> MetricsRoutes(const Monitor& monitor) {
  std::vector<fleet::HttpRoute> routes;
  fleet::HttpRoute& route = routes.emplace_back();
  route.method = "GET";
  route.pattern = "/metrics";
  route.handler = [&monitor](HttpRequest&) {
    return HttpResponse{.content_type = "text/plain; version=0.0.4", .body = monitor.PrometheusText()};
  };
  return routes;
}

std::vector<fleet::HttpRoute> LocalRoutes(const LocalApi& api) {
  std::vector<fleet::HttpRoute> routes = MetricsRoutes(api.monitor);
  const auto add = [&](const char* method, const char* pattern, size_t max_body, fleet::HttpHandler handler) {
    fleet::HttpRoute& route = routes.emplace_back();
    route.method = method;
    route.pattern = pattern;
    route.max_body = max_body;
    route.handler = std::move(handler);
  };
  add("GET", "/v1/status", 0, [&api](HttpRequest&) { return HttpResponse{.body = api.status_json()}; });
  add("POST", "/v1/check", 1024, [&api](HttpRequest&) {
    api.check_now();
    return HttpResponse{.status = 204, .body = ""};
  });
  add("GET", "/v1/models", 0, [&api](HttpRequest&) {
    std::string body = "{\"models\": [";
    for (const Notice& notice : api.board.All()) {
      if (body.back() != '[') body += ", ";
      body += ToJson(notice);
    }
    return HttpResponse{.body = body + "]}"};
  });
  add("POST", "/v1/models/{family}/inferences", kMaxInferenceBody, [&api](HttpRequest& request) {
    auto report = ParseInferences(request.body);
    if (!report.ok()) return FromStatus(report.status());
    for (const Inference& inference : report->inferences) {
      const Status status =
          api.monitor.Add(std::string(request.PathParameter("family")), report->version, inference);
      if (!status.ok()) return FromStatus(status);
    }
    return HttpResponse{.status = 204, .body = ""};
  });
  add("POST", "/v1/models/{family}/started", 4096,
      [&api](HttpRequest& request) { return PostProcess(api, request, true); });
  add("POST", "/v1/models/{family}/stopped", 4096,
      [&api](HttpRequest& request) { return PostProcess(api, request, false); });
  fleet::HttpRoute& route = routes.emplace_back();
  route.method = "GET";
  route.pattern = "/v1/models/{family}";
  route.async_handler = [&api](HttpRequest& request, HttpReply reply) {
    GetModel(api, request, std::move(reply));
  };
  return routes;
}

}  // namespace whet::agent
