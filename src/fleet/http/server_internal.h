// Shared by the server's own files.
#pragma once

#include <microhttpd.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "fleet/http/server.h"

namespace whet::fleet {

// The bytes that wait for one reader of events.
class EventSubscriber {
 public:
  static constexpr size_t kMaxWaiting = 256 * 1024;

  // False once it is closed, by itself for too much waiting or by Close.
  bool Append(std::string_view text);
  // The rest is still sent, then the stream ends.
  void Close();

  // The server's side. Attach before the answer is queued; Read is MHD's content reader.
  void Attach(MHD_Connection* connection);
  void Detach();
  ssize_t Read(char* buffer, size_t max);

 private:
  void Resume();  // mutex_ held

  std::mutex mutex_;
  std::string waiting_;
  MHD_Connection* connection_ = nullptr;
  bool suspended_ = false;
  bool closed_ = false;
};

namespace internal {

// An answer that is on its way; shared by the connection and the HttpReply.
struct PendingReply {
  std::mutex mutex;
  std::optional<HttpResponse> response;
  bool answered = false;                // at most one answer counts
  MHD_Connection* suspended = nullptr;  // to be resumed by the answer
};

// Listens; `port` is 0 for a Unix socket, whose file's path goes to `unix_path`.
struct Listener {
  int fd = -1;
  int port = 0;
  std::string host;       // as in a URL
  std::string unix_path;  // empty for TCP
};
Result<Listener> Listen(const std::string& address, int unix_mode);

// "192.0.2.1", "2001:db8::1" or "unix".
std::string AddressText(const struct sockaddr* address);

// The route of a method and a path, and its parameters.
class Router {
 public:
  // Two routes of one method and pattern, or a pattern that is none, are an error.
  static Result<Router> Make(std::vector<HttpRoute> routes);

  struct Match {
    const HttpRoute* route = nullptr;  // null: no such path, or, with `allow`, not this method
    std::string allow;                 // the methods that this path has
  };
  // Fills path_parameters. `encoded_path` begins with '/'.
  Match Find(std::string_view method, std::string_view encoded_path, HttpRequest& request) const;

 private:
  struct Entry {
    HttpRoute route;
    std::vector<std::string> segments;  // a parameter is "{name}", a tail "{name*}"
  };
  std::vector<Entry> entries_;  // the more fixed ones first
};

}  // namespace internal
}  // namespace whet::fleet
