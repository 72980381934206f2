// The server's own counters.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

namespace whet::fleet {

struct ServerContext;

// Thread-safe.
class RequestMetrics {
 public:
  void Count(std::string_view method, std::string_view pattern, int status, double seconds);
  // In Prometheus' text form.
  void Print(std::string& out) const;

  std::atomic<uint64_t> gate_evaluations = 0;
  std::atomic<uint64_t> publish_failures = 0;
  std::atomic<uint64_t> malformed_reports = 0;
  std::atomic<uint64_t> receipts_dropped = 0;

 private:
  struct Sum {
    uint64_t count = 0;
    double seconds = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, int>, Sum> requests_;  // method, pattern, status
};

// All of GET /metrics.
std::string PrintMetrics(ServerContext& context);

}  // namespace whet::fleet
