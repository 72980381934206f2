// The HTTP client of the fleet: one request at a time, into a sink, under limits that a hostile or broken
// server cannot get around (size, speed, time, redirects).
//
// Fetcher is the interface, so that tests and simulations put something else in its place; MakeFetcher makes
// the one that speaks http, https and file (libcurl).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace whet::fleet {

struct FetchRequest {
  std::string url;
  // The ETag of what the caller has: the answer is 304, without a body, when it is still current.
  std::string if_none_match;
  // Asks for the bytes from here to the end (to resume). A server may ignore it: see FetchSink.
  uint64_t first_byte = 0;
  // The whole resource's greatest size, counted from its byte 0; more of it is an error (kLimitExceeded).
  uint64_t max_bytes = uint64_t{16} << 20;
  std::string bearer_token;
  std::vector<std::pair<std::string, std::string>> headers;  // name, value
  // Present: a POST of these bytes, or a PUT. Absent: a GET.
  std::optional<std::string> body;
  bool put = false;
  std::string content_type = "application/json";  // of `body`
};

struct FetchResponse {
  int status = 0;  // the HTTP status; for file URLs 200, 206 or 404
  std::string etag;
  std::string content_type;
  uint64_t body_bytes = 0;     // that went to the sink
  uint64_t retry_after_s = 0;  // Retry-After in seconds, 0 if there is none
  std::string error_body;      // of an answer that is not 2xx: its first 4 KiB
};

// Takes the body of a 2xx answer piece by piece. `offset` is the first byte's place in the resource: the
// first call has first_byte, or 0 if the server sent everything from the start. An error ends the transfer
// and is what Fetch returns.
using FetchSink = std::function<Status(uint64_t offset, std::span<const std::byte> bytes)>;

class Fetcher {
 public:
  virtual ~Fetcher() = default;
  // Any complete HTTP answer is a success here; the caller looks at `status`. An error says which host and
  // why: kIo for the network (a retry may help), kLimitExceeded for what a limit stopped, kInvalidArgument
  // for the URL. Not thread-safe: one Fetcher per thread.
  virtual Result<FetchResponse> Fetch(const FetchRequest& request, const FetchSink& sink) = 0;
};

struct FetchOptions {
  std::string user_agent = "whet/0.1";
  int connect_timeout_s = 15;
  int total_timeout_s = 0;  // of one request; 0: none
  // Slow retrieval: slower than this many bytes per second for this many seconds is an error.
  int low_speed_bytes_per_s = 256;
  int low_speed_s = 30;
  int max_redirects = 3;  // only to http and https, and from https only to https
  std::string ca_file;    // certificate authorities in PEM; empty: the system's
  // Checked about once per second: true ends the transfer with kIo. Must outlive the Fetcher.
  const std::atomic<bool>* stop = nullptr;
};

// Connections stay open between requests.
Result<std::unique_ptr<Fetcher>> MakeFetcher(FetchOptions options = {});

// OK for 2xx. Otherwise an error with the host, the status and the beginning of what the server said:
// kNotFound for 404, kIo for what may pass by itself (408, 429, 5xx), else kInvalidArgument.
Status RequireSuccess(const FetchRequest& request, const FetchResponse& response);

// The whole body in memory, at most request.max_bytes; what is not 2xx is an error.
Result<std::string> FetchText(Fetcher& fetcher, const FetchRequest& request);

// "host:port" of a URL for messages, never its user, password, path or query; the whole path for file URLs.
std::string HostOf(std::string_view url);

}  // namespace whet::fleet
