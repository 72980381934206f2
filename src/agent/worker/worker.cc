#include "agent/worker/worker.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "agent/monitor/spool.h"
#include "agent/process/jobs.h"
#include "agent/worker/self_tester.h"
#include "agent/worker/send_reports.h"
#include "agent/worker/signed_repository.h"
#include "whet/whet.h"

namespace whet::agent {
namespace {

constexpr size_t kMaxJobBytes = size_t{1} << 20;

// Passes requests on and remembers how long the server wants to be left alone.
class NotingFetcher : public fleet::Fetcher {
 public:
  NotingFetcher(std::unique_ptr<fleet::Fetcher> fetcher, double& retry_after_s)
      : fetcher_(std::move(fetcher)), retry_after_s_(retry_after_s) {}
  Result<fleet::FetchResponse> Fetch(const fleet::FetchRequest& request,
                                     const fleet::FetchSink& sink) override {
    auto response = fetcher_->Fetch(request, sink);
    if (response.ok() && (response->status == 429 || response->status == 503)) {
      retry_after_s_ =
          std::max(retry_after_s_, std::min(static_cast<double>(response->retry_after_s), kLongestPatienceS));
    }
    return response;
  }

 private:
  std::unique_ptr<fleet::Fetcher> fetcher_;
  double& retry_after_s_;
};

Result<std::unique_ptr<fleet::Fetcher>> FetcherFor(const std::string& ca_file) {
  fleet::FetchOptions options;
  options.user_agent = std::string("whet-agent/") + whet_version();
  options.ca_file = ca_file;
  return fleet::MakeFetcher(std::move(options));
}

Result<RefreshReport> Refresh(const RefreshJob& job, double& retry_after_s) {
  WHET_ASSIGN_OR_RETURN(std::unique_ptr<fleet::Fetcher> plain, FetcherFor(job.access.ca_file));
  NotingFetcher fetcher(std::move(plain), retry_after_s);
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<SignedRepository> repository,
                        SignedRepository::Open(job.access, fetcher));
  RefreshReport report;
  if (!job.first) {
    WHET_ASSIGN_OR_RETURN(report.unchanged, repository->IsUnchanged());
    if (report.unchanged) return report;
  }
  WHET_RETURN_IF_ERROR(repository->Refresh());
  const Machine machine = ThisMachine(job.power);
  bool all = true;
  for (const std::string& family : job.families) {
    auto offer = repository->ReadOffer(job, family, machine);
    all = all && offer.ok();
    // One family's fault is no other's.
    if (offer.ok()) {
      report.families.push_back(std::move(*offer));
    } else {
      report.families.push_back(
          {.family = family, .offer = std::nullopt, .refused = offer.status().ToString()});
    }
  }
  if (all) WHET_RETURN_IF_ERROR(repository->Remember());
  return report;
}

Result<FetchReport> Fetch(const FetchRequestJob& job, double& retry_after_s) {
  WHET_ASSIGN_OR_RETURN(std::unique_ptr<fleet::Fetcher> plain, FetcherFor(job.access.ca_file));
  NotingFetcher fetcher(std::move(plain), retry_after_s);
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<SignedRepository> repository,
                        SignedRepository::Open(job.access, fetcher));
  WHET_RETURN_IF_ERROR(repository->Refresh());
  return FetchRelease(PosixFileSystem(), *repository, job.job);
}

Result<SendReport> Send(const SendJob& job) {
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<Spool> spool, Spool::Open(job.spool, job.spool_bytes));
  if (!job.mqtt_host.empty()) return SendReportsByMqtt(job, *spool);
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<fleet::Fetcher> fetcher, FetcherFor(job.ca_file));
  return SendReports(job, *spool, *fetcher);
}

template <typename Job, typename Work>
std::string Serve(Result<Job> job, const Work& work) {
  if (!job.ok()) return AnswerOf(job.status());
  double retry_after_s = 0;
  auto report = work(*job, retry_after_s);
  return report.ok() ? AnswerOf(*report) : AnswerOf(report.status(), retry_after_s);
}

}  // namespace

std::string ServeJob(std::string_view job) {
  const std::string kind = JobKind(job);
  if (kind == "refresh") return Serve(ParseRefreshJob(job), Refresh);
  if (kind == "fetch") return Serve(ParseFetchJob(job), Fetch);
  if (kind == "self-test") {
    return Serve(ParseSelfTestJob(job),
                 [](const SelfTestRequest& request, double&) { return RunSelfTest(request); });
  }
  if (kind == "send") {
    return Serve(ParseSendJob(job), [](const SendJob& request, double&) { return Send(request); });
  }
  return AnswerOf(
      Error(Code::kInvalidArgument, "there is no such job; this program is started by whet-agent"));
}

int WorkerMain() {
  // A model that crashes in its self-test leaves no core file on the device.
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  std::string job;
  char buffer[4096];
  while (job.size() <= kMaxJobBytes) {
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    job.append(buffer, static_cast<size_t>(count));
  }
  const std::string answer = ServeJob(job);
  return std::fwrite(answer.data(), 1, answer.size(), stdout) == answer.size() && std::fflush(stdout) == 0
             ? 0
             : 1;
}

}  // namespace whet::agent
