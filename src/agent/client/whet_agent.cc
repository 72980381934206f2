#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "agent/client/local_request.h"
#include "fleet/json/nlohmann.h"
#include "whet/whet_agent.h"

using nlohmann::json;
using whet::agent::LocalAnswer;
using whet::agent::RequestLocally;

namespace {

constexpr size_t kMostWaiting = 1000;
constexpr size_t kSendAt = 100;
constexpr std::chrono::milliseconds kOldest{200};
constexpr double kAnswerTimeS = 5;

// Names go into a request's path: nothing but what families may hold.
bool IsName(const char* text) {
  if (text == nullptr) return false;
  const std::string_view name(text);
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") == name.npos && name[0] != '.';
}

}  // namespace

struct whet_agent {
  std::string socket;
  std::string error;
  json model;  // what whet_agent_model_info points into
  json waiting = json::array();
  std::string waiting_family;
  std::string waiting_version;
  std::chrono::steady_clock::time_point oldest;

  int Fail(int code, std::string what) {
    error = std::move(what);
    return code;
  }

  // `answer` gets the body of a 2xx.
  int Request(const char* method, const std::string& path, const std::string& body, double seconds,
              std::string* answer) {
    LocalAnswer got = RequestLocally(socket, method, path, body, seconds);
    if (!got.error.empty()) return Fail(WHET_AGENT_UNREACHABLE, std::move(got.error));
    if (got.status / 100 != 2) {
      const json object = json::parse(got.body, nullptr, false);
      const json message = object.is_object()
                               ? object.value(json::json_pointer("/error/message"), json(got.body))
                               : json(got.body);
      return Fail(WHET_AGENT_REFUSED, message.is_string() ? message.get<std::string>() : got.body);
    }
    if (answer != nullptr) *answer = std::move(got.body);
    return WHET_AGENT_OK;
  }

  const char* Text(const char* model_key, const char* key) const {
    const auto it = model.find(model_key);
    if (it == model.end() || !it->is_object()) return nullptr;
    const auto value = it->find(key);
    return value != it->end() && value->is_string() ? value->get_ref<const std::string&>().c_str() : nullptr;
  }

  int Model(const char* family, const std::string& query, double seconds, whet_agent_model_info* info) {
    if (!IsName(family)) return Fail(WHET_AGENT_REFUSED, "that is no name of a model family");
    std::string answer;
    const int code = Request("GET", "/v1/models/" + std::string(family) + query, "", seconds, &answer);
    if (code != WHET_AGENT_OK) return code;
    model = json::parse(answer, nullptr, false);
    if (!model.is_object()) return Fail(WHET_AGENT_UNREACHABLE, "the agent's answer is not JSON");
    const auto generation = model.find("generation");
    *info = {};
    if (generation != model.end() && generation->is_number_unsigned())
      info->generation = generation->get<uint64_t>();
    info->version = Text("active", "version");
    info->path = Text("active", "path");
    info->plans = Text("active", "plans");
    info->shadow_version = Text("shadow", "version");
    info->shadow_path = Text("shadow", "path");
    info->shadow_plans = Text("shadow", "plans");
    if (info->path == nullptr) return Fail(WHET_AGENT_NO_MODEL, "this device has no such model yet");
    return WHET_AGENT_OK;
  }

  int Flush() {
    if (waiting.empty()) return WHET_AGENT_OK;
    const json report = {{"version", waiting_version}, {"inferences", std::move(waiting)}};
    waiting = json::array();
    const std::string body = report.dump(-1, ' ', false, json::error_handler_t::replace);
    return Request("POST", "/v1/models/" + waiting_family + "/inferences", body, kAnswerTimeS, nullptr);
  }
};

namespace {

// No exception leaves the library.
template <typename Work>
int Guarded(whet_agent* agent, const Work& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return WHET_AGENT_NO_MEMORY;
  } catch (const std::exception& error) {
    return agent->Fail(WHET_AGENT_REFUSED, error.what());
  }
}

}  // namespace

whet_agent* whet_agent_new(const char* socket) {
  try {
    auto agent = std::make_unique<whet_agent>();
    agent->socket = socket == nullptr ? WHET_AGENT_DEFAULT_SOCKET : socket;
    return agent.release();
  } catch (const std::exception&) {
    return nullptr;
  }
}

void whet_agent_free(whet_agent* agent) { delete agent; }

const char* whet_agent_error(const whet_agent* agent) { return agent->error.c_str(); }

int whet_agent_model(whet_agent* agent, const char* family, whet_agent_model_info* info) {
  return Guarded(agent, [&] { return agent->Model(family, "", kAnswerTimeS, info); });
}

int whet_agent_wait(whet_agent* agent, const char* family, uint64_t generation, double seconds,
                    whet_agent_model_info* info) {
  return Guarded(agent, [&] {
    const double wait = seconds > 0 ? std::min(seconds, 60.0) : 0;
    const std::string query = "?generation=" + std::to_string(generation) + "&wait_s=" + std::to_string(wait);
    return agent->Model(family, query, wait + kAnswerTimeS, info);
  });
}

int whet_agent_started(whet_agent* agent, const char* family, const char* version) {
  return Guarded(agent, [&] {
    if (!IsName(family) || version == nullptr)
      return agent->Fail(WHET_AGENT_REFUSED, "family and version are needed");
    const json body = {{"pid", static_cast<int64_t>(::getpid())}, {"version", version}};
    return agent->Request("POST", "/v1/models/" + std::string(family) + "/started",
                          body.dump(-1, ' ', false, json::error_handler_t::replace), kAnswerTimeS, nullptr);
  });
}

int whet_agent_stopped(whet_agent* agent, const char* family) {
  return Guarded(agent, [&] {
    if (!IsName(family)) return agent->Fail(WHET_AGENT_REFUSED, "that is no name of a model family");
    const json body = {{"pid", static_cast<int64_t>(::getpid())}};
    return agent->Request("POST", "/v1/models/" + std::string(family) + "/stopped", body.dump(), kAnswerTimeS,
                          nullptr);
  });
}

void whet_agent_inference_init(whet_agent_inference* inference) {
  *inference = {};
  inference->struct_size = sizeof(whet_agent_inference);
  inference->ok = 1;
  inference->confidence = -1;
  inference->correct = -1;
  inference->energy_mj = -1;
}

int whet_agent_report(whet_agent* agent, const char* family, const char* version,
                      const whet_agent_inference* inference) {
  return Guarded(agent, [&] {
    if (!IsName(family) || version == nullptr || inference == nullptr ||
        inference->struct_size < sizeof(whet_agent_inference)) {
      return agent->Fail(WHET_AGENT_REFUSED, "family, version and an initialized inference are needed");
    }
    int code = WHET_AGENT_OK;
    if (agent->waiting_family != family || agent->waiting_version != version) {
      code = agent->Flush();
      agent->waiting_family = family;
      agent->waiting_version = version;
    }
    json item = {{"ok", inference->ok != 0}};
    if (inference->ok != 0) item["latency_ms"] = inference->latency_ms;
    if (inference->confidence >= 0) item["confidence"] = inference->confidence;
    if (inference->correct >= 0) item["correct"] = inference->correct != 0;
    if (inference->energy_mj >= 0) item["energy_mj"] = inference->energy_mj;
    if (inference->input_mean != nullptr) {
      item["input_mean"] =
          std::vector<double>(inference->input_mean, inference->input_mean + inference->input_mean_count);
    }
    if (agent->waiting.empty()) agent->oldest = std::chrono::steady_clock::now();
    if (agent->waiting.size() < kMostWaiting) agent->waiting.push_back(std::move(item));
    if (agent->waiting.size() >= kSendAt || std::chrono::steady_clock::now() - agent->oldest >= kOldest)
      code = agent->Flush();
    return code;
  });
}

int whet_agent_flush(whet_agent* agent) {
  return Guarded(agent, [&] { return agent->Flush(); });
}
