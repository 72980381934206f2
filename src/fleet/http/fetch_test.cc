#include "fleet/http/fetch.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

namespace whet::fleet {
namespace {

// A server on a free port of this machine that answers each connection with one call of `answer`, which gets
// the request's text and the socket, and may answer as wrongly as it likes.
class TestServer {
 public:
  using Answer = std::function<void(const std::string& request, int socket)>;

  explicit TestServer(Answer answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    EXPECT_EQ(::listen(listener_, 8), 0);
    thread_ = std::thread([this] { Serve(); });
  }
  ~TestServer() {
    stop_ = true;
    thread_.join();
    ::close(listener_);
  }

  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  bool stopped() const { return stop_; }

  // False when the client has gone.
  static bool Send(int socket, std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

 private:
  void Serve() {
    while (!stop_) {
      pollfd wait{listener_, POLLIN, 0};
      if (::poll(&wait, 1, 20) <= 0) continue;
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) continue;
      std::string request;
      char buffer[4096];
      while (!IsWhole(request)) {
        const ssize_t got = ::recv(socket, buffer, sizeof(buffer), 0);
        if (got <= 0) break;
        request.append(buffer, static_cast<size_t>(got));
      }
      answer_(request, socket);
      ::close(socket);
    }
  }

  static bool IsWhole(const std::string& request) {
    const size_t end = request.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const size_t length = request.find("Content-Length: ");
    if (length == std::string::npos) return true;
    return request.size() >= end + 4 + std::stoul(request.substr(length + 16));
  }

  Answer answer_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

std::string Reply(const std::string& head, const std::string& body) {
  return "HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

std::unique_ptr<Fetcher> NewFetcher(FetchOptions options = {}) {
  auto fetcher = MakeFetcher(std::move(options));
  EXPECT_TRUE(fetcher.ok());
  return std::move(*fetcher);
}

// What a sink was given, put where it belongs.
struct Collected {
  std::string bytes;
  uint64_t first = ~uint64_t{0};
  FetchSink sink() {
    return [this](uint64_t offset, std::span<const std::byte> piece) {
      if (first == ~uint64_t{0}) first = offset;
      bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      return OkStatus();
    };
  }
};

TEST(Fetch, GetsABodyAndItsHeaders) {
  std::string seen;
  TestServer server([&](const std::string& request, int socket) {
    seen = request;
    TestServer::Send(socket, Reply("200 OK\r\nETag: \"v1\"\r\nContent-Type: text/plain", "hello"));
  });
  FetchRequest request;
  request.url = server.url("/a");
  request.bearer_token = "secret";
  request.headers = {{"X-Note", "yes"}};
  Collected got;
  auto response = NewFetcher()->Fetch(request, got.sink());
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->etag, "\"v1\"");
  EXPECT_EQ(response->content_type, "text/plain");
  EXPECT_EQ(response->body_bytes, 5u);
  EXPECT_EQ(got.bytes, "hello");
  EXPECT_TRUE(seen.starts_with("GET /a HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("Authorization: Bearer secret\r\n"), std::string::npos);
  EXPECT_NE(seen.find("X-Note: yes\r\n"), std::string::npos);
  EXPECT_NE(seen.find("User-Agent: whet/"), std::string::npos);
}

TEST(Fetch, AConditionalGetOfWhatIsCurrentHasNoBody) {
  TestServer server([&](const std::string& request, int socket) {
    const bool current = request.find("If-None-Match: \"v1\"\r\n") != std::string::npos;
    TestServer::Send(socket, current
                                 ? "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nConnection: close\r\n\r\n"
                                 : Reply("200 OK", "new"));
  });
  FetchRequest request;
  request.url = server.url("/");
  request.if_none_match = "\"v1\"";
  Collected got;
  auto response = NewFetcher()->Fetch(request, got.sink());
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_EQ(response->status, 304);
  EXPECT_EQ(got.bytes, "");
}

TEST(Fetch, ResumesWhereItWasToldTo) {
  TestServer server([&](const std::string& request, int socket) {
    EXPECT_NE(request.find("Range: bytes=4-\r\n"), std::string::npos) << request;
    TestServer::Send(socket, Reply("206 Partial Content\r\nContent-Range: bytes 4-9/10", "456789"));
  });
  FetchRequest request;
  request.url = server.url("/");
  request.first_byte = 4;
  Collected got;
  auto response = NewFetcher()->Fetch(request, got.sink());
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_EQ(response->status, 206);
  EXPECT_EQ(got.first, 4u);
  EXPECT_EQ(got.bytes, "456789");
}

TEST(Fetch, AServerWithoutRangesSendsEverythingFromByteZero) {
  TestServer server(
      [&](const std::string&, int socket) { TestServer::Send(socket, Reply("200 OK", "0123456789")); });
  FetchRequest request;
  request.url = server.url("/");
  request.first_byte = 4;
  Collected got;
  auto response = NewFetcher()->Fetch(request, got.sink());
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_EQ(got.first, 0u);
  EXPECT_EQ(got.bytes, "0123456789");
}

TEST(Fetch, OtherBytesThanThoseAskedForAreAnError) {
  TestServer server([&](const std::string&, int socket) {
    TestServer::Send(socket, Reply("206 Partial Content\r\nContent-Range: bytes 3-9/10", "3456789"));
  });
  FetchRequest request;
  request.url = server.url("/");
  request.first_byte = 4;
  Collected got;
  auto response = NewFetcher()->Fetch(request, got.sink());
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(got.bytes, "");
}

TEST(Fetch, EndlessDataStopsAtTheLimit) {
  TestServer server([&](const std::string&, int socket) {
    // Chunked, so no length is announced that could be refused at once.
    if (!TestServer::Send(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")) return;
    const std::string chunk = "1000\r\n" + std::string(0x1000, 'x') + "\r\n";
    while (!server.stopped() && TestServer::Send(socket, chunk)) {
    }
  });
  FetchRequest request;
  request.url = server.url("/");
  request.max_bytes = 100000;
  Collected got;
  auto response = NewFetcher()->Fetch(request, got.sink());
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.status().code(), Code::kLimitExceeded);
  EXPECT_LE(got.bytes.size(), 100000u);
  EXPECT_NE(response.status().ToString().find("127.0.0.1"), std::string::npos);
}

TEST(Fetch, SlowRetrievalIsGivenUp) {
  TestServer server([&](const std::string&, int socket) {
    if (!TestServer::Send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")) return;
    while (!server.stopped() && TestServer::Send(socket, "x")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
  FetchOptions options;
  options.low_speed_s = 1;
  FetchRequest request;
  request.url = server.url("/");
  Collected got;
  auto response = NewFetcher(options)->Fetch(request, got.sink());
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.status().code(), Code::kIo);
  EXPECT_NE(response.status().ToString().find("too slow"), std::string::npos) << response.status().ToString();
}

TEST(Fetch, ATruncatedBodyIsAnError) {
  TestServer server([&](const std::string&, int socket) {
    TestServer::Send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf");
  });
  FetchRequest request;
  request.url = server.url("/");
  Collected got;
  auto response = NewFetcher()->Fetch(request, got.sink());
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.status().code(), Code::kIo);
}

TEST(Fetch, FollowsAFewRedirectsAndNoneToFiles) {
  std::string target;
  TestServer server([&](const std::string& request, int socket) {
    const bool arrived = request.starts_with("GET /there ");
    TestServer::Send(socket,
                     arrived ? Reply("200 OK", "here") : Reply("302 Found\r\nLocation: " + target, ""));
  });
  FetchRequest request;
  request.url = server.url("/");
  target = "/there";
  auto text = FetchText(*NewFetcher(), request);
  ASSERT_TRUE(text.ok()) << text.status().ToString();
  EXPECT_EQ(*text, "here");
  target = "/";
  text = FetchText(*NewFetcher(), request);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.status().code(), Code::kLimitExceeded);
  target = "file:///etc/hostname";
  EXPECT_FALSE(FetchText(*NewFetcher(), request).ok());
}

TEST(Fetch, PostsABody) {
  std::string seen;
  TestServer server([&](const std::string& request, int socket) {
    seen = request;
    TestServer::Send(socket, Reply("202 Accepted", "{}"));
  });
  FetchRequest request;
  request.url = server.url("/v1/metrics");
  request.body = std::string("a\0b", 3);
  Collected got;
  auto response = NewFetcher()->Fetch(request, got.sink());
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_EQ(response->status, 202);
  EXPECT_TRUE(seen.starts_with("POST /v1/metrics HTTP/1.1\r\n"));
  EXPECT_NE(seen.find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_TRUE(seen.ends_with(*request.body));
}

TEST(Fetch, AnswersThatAreNotSuccessesSayWhatTheServerSaid) {
  TestServer server([&](const std::string& request, int socket) {
    TestServer::Send(socket, request.starts_with("GET /missing ")
                                 ? Reply("404 Not Found", "no such file")
                                 : Reply("503 Busy\r\nRetry-After: 7", "later\nplease"));
  });
  FetchRequest request;
  request.url = server.url("/missing");
  auto text = FetchText(*NewFetcher(), request);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.status().code(), Code::kNotFound);
  request.url = server.url("/busy");
  Collected got;
  auto response = NewFetcher()->Fetch(request, got.sink());
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->retry_after_s, 7u);
  EXPECT_EQ(got.bytes, "");
  const Status status = RequireSuccess(request, *response);
  EXPECT_EQ(status.code(), Code::kIo);
  EXPECT_NE(status.ToString().find("503: later please"), std::string::npos) << status.ToString();
}

TEST(Fetch, ASinkThatFailsEndsTheTransferWithItsError) {
  TestServer server([&](const std::string&, int socket) { TestServer::Send(socket, Reply("200 OK", "x")); });
  FetchRequest request;
  request.url = server.url("/");
  auto response = NewFetcher()->Fetch(
      request, [](uint64_t, std::span<const std::byte>) { return Error(Code::kIo, "the disk is full"); });
  ASSERT_FALSE(response.ok());
  EXPECT_NE(response.status().ToString().find("the disk is full"), std::string::npos);
}

TEST(Fetch, RefusesOtherSchemesAndHeadersWithLineBreaks) {
  FetchRequest request;
  request.url = "ftp://127.0.0.1/x";
  EXPECT_EQ(FetchText(*NewFetcher(), request).status().code(), Code::kInvalidArgument);
  request.url = "http://127.0.0.1:1/";
  request.bearer_token = "a\r\nX-Admin: 1";
  EXPECT_EQ(FetchText(*NewFetcher(), request).status().code(), Code::kInvalidArgument);
}

TEST(Fetch, NoConnectionIsAnErrorWithTheHost) {
  FetchRequest request;
  request.url = "http://user:password@127.0.0.1:1/secret?token=1";
  auto text = FetchText(*NewFetcher(), request);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.status().code(), Code::kIo);
  EXPECT_NE(text.status().ToString().find("127.0.0.1:1"), std::string::npos);
  EXPECT_EQ(text.status().ToString().find("password"), std::string::npos);
  EXPECT_EQ(text.status().ToString().find("token"), std::string::npos);
}

TEST(Fetch, AStopFlagEndsATransferThatWaits) {
  std::atomic<bool> stop{false};
  TestServer server([&](const std::string&, int socket) {
    if (!TestServer::Send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")) return;
    stop = true;
    while (!server.stopped()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  FetchOptions options;
  options.stop = &stop;
  FetchRequest request;
  request.url = server.url("/");
  auto text = FetchText(*NewFetcher(options), request);
  ASSERT_FALSE(text.ok());
  EXPECT_NE(text.status().ToString().find("stopped"), std::string::npos) << text.status().ToString();
}

TEST(Fetch, ReadsFilesForTests) {
  const std::string path = testing::TempDir() + "fetch_test_file";
  std::ofstream(path) << "0123456789";
  FetchRequest request;
  request.url = "file://" + path;
  auto text = FetchText(*NewFetcher(), request);
  ASSERT_TRUE(text.ok()) << text.status().ToString();
  EXPECT_EQ(*text, "0123456789");
  request.first_byte = 6;
  Collected got;
  auto response = NewFetcher()->Fetch(request, got.sink());
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_EQ(response->status, 206);
  EXPECT_EQ(got.first, 6u);
  EXPECT_EQ(got.bytes, "6789");
  std::filesystem::remove(path);
  request.first_byte = 0;
  EXPECT_EQ(FetchText(*NewFetcher(), request).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace whet::fleet
