// Empties the spool: OTLP/HTTP JSON by POST, or MQTT with QoS 1.
#pragma once

#include <chrono>

#include "agent/monitor/spool.h"
#include "agent/process/jobs.h"
#include "fleet/http/fetch.h"

namespace whet::agent {

// How long a server that asks for patience (Retry-After) can make an agent wait.
inline constexpr double kLongestPatienceS = 24 * 3600;

// A token or password: a small file's text without the space at its end.
Result<std::string> ReadSecret(const std::string& path);

// Whether a server that answers so will never take the report, whoever sends it and when.
bool IsRefusal(int status);

// Sends the oldest reports until none is left, the server asks for patience or something fails. A report
// leaves the spool when the server has taken it, or has refused it for what it is; by MQTT without receipts
// (job.mqtt_receipts is empty) when the broker has taken it.
Result<SendReport> SendReports(const SendJob& job, Spool& spool, fleet::Fetcher& fetcher);
// How long after the last receipt the next one may take to come.
inline constexpr std::chrono::milliseconds kReceiptPatience(10'000);
Result<SendReport> SendReportsByMqtt(const SendJob& job, Spool& spool,
                                     std::chrono::milliseconds receipt_patience = kReceiptPatience);

}  // namespace whet::agent
