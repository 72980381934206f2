// What the agent asks of its child processes and what they answer, as JSON over their standard input and
// output.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/update/fetch_release.h"
#include "agent/update/updater.h"

namespace whet::agent {

// How the repository is reached.
struct RepositoryAccess {
  std::string url;           // with /metadata and /targets below it
  std::string root;          // path of the root.json to trust first
  std::string state_folder;  // metadata/ and rollouts/ are kept there
  std::string ca_file;
};

struct RefreshJob {
  RepositoryAccess access;
  std::string device;
  std::string channel;
  std::vector<std::string> families;
  std::string power;   // "mains", "battery"
  bool first = false;  // the agent knows no offers yet: read everything even if nothing is new
};

struct FamilyOffer {
  std::string family;
  std::optional<Offer> offer;
  std::string refused;  // why there is none
};

struct RefreshReport {
  bool unchanged = false;  // one conditional request said so; `families` is empty
  std::vector<FamilyOffer> families;
};

struct SendJob {
  std::string spool;
  int64_t spool_bytes = 0;
  std::string url;
  std::string token_file;
  std::string ca_file;
  std::string mqtt_host;
  int mqtt_port = 1883;
  std::string mqtt_topic;
  std::string mqtt_receipts;  // topic of the receipts; empty: what the broker has taken is sent
  bool mqtt_tls = false;
  std::string mqtt_user;
  std::string mqtt_password_file;
  std::string device;
};

struct SendReport {
  int sent = 0;
  int refused = 0;  // by the server, for good: dropped
  int left = 0;
  double retry_after_s = 0;  // asked by the server; 0: not
  std::string error;         // why some are left
};

struct SelfTestRequest {
  SelfTestJob job;
  int threads = 1;
  int runs = 30;
};

struct FetchRequestJob {
  RepositoryAccess access;
  FetchJob job;
};

// One job is one object {"job": "refresh" | "fetch" | "self-test" | "send", …}. The answer is {"ok": …} or
// {"error": {"code", "message", "retry_after_s"}}.
std::string ToJson(const RefreshJob& job);
std::string ToJson(const FetchRequestJob& job);
std::string ToJson(const SelfTestRequest& job);
std::string ToJson(const SendJob& job);

// The kind of a job, "" if it is none.
std::string JobKind(std::string_view json);
Result<RefreshJob> ParseRefreshJob(std::string_view json);
Result<FetchRequestJob> ParseFetchJob(std::string_view json);
Result<SelfTestRequest> ParseSelfTestJob(std::string_view json);
Result<SendJob> ParseSendJob(std::string_view json);

// `retry_after_s`: how long the server asked to be left alone; 0 if it did not.
std::string AnswerOf(const Status& error, double retry_after_s = 0);
std::string AnswerOf(const RefreshReport& report);
std::string AnswerOf(const FetchReport& report);
std::string AnswerOf(const SelfTestReport& report);
std::string AnswerOf(const SendReport& report);

// The child's error, or what it says.
Result<RefreshReport> ParseRefreshAnswer(std::string_view json);
Result<FetchReport> ParseFetchAnswer(std::string_view json);
Result<SelfTestReport> ParseSelfTestAnswer(std::string_view json);
Result<SendReport> ParseSendAnswer(std::string_view json);
// Of an answer that is an error; 0 if it has none.
double RetryAfterOf(std::string_view json);

}  // namespace whet::agent
