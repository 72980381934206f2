#include "agent/process/process_worker.h"

#include <utility>

#include "agent/process/child.h"

namespace whet::agent {
namespace {

// The network has its own limits on slowness; these end what hangs in spite of them.
constexpr double kRefreshDeadlineS = 600;
constexpr double kFetchDeadlineS = 6 * 3600;
constexpr double kSendDeadlineS = 300;

}  // namespace

std::string SpoolPath(const Config& config) { return config.state_folder + "/spool.db"; }

ProcessWorker::ProcessWorker(std::vector<std::string> command, const Config& config,
                             std::function<bool()> waiting)
    : command_(std::move(command)), config_(config), waiting_(std::move(waiting)) {}

RepositoryAccess ProcessWorker::Access() const {
  return {.url = config_.repository,
          .root = config_.root,
          .state_folder = config_.state_folder,
          .ca_file = config_.ca_file};
}

Result<std::string> ProcessWorker::Run(const std::string& input, double deadline_s) const {
  WHET_ASSIGN_OR_RETURN(
      ChildResult child,
      RunChild({.command = command_, .input = input, .deadline_s = deadline_s, .waiting = waiting_}));
  if (child.exit_status != 0) {
    return Error(Code::kIo, "the child process %s", Describe(child, deadline_s).c_str()).At(command_[0]);
  }
  return std::move(child.output);
}

Result<RefreshReport> ProcessWorker::Refresh(const std::string& power, bool first) {
  const RefreshJob job{.access = Access(),
                       .device = config_.device,
                       .channel = config_.channel,
                       .families = config_.families,
                       .power = power,
                       .first = first};
  retry_after_s_ = 0;
  WHET_ASSIGN_OR_RETURN(const std::string answer, Run(ToJson(job), kRefreshDeadlineS));
  retry_after_s_ = RetryAfterOf(answer);
  return ParseRefreshAnswer(answer);
}

Result<SendReport> ProcessWorker::Send() {
  const TelemetrySettings& telemetry = config_.telemetry;
  const SendJob job{.spool = SpoolPath(config_),
                    .spool_bytes = telemetry.spool_bytes,
                    .url = telemetry.url,
                    .token_file = telemetry.token_file,
                    .ca_file = config_.ca_file,
                    .mqtt_host = telemetry.mqtt_host,
                    .mqtt_port = telemetry.mqtt_port,
                    .mqtt_topic = telemetry.mqtt_topic,
                    .mqtt_receipts = telemetry.mqtt_receipts,
                    .mqtt_tls = telemetry.mqtt_tls,
                    .mqtt_user = telemetry.mqtt_user,
                    .mqtt_password_file = telemetry.mqtt_password_file,
                    .device = config_.device};
  WHET_ASSIGN_OR_RETURN(const std::string answer, Run(ToJson(job), kSendDeadlineS));
  return ParseSendAnswer(answer);
}

Result<FetchReport> ProcessWorker::Fetch(const FetchJob& job) {
  retry_after_s_ = 0;
  WHET_ASSIGN_OR_RETURN(const std::string answer,
                        Run(ToJson(FetchRequestJob{.access = Access(), .job = job}), kFetchDeadlineS));
  retry_after_s_ = RetryAfterOf(answer);
  return ParseFetchAnswer(answer);
}

Result<SelfTestReport> ProcessWorker::SelfTest(const SelfTestJob& job) {
  const SelfTestSettings& settings = config_.self_test;
  const std::string input =
      ToJson(SelfTestRequest{.job = job, .threads = settings.threads, .runs = settings.runs});
  bool stopped = false;
  WHET_ASSIGN_OR_RETURN(
      const ChildResult child,
      RunChild({.command = command_, .input = input, .deadline_s = settings.deadline_s, .waiting = [&] {
                  return stopped = waiting_ && waiting_();
                }}));
  if (stopped) return Error(Code::kIo, "the self-test was interrupted because the agent ends");
  if (child.exit_status == 0) return ParseSelfTestAnswer(child.output);
  // The model took the process down, or kept it busy beyond its time.
  SelfTestReport report;
  report.outcome = SelfTestReport::Outcome::kFailed;
  report.reason = "the self-test " + Describe(child, settings.deadline_s);
  return report;
}

}  // namespace whet::agent
