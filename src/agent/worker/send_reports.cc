#include "agent/worker/send_reports.h"

#include <algorithm>

#include "agent/storage/file_system.h"

namespace whet::agent {
namespace {

constexpr int kMostAtOnce = 200;

}  // namespace

bool IsRefusal(int status) { return status == 400 || status == 413 || status == 415 || status == 422; }

Result<std::string> ReadSecret(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(std::string secret, PosixFileSystem().ReadSmall(path, 4096));
  const auto is_space = [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; };
  while (!secret.empty() && is_space(secret.back())) secret.pop_back();
  return secret;
}

Result<SendReport> SendReports(const SendJob& job, Spool& spool, fleet::Fetcher& fetcher) {
  SendReport report;
  fleet::FetchRequest request;
  request.url = job.url;
  request.max_bytes = size_t{64} << 10;
  if (!job.token_file.empty()) {
    WHET_ASSIGN_OR_RETURN(request.bearer_token, ReadSecret(job.token_file));
  }
  for (int i = 0; i < kMostAtOnce; ++i) {
    WHET_ASSIGN_OR_RETURN(std::vector<SpooledReport> oldest, spool.Oldest(1));
    if (oldest.empty()) break;
    request.body = oldest[0].body;
    auto response = fetcher.Fetch(request, [](uint64_t, std::span<const std::byte>) { return Status(); });
    if (!response.ok()) {
      report.error = response.status().ToString();
      break;
    }
    const bool taken = response->status / 100 == 2;
    if (!taken && !IsRefusal(response->status)) {
      report.error = fleet::RequireSuccess(request, *response).ToString();
      report.retry_after_s = std::min(static_cast<double>(response->retry_after_s), kLongestPatienceS);
      break;
    }
    ++(taken ? report.sent : report.refused);
    WHET_RETURN_IF_ERROR(spool.Remove(oldest));
  }
  WHET_ASSIGN_OR_RETURN(const int64_t left, spool.Count());
  report.left = static_cast<int>(left);
  return report;
}

}  // namespace whet::agent
