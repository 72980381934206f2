#include "fleet/http/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "fleet/http/server_internal.h"

namespace whet::fleet {

using internal::Listener;
using internal::PendingReply;
using internal::Router;
using Clock = std::chrono::steady_clock;

HttpFile::~HttpFile() { ::close(fd_); }

HttpReply::~HttpReply() {
  if (pending_) Send(HttpError(500, "the request was given up"));
}

void HttpReply::Send(HttpResponse response) {
  const auto pending = std::move(pending_);
  if (!pending) return;
  const std::lock_guard lock(pending->mutex);
  if (pending->answered) return;
  pending->answered = true;
  pending->response = std::move(response);
  if (pending->suspended != nullptr) {
    MHD_resume_connection(pending->suspended);
    pending->suspended = nullptr;
  }
}

namespace {

constexpr size_t kConnectionMemory = 32 * 1024;
constexpr size_t kThreadStack = 512 * 1024;

// One connection: how long the request on it may still take to arrive.
struct Connection {
  int fd = -1;
  std::mutex mutex;
  Clock::time_point since;  // of waiting for the rest of a request
  bool reading = true;
};

// One request, from its request line to the last byte of its answer.
struct Exchange {
  std::string uri;
  Clock::time_point start = Clock::now();
  HttpRequest request;
  const HttpRoute* route = nullptr;
  size_t max_body = 0;
  size_t received = 0;
  enum class Stage : uint8_t { kHeaders, kBody, kWaiting, kAnswered } stage = Stage::kHeaders;
  std::shared_ptr<PendingReply> pending;
  std::shared_ptr<EventSubscriber> events;
  int status = 0;
  bool counted = false;  // among those that Stop waits for
};

MHD_Result CollectHeader(void* cls, MHD_ValueKind, const char* name, const char* value) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  auto& headers = static_cast<HttpRequest*>(cls)->headers;
  auto& entry = headers[std::move(lower)];
  if (!entry.empty()) entry += ", ";  // RFC 9110, 5.3
  entry += value == nullptr ? "" : value;
  return MHD_YES;
}

// "?a=1&b=two+words"; false if it is malformed.
bool ParseQuery(std::string_view text, HttpRequest& request) {
  std::string name;
  std::string value;
  while (!text.empty()) {
    const size_t end = text.find('&');
    std::string pair(text.substr(0, end));
    std::ranges::replace(pair, '+', ' ');
    const size_t equals = pair.find('=');
    if (!PercentDecode(std::string_view(pair).substr(0, equals), name)) return false;
    value.clear();
    if (equals != std::string::npos && !PercentDecode(std::string_view(pair).substr(equals + 1), value))
      return false;
    if (!name.empty()) request.query[name] = value;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return true;
}

Result<std::string> ReadPem(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return Error(Code::kNotFound, "cannot read the PEM file").At(path);
  return std::move(text).str();
}

class MhdServer final : public HttpServer {
 public:
  MhdServer(HttpServerOptions options, Router router, Listener listener)
      : options_(std::move(options)), router_(std::move(router)), listener_(std::move(listener)) {}

  ~MhdServer() override { Stop(1); }

  Status Run() {
    const bool tls = !options_.tls_certificate.empty() || !options_.tls_key.empty();
    if (tls) {
      WHET_ASSIGN_OR_RETURN(certificate_, ReadPem(options_.tls_certificate));
      WHET_ASSIGN_OR_RETURN(key_, ReadPem(options_.tls_key));
    }
    std::vector<MHD_OptionItem> items;
    const auto number = [&](MHD_OPTION option, intptr_t value) { items.push_back({option, value, nullptr}); };
    number(MHD_OPTION_LISTEN_SOCKET, listener_.fd);
    number(MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory);
    number(MHD_OPTION_CONNECTION_LIMIT, options_.max_connections);
    number(MHD_OPTION_CONNECTION_TIMEOUT, options_.idle_timeout_s);
    number(MHD_OPTION_THREAD_STACK_SIZE, kThreadStack);
    if (options_.max_per_address > 0) number(MHD_OPTION_PER_IP_CONNECTION_LIMIT, options_.max_per_address);
    // A pool of one thread would be two threads.
    if (options_.threads > 1) number(MHD_OPTION_THREAD_POOL_SIZE, options_.threads);
    if (tls) {
      items.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, certificate_.data()});
      items.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, key_.data()});
      items.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0, const_cast<char*>(kTlsPriorities)});
    }
    items.push_back({MHD_OPTION_END, 0, nullptr});
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
    if (tls) flags |= MHD_USE_TLS;
    daemon_ = MHD_start_daemon(
        flags, 0, nullptr, nullptr, &MhdServer::OnAccess, this,  //
        MHD_OPTION_URI_LOG_CALLBACK, &MhdServer::OnRequestLine, this, MHD_OPTION_NOTIFY_COMPLETED,
        &MhdServer::OnCompleted, this, MHD_OPTION_NOTIFY_CONNECTION, &MhdServer::OnConnection, this,
        // Paths and queries stay as they came; they are decoded after they were taken apart.
        MHD_OPTION_UNESCAPE_CALLBACK, &MhdServer::LeaveEscaped, nullptr,  //
        MHD_OPTION_ARRAY, items.data(), MHD_OPTION_END);
    if (daemon_ == nullptr) {
      ::close(listener_.fd);
      if (!listener_.unix_path.empty()) ::unlink(listener_.unix_path.c_str());
      return Error(tls ? Code::kInvalidArgument : Code::kIo, "the HTTP server does not start%s",
                   tls ? "; is the key that of the certificate?" : "")
          .At(options_.listen);
    }
    watch_ = std::thread([this] { WatchSlowRequests(); });
    return {};
  }

  int port() const override { return listener_.port; }

  std::string url() const override {
    if (!listener_.unix_path.empty()) return "unix:" + listener_.unix_path;
    return Format("%s://%s:%d", options_.tls_certificate.empty() ? "http" : "https", listener_.host.c_str(),
                  listener_.port);
  }

  void Stop(double drain_s) override {
    if (daemon_ == nullptr) return;
    MHD_quiesce_daemon(daemon_);
    {
      std::unique_lock lock(mutex_);
      idle_.wait_for(lock, std::chrono::duration<double>(drain_s), [this] { return active_ == 0; });
      stopping_ = true;
      for (const auto& pending : pending_) {
        HttpReply(pending).Send(HttpError(503, "the server is shutting down"));
      }
      for (const auto& events : events_) events->Close();
    }
    wake_.notify_all();
    watch_.join();
    MHD_stop_daemon(daemon_);
    daemon_ = nullptr;
    ::close(listener_.fd);
    if (!listener_.unix_path.empty()) ::unlink(listener_.unix_path.c_str());
  }

 private:
  static constexpr const char* kTlsPriorities = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

  static size_t LeaveEscaped(void*, MHD_Connection*, char* text) { return std::strlen(text); }

  static void* OnRequestLine(void*, const char* uri, MHD_Connection*) {
    try {
      auto exchange = std::make_unique<Exchange>();
      exchange->uri = uri == nullptr ? "" : uri;
      return exchange.release();
    } catch (...) {
      return nullptr;
    }
  }

  static MHD_Result OnAccess(void* cls, MHD_Connection* connection, const char*, const char* method,
                             const char*, const char* data, size_t* size, void** context) {
    auto* exchange = static_cast<Exchange*>(*context);
    if (exchange == nullptr) return MHD_NO;
    try {
      return static_cast<MhdServer*>(cls)->Access(connection, *exchange, method, data, size);
    } catch (...) {
      return MHD_NO;
    }
  }

  static void OnCompleted(void* cls, MHD_Connection* connection, void** context, MHD_RequestTerminationCode) {
    const std::unique_ptr<Exchange> exchange(static_cast<Exchange*>(*context));
    *context = nullptr;
    if (!exchange) return;
    try {
      static_cast<MhdServer*>(cls)->Completed(connection, *exchange);
    } catch (...) {  // counting a request must not end the process
    }
  }

  static void OnConnection(void* cls, MHD_Connection* connection, void** context,
                           MHD_ConnectionNotificationCode code) {
    try {
      auto* self = static_cast<MhdServer*>(cls);
      if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        auto state = std::make_unique<Connection>();
        const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        state->fd = info == nullptr ? -1 : info->connect_fd;
        state->since = Clock::now();
        const std::lock_guard lock(self->connections_mutex_);
        self->connections_.insert(state.get());
        *context = state.release();
      } else {
        const std::unique_ptr<Connection> state(static_cast<Connection*>(*context));
        *context = nullptr;
        const std::lock_guard lock(self->connections_mutex_);
        self->connections_.erase(state.get());
      }
    } catch (...) {  // without its state a connection has only the idle timeout
    }
  }

  static Connection* StateOf(MHD_Connection* connection) {
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == nullptr ? nullptr : static_cast<Connection*>(info->socket_context);
  }

  static void SetReading(MHD_Connection* connection, bool reading) {
    Connection* state = StateOf(connection);
    if (state == nullptr) return;
    const std::lock_guard lock(state->mutex);
    state->reading = reading;
    state->since = Clock::now();
  }

  // MHD's own timeout starts anew with every byte, so a client that sends one byte a minute would keep its
  // connection for days.
  void WatchSlowRequests() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; })) {
      lock.unlock();
      const auto oldest = Clock::now() - std::chrono::seconds(options_.request_timeout_s);
      {
        const std::lock_guard connections_lock(connections_mutex_);
        for (Connection* state : connections_) {
          const std::lock_guard state_lock(state->mutex);
          if (state->reading && state->since < oldest && state->fd >= 0) ::shutdown(state->fd, SHUT_RDWR);
        }
      }
      lock.lock();
    }
  }

  MHD_Result Access(MHD_Connection* connection, Exchange& exchange, const char* method, const char* data,
                    size_t* size) {
    switch (exchange.stage) {
      case Exchange::Stage::kHeaders: return Headers(connection, exchange, method);
      case Exchange::Stage::kBody:
        if (*size > 0) return Body(exchange, data, size);
        SetReading(connection, false);
        return Handle(connection, exchange);
      case Exchange::Stage::kWaiting: {
        HttpResponse response;
        {
          const std::lock_guard lock(exchange.pending->mutex);
          if (!exchange.pending->response) return MHD_YES;
          response = std::move(*exchange.pending->response);
        }
        Forget(exchange);
        return Queue(connection, exchange, std::move(response));
      }
      case Exchange::Stage::kAnswered: break;
    }
    return MHD_NO;
  }

  MHD_Result Headers(MHD_Connection* connection, Exchange& exchange, const char* method) {
    {
      const std::lock_guard lock(mutex_);
      ++active_;
      exchange.counted = true;
    }
    HttpRequest& request = exchange.request;
    request.method = method;
    MHD_get_connection_values(connection, MHD_HEADER_KIND, &CollectHeader, &request);
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    request.remote = internal::AddressText(info == nullptr ? nullptr : info->client_addr);
    if (options_.behind_proxy) {
      std::string_view forwarded = request.Header("x-forwarded-for");
      if (const size_t comma = forwarded.rfind(','); comma != std::string_view::npos)
        forwarded.remove_prefix(comma + 1);
      while (forwarded.starts_with(' ')) forwarded.remove_prefix(1);
      if (!forwarded.empty()) request.remote = forwarded;
    }

    std::string_view uri = exchange.uri;
    if (uri.starts_with("http://") || uri.starts_with("https://")) {
      const size_t slash = uri.find('/', uri.find("//") + 2);
      uri = slash == std::string_view::npos ? "/" : uri.substr(slash);
    }
    const size_t question = uri.find('?');
    const std::string_view path = uri.substr(0, question);
    if (!path.starts_with('/') || !PercentDecode(path, request.path) ||
        (question != std::string_view::npos && !ParseQuery(uri.substr(question + 1), request))) {
      return Queue(connection, exchange, HttpError(400, "the URL is malformed"));
    }
    const Router::Match match = router_.Find(request.method, path, request);
    if (match.route == nullptr) {
      if (match.allow.empty()) return Queue(connection, exchange, HttpError(404, "there is no such path"));
      auto response = HttpError(405, "this path has no such method");
      response.headers.emplace_back("Allow", match.allow);
      return Queue(connection, exchange, std::move(response));
    }
    exchange.route = match.route;
    exchange.max_body = match.route->max_body;
    if (options_.authorize) {
      if (const auto refusal = Guarded([&] { return options_.authorize(request, *match.route); })) {
        return Queue(connection, exchange, std::move(*refusal));
      }
    }
    const std::string_view encoding = request.Header("content-encoding");
    if (!encoding.empty() && encoding != "gzip" && encoding != "identity") {
      return Queue(connection, exchange, HttpError(415, "a body may be encoded with gzip, and nothing else"));
    }
    if (const auto length = request.Header("content-length");
        !length.empty() && std::strtoull(std::string(length).c_str(), nullptr, 10) > exchange.max_body) {
      return Queue(connection, exchange, TooLarge(exchange));
    }
    exchange.stage = Exchange::Stage::kBody;
    return MHD_YES;
  }

  static HttpResponse TooLarge(const Exchange& exchange) {
    return HttpError(413, Format("the body may have at most %zu bytes", exchange.max_body));
  }

  static MHD_Result Body(Exchange& exchange, const char* data, size_t* size) {
    exchange.received += *size;
    if (exchange.received <= exchange.max_body) {
      exchange.request.body.append(data, *size);
    } else {
      // The answer can only be given at the body's end: wait for it a little, but not for one without end.
      std::string().swap(exchange.request.body);
      if (exchange.received > 2 * exchange.max_body + 65536) return MHD_NO;
    }
    *size = 0;
    return MHD_YES;
  }

  // An exception becomes an answer.
  template <typename Function>
  static std::unique_ptr<HttpResponse> Guarded(const Function& function) {
    try {
      return function();
    } catch (...) {
      return std::make_unique<HttpResponse>(HttpError(500, "the server failed at this request"));
    }
  }

  MHD_Result Handle(MHD_Connection* connection, Exchange& exchange) {
    HttpRequest& request = exchange.request;
    if (exchange.received > exchange.max_body) return Queue(connection, exchange, TooLarge(exchange));
    if (request.Header("content-encoding") == "gzip") {
      auto plain = Gunzip(request.body, exchange.max_body);
      if (!plain.ok()) {
        return Queue(
            connection, exchange,
            HttpError(plain.status().code() == Code::kLimitExceeded ? 413 : 400, plain.status().what()));
      }
      request.body = std::move(*plain);
    }
    if (exchange.route->handler) {
      auto response =
          Guarded([&] { return std::make_unique<HttpResponse>(exchange.route->handler(request)); });
      return Queue(connection, exchange, std::move(*response));
    }
    exchange.pending = std::make_shared<PendingReply>();
    if (auto failure = Guarded([&]() -> std::unique_ptr<HttpResponse> {
          exchange.route->async_handler(request, HttpReply(exchange.pending));
          return nullptr;
        })) {
      HttpReply(exchange.pending).Send(std::move(*failure));
    }
    {
      const std::lock_guard lock(mutex_);
      const std::lock_guard pending_lock(exchange.pending->mutex);
      if (!exchange.pending->response) {
        if (stopping_) return MHD_NO;
        exchange.stage = Exchange::Stage::kWaiting;
        exchange.pending->suspended = connection;
        pending_.insert(exchange.pending);
        MHD_suspend_connection(connection);
        return MHD_YES;
      }
    }
    return Queue(connection, exchange, std::move(*exchange.pending->response));
  }

  void Forget(Exchange& exchange) {
    const std::lock_guard lock(mutex_);
    pending_.erase(exchange.pending);
  }

  MHD_Result Queue(MHD_Connection* connection, Exchange& exchange, HttpResponse response) {
    SetReading(connection, false);
    exchange.stage = Exchange::Stage::kAnswered;
    exchange.status = response.status;
    MHD_Response* mhd = MakeBody(connection, exchange, response);
    if (mhd == nullptr) return MHD_NO;
    bool ok = true;
    const auto add = [&](const std::string& name, const std::string& value) {
      ok = MHD_add_response_header(mhd, name.c_str(), value.c_str()) == MHD_YES && ok;
    };
    if (response.status != 304 && response.status != 204) add("Content-Type", response.content_type);
    for (const auto& [name, value] : options_.headers) add(name, value);
    for (const auto& [name, value] : response.headers) add(name, value);
    // What was refused before its body was read cannot be followed by another request.
    const MHD_Result result =
        ok ? MHD_queue_response(connection, static_cast<unsigned>(response.status), mhd) : MHD_NO;
    MHD_destroy_response(mhd);
    return result;
  }

  MHD_Response* MakeBody(MHD_Connection* connection, Exchange& exchange, const HttpResponse& response) {
    if (response.events) {
      exchange.events = response.events;
      response.events->Attach(connection);
      const std::lock_guard lock(mutex_);
      if (stopping_) return nullptr;
      events_.insert(response.events);
      if (exchange.counted) Uncount(exchange);  // Stop does not wait for a stream
      return MHD_create_response_from_callback(
          MHD_SIZE_UNKNOWN, 16384,
          [](void* cls, uint64_t, char* buffer, size_t max) {
            return static_cast<EventSubscriber*>(cls)->Read(buffer, max);
          },
          response.events.get(), nullptr);
    }
    if (response.file) {
      const int fd = ::dup(response.file->fd());  // MHD closes it
      if (fd < 0) return nullptr;
      MHD_Response* mhd =
          MHD_create_response_from_fd_at_offset64(response.file_bytes, fd, response.file_offset);
      if (mhd == nullptr) ::close(fd);
      return mhd;
    }
    return MHD_create_response_from_buffer(response.body.size(), const_cast<char*>(response.body.data()),
                                           MHD_RESPMEM_MUST_COPY);
  }

  void Uncount(Exchange& exchange) {  // mutex_ held
    exchange.counted = false;
    if (--active_ == 0) idle_.notify_all();
  }

  void Completed(MHD_Connection* connection, Exchange& exchange) {
    if (exchange.events) exchange.events->Detach();
    if (exchange.pending) {
      const std::lock_guard lock(exchange.pending->mutex);
      exchange.pending->answered = true;
      exchange.pending->suspended = nullptr;
    }
    {
      const std::lock_guard lock(mutex_);
      if (exchange.events) events_.erase(exchange.events);
      if (exchange.pending) pending_.erase(exchange.pending);
      if (exchange.counted) Uncount(exchange);
    }
    SetReading(connection, true);
    if (options_.observe && exchange.status != 0) {
      const std::chrono::duration<double> seconds = Clock::now() - exchange.start;
      options_.observe(exchange.request.method,
                       exchange.route ? std::string_view(exchange.route->pattern) : "", exchange.status,
                       seconds.count());
    }
  }

  const HttpServerOptions options_;
  const Router router_;
  const Listener listener_;
  std::string certificate_;
  std::string key_;
  MHD_Daemon* daemon_ = nullptr;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::condition_variable wake_;
  bool stopping_ = false;
  size_t active_ = 0;
  std::set<std::shared_ptr<PendingReply>> pending_;
  std::set<std::shared_ptr<EventSubscriber>> events_;

  std::mutex connections_mutex_;
  std::set<Connection*> connections_;
  std::thread watch_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                      std::vector<HttpRoute> routes) {
  WHET_ASSIGN_OR_RETURN(Router router, Router::Make(std::move(routes)));
  WHET_ASSIGN_OR_RETURN(Listener listener, internal::Listen(options.listen, options.unix_mode));
  auto server = std::make_unique<MhdServer>(std::move(options), std::move(router), std::move(listener));
  WHET_RETURN_IF_ERROR(server->Run());
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace whet::fleet
