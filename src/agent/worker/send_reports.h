// Empties the spool: OTLP/HTTP JSON by POST, or MQTT with QoS 1.
#pragma once

#include "agent/monitor/spool.h"
#include "agent/process/jobs.h"
#include "fleet/http/fetch.h"

namespace whet::agent {

// How long a server that asks for patience (Retry-After) can make an agent wait.
inline constexpr double kLongestPatienceS = 24 * 3600;

// A token or password: a small file's text without the space at its end.
Result<std::string> ReadSecret(const std::string& path);

// Sends the oldest reports until none is left, the server asks for patience or something fails. A report
// leaves the spool when the server has taken it, or has refused it for what it is.
Result<SendReport> SendReports(const SendJob& job, Spool& spool, fleet::Fetcher& fetcher);
Result<SendReport> SendReportsByMqtt(const SendJob& job, Spool& spool);

}  // namespace whet::agent
