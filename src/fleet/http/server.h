// The HTTP server of the fleet (libmicrohttpd): routes with parameters in their paths, answers given at once
// or later from another thread, server-sent events, TLS, and listening on TCP or on a Unix socket.
//
// What a client sends is bounded everywhere: the header section (32 KiB), the body (per route, counted after
// gzip is undone), idle time, the number of connections. Paths are taken apart before they are
// percent-decoded, so an encoded slash never makes a new segment.
#pragma once

#include <any>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace whet::fleet {

class EventSubscriber;

struct HttpRequest {
  std::string method;  // "GET", …; HEAD reaches the handlers of GET as "HEAD"
  std::string path;    // percent-decoded
  std::map<std::string, std::string, std::less<>> path_parameters;  // decoded, by their names in the route
  std::map<std::string, std::string, std::less<>> query;            // decoded; the last of equal names
  std::map<std::string, std::string, std::less<>> headers;          // names in lower case
  std::string body;                                                 // gzip undone
  std::string remote;                                               // the peer's address, or "unix"
  std::any user;                                                    // what Options::authorize made of it

  // "" if there is none.
  std::string_view Header(std::string_view lower_case_name) const;
  std::string_view Query(std::string_view name) const;
  std::string_view PathParameter(std::string_view name) const;
};

// An open file, closed with the last owner; the body of an answer without being read into memory.
class HttpFile {
 public:
  explicit HttpFile(int fd) : fd_(fd) {}
  HttpFile(const HttpFile&) = delete;
  HttpFile& operator=(const HttpFile&) = delete;
  ~HttpFile();
  int fd() const { return fd_; }

 private:
  int fd_;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  // Instead of `body`: a part of a file, or a stream of events.
  std::shared_ptr<HttpFile> file = nullptr;
  uint64_t file_offset = 0;
  uint64_t file_bytes = 0;
  std::shared_ptr<EventSubscriber> events = nullptr;
};

// {"error": {"code": "not-found", "message": "…"}}; `code` is chosen by the status.
HttpResponse HttpError(int status, std::string_view message);

namespace internal {
struct PendingReply;
}

// Answers one request, once, from any thread, also after the server has gone. Destroyed without an answer,
// it answers 500.
class HttpReply {
 public:
  explicit HttpReply(std::shared_ptr<internal::PendingReply> pending) : pending_(std::move(pending)) {}
  HttpReply(HttpReply&&) noexcept = default;
  HttpReply& operator=(HttpReply&&) = delete;
  ~HttpReply();
  void Send(HttpResponse response);

 private:
  std::shared_ptr<internal::PendingReply> pending_;
};

// Both run on the server's threads, several at once. What they throw becomes an answer 500.
using HttpHandler = std::function<HttpResponse(HttpRequest& request)>;
using AsyncHttpHandler = std::function<void(HttpRequest& request, HttpReply reply)>;

struct HttpRoute {
  // "GET", "POST", "PUT" or "DELETE". GET answers HEAD too.
  std::string method;
  // "/api/v1/devices/{device}": a parameter is one whole segment, never empty. "/repo/{path*}": all that
  // follows, slashes and all, still percent-encoded (for ServeFile); may be empty; last only.
  std::string pattern;
  size_t max_body = 0;  // bytes, after decompression; more is answered 413
  // For the application's own use, e.g. which role may call it.
  std::string access;
  HttpHandler handler;
  AsyncHttpHandler async_handler;  // instead of `handler`
};

struct HttpServerOptions {
  // "127.0.0.1:8080", "[::]:8080", "unix:/run/whet/agent.sock". Port 0 takes a free one. A Unix socket that
  // nobody listens on any more is replaced.
  std::string listen = "127.0.0.1:0";
  int unix_mode = 0660;              // the Unix socket's permissions
  int threads = 2;                   // that handle requests
  int max_connections = 4096;        // more wait in the kernel's queue
  int max_per_address = 0;           // connections; 0: no limit
  int idle_timeout_s = 30;           // without a byte in either direction
  int request_timeout_s = 120;       // from the request line to the body's last byte
  bool behind_proxy = false;         // the peer's address is the last one in X-Forwarded-For
  std::string tls_certificate = {};  // PEM file, the whole chain; empty: no TLS
  std::string tls_key = {};          // PEM file
  std::vector<std::pair<std::string, std::string>> headers = {};  // added to every answer
  // Called when a request's headers are there, before its body is read; an answer ends it there. May set
  // request.user.
  std::function<std::unique_ptr<HttpResponse>(HttpRequest& request, const HttpRoute& route)> authorize = {};
  // Called after each answered request, e.g. to count; `pattern` is "" where no route matched.
  std::function<void(std::string_view method, std::string_view pattern, int status, double seconds)> observe =
      {};
};

// Serves from Start until Stop. Thread-safe after Start.
class HttpServer {
 public:
  // An error names the address or file at fault. Routes with fixed segments win over those with parameters.
  static Result<std::unique_ptr<HttpServer>> Start(HttpServerOptions options, std::vector<HttpRoute> routes);

  virtual ~HttpServer() = default;

  // The port that is listened on; 0 for a Unix socket.
  virtual int port() const = 0;
  // "http://127.0.0.1:8080", "https://…", "unix:/run/…".
  virtual std::string url() const = 0;
  // Takes no new connections, waits up to `drain_s` seconds for requests being handled, ends event streams
  // and closes. Later calls do nothing; the destructor calls it with 1.
  virtual void Stop(double drain_s) = 0;
};

// %XX undone; false for a malformed escape or a zero byte.
bool PercentDecode(std::string_view text, std::string& decoded);

// Undoes gzip (one or several members). kLimitExceeded if there are more than `limit` bytes, kBadFile if it
// is not gzip or ends early.
Result<std::string> Gunzip(std::string_view bytes, size_t limit);

}  // namespace whet::fleet
