#include "agent/process/jobs.h"

#include <algorithm>
#include <utility>

#include "fleet/json/nlohmann.h"

namespace whet::agent {

using nlohmann::json;

// Field by field, both ways, for nlohmann's value(): missing fields keep their defaults, wrong types are
// errors.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(TargetRef, name, sha256, bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Offer, family, version, rollout, variant, release, model,
                                                golden, storage_bytes, shadow_s, trial_s)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RepositoryAccess, url, root, state_folder, ca_file)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RefreshJob, access, device, channel, families, power, first)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(FetchJob, offer, folder, base_path, base_sha256)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(FetchRequestJob, access, job)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(FetchReport, downloaded_bytes, used_delta)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(SelfTestJob, family, slot_folder, model_path)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(SelfTestRequest, job, threads, runs)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(SelfTestReport, outcome, reason, latency_ms_mean,
                                                latency_ms_p95, arena_bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(SendJob, spool, spool_bytes, url, token_file, ca_file,
                                                mqtt_host, mqtt_port, mqtt_topic, mqtt_receipts, mqtt_tls,
                                                mqtt_user, mqtt_password_file, device)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(SendReport, sent, refused, left, retry_after_s, error)

namespace {

std::string Dump(const json& object) { return object.dump(-1, ' ', false, json::error_handler_t::replace); }

template <typename T>
std::string Job(const char* kind, const T& job) {
  return Dump({{"job", kind}, {"with", job}});
}

// What nlohmann throws for a wrong type ends here.
template <typename T>
Result<T> Get(const json& object, const char* key) {
  try {
    return object.at(key).get<T>();
  } catch (const json::exception& error) {
    return Error(Code::kBadFile, "the message between the agent and its child is wrong: %s", error.what());
  }
}

template <typename T>
Result<T> ParseJob(std::string_view text) {
  return Get<T>(json::parse(text, nullptr, /*allow_exceptions=*/false), "with");
}

Result<json> ParseAnswer(std::string_view text) {
  json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return Error(Code::kInternal, "the child process gave no answer");
  const auto error = object.find("error");
  if (error == object.end()) return object;
  WHET_ASSIGN_OR_RETURN(const int code, Get<int>(*error, "code"));
  WHET_ASSIGN_OR_RETURN(const std::string message, Get<std::string>(*error, "message"));
  const bool known = code > 0 && code <= static_cast<int>(Code::kInternal);
  return Error(known ? static_cast<Code>(code) : Code::kInternal, "%s", message.c_str());
}

template <typename T>
Result<T> ParseAnswerOf(std::string_view text) {
  WHET_ASSIGN_OR_RETURN(const json object, ParseAnswer(text));
  return Get<T>(object, "ok");
}

}  // namespace

std::string ToJson(const RefreshJob& job) { return Job("refresh", job); }
std::string ToJson(const FetchRequestJob& job) { return Job("fetch", job); }
std::string ToJson(const SelfTestRequest& job) { return Job("self-test", job); }
std::string ToJson(const SendJob& job) { return Job("send", job); }

std::string JobKind(std::string_view text) {
  auto kind = Get<std::string>(json::parse(text, nullptr, /*allow_exceptions=*/false), "job");
  return kind.ok() ? *kind : std::string();
}
Result<RefreshJob> ParseRefreshJob(std::string_view text) { return ParseJob<RefreshJob>(text); }
Result<FetchRequestJob> ParseFetchJob(std::string_view text) { return ParseJob<FetchRequestJob>(text); }
Result<SelfTestRequest> ParseSelfTestJob(std::string_view text) { return ParseJob<SelfTestRequest>(text); }
Result<SendJob> ParseSendJob(std::string_view text) { return ParseJob<SendJob>(text); }

std::string AnswerOf(const Status& error, double retry_after_s) {
  return Dump({{"error",
                {{"code", static_cast<int>(error.code())},
                 {"message", error.ToString()},
                 {"retry_after_s", retry_after_s}}}});
}
std::string AnswerOf(const FetchReport& report) { return Dump({{"ok", report}}); }
std::string AnswerOf(const SelfTestReport& report) { return Dump({{"ok", report}}); }
std::string AnswerOf(const SendReport& report) { return Dump({{"ok", report}}); }
std::string AnswerOf(const RefreshReport& report) {
  json families = json::array();
  for (const FamilyOffer& family : report.families) {
    families.push_back({{"family", family.family},
                        {"offer", family.offer ? json(*family.offer) : json(nullptr)},
                        {"refused", family.refused}});
  }
  return Dump({{"ok", {{"unchanged", report.unchanged}, {"families", std::move(families)}}}});
}

Result<FetchReport> ParseFetchAnswer(std::string_view text) { return ParseAnswerOf<FetchReport>(text); }
Result<SelfTestReport> ParseSelfTestAnswer(std::string_view text) {
  return ParseAnswerOf<SelfTestReport>(text);
}
Result<SendReport> ParseSendAnswer(std::string_view text) { return ParseAnswerOf<SendReport>(text); }
Result<RefreshReport> ParseRefreshAnswer(std::string_view text) {
  WHET_ASSIGN_OR_RETURN(const json object, ParseAnswerOf<json>(text));
  RefreshReport report;
  WHET_ASSIGN_OR_RETURN(report.unchanged, Get<bool>(object, "unchanged"));
  WHET_ASSIGN_OR_RETURN(const std::vector<json> families, Get<std::vector<json>>(object, "families"));
  for (const json& item : families) {
    FamilyOffer& family = report.families.emplace_back();
    WHET_ASSIGN_OR_RETURN(family.family, Get<std::string>(item, "family"));
    WHET_ASSIGN_OR_RETURN(family.refused, Get<std::string>(item, "refused"));
    WHET_ASSIGN_OR_RETURN(const json offer, Get<json>(item, "offer"));
    if (offer.is_null()) continue;
    WHET_ASSIGN_OR_RETURN(family.offer, Get<Offer>(item, "offer"));
  }
  return report;
}

double RetryAfterOf(std::string_view text) {
  auto error = Get<json>(json::parse(text, nullptr, /*allow_exceptions=*/false), "error");
  if (!error.ok()) return 0;
  auto seconds = Get<double>(*error, "retry_after_s");
  return seconds.ok() && *seconds > 0 ? *seconds : 0;
}

}  // namespace whet::agent
