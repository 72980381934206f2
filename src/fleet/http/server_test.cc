#include "fleet/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "fleet/http/fetch.h"
#include "fleet/http/server_events.h"
#include "fleet/http/server_files.h"
#include "fleet/http/server_testing.h"

namespace whet::fleet {
namespace {

using testing::Ask;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawConnection;

HttpResponse Text(std::string text) {
  HttpResponse response;
  response.content_type = "text/plain";
  response.body = std::move(text);
  return response;
}

HttpRoute Route(std::string method, std::string pattern, HttpHandler handler, size_t max_body = 0) {
  HttpRoute route;
  route.method = std::move(method);
  route.pattern = std::move(pattern);
  route.handler = std::move(handler);
  route.max_body = max_body;
  return route;
}

HttpRoute AsyncRoute(std::string method, std::string pattern, AsyncHttpHandler handler, size_t max_body = 0) {
  HttpRoute route;
  route.method = std::move(method);
  route.pattern = std::move(pattern);
  route.async_handler = std::move(handler);
  route.max_body = max_body;
  return route;
}

std::string Gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string copy(text);
  std::string out(::deflateBound(&stream, copy.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

std::unique_ptr<HttpServer> Serve(std::vector<HttpRoute> routes, HttpServerOptions options = {}) {
  auto server = HttpServer::Start(std::move(options), std::move(routes));
  EXPECT_TRUE(server.ok()) << server.status().ToString();
  return std::move(*server);
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    char name[] = "/tmp/whet_http_XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  const std::string& path() const { return path_; }
  void Write(std::string_view name, std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(*this / name).parent_path());
    std::ofstream(*this / name, std::ios::binary) << text;
  }

 private:
  std::string path_;
};

TEST(HttpServer, RoutesByMethodAndPath) {
  const auto server = Serve({
      Route("GET", "/", [](HttpRequest&) { return Text("root"); }),
      Route("GET", "/d/{device}",
            [](HttpRequest& r) { return Text("device " + std::string(r.PathParameter("device"))); }),
      Route("GET", "/d/self", [](HttpRequest&) { return Text("self"); }),
      Route(
          "POST", "/d/{device}/{action}",
          [](HttpRequest& r) {
            return Text(std::string(r.PathParameter("device")) + ":" +
                        std::string(r.PathParameter("action")) + ":" + r.body);
          },
          100),
      Route("GET", "/f/{path*}", [](HttpRequest& r) { return Text(std::string(r.PathParameter("path"))); }),
      Route(
          "GET", "/q",
          [](HttpRequest& r) { return Text(std::string(r.Query("a")) + "|" + std::string(r.Query("b c"))); }),
  });
  const int port = server->port();
  EXPECT_EQ(Ask(port, "GET", "/").body, "root");
  EXPECT_EQ(Ask(port, "GET", "/d/cam%2f1").body, "device cam/1");
  EXPECT_EQ(Ask(port, "GET", "/d/self").body, "self");
  EXPECT_EQ(Ask(port, "POST", "/d/x/pause", "", "why").body, "x:pause:why");
  EXPECT_EQ(Ask(port, "GET", "/f/a/b%2Fc").body, "a/b%2Fc");
  EXPECT_EQ(Ask(port, "GET", "/f/").body, "");
  EXPECT_EQ(Ask(port, "GET", "/q?a=1+2%2b&b%20c=%26").body, "1 2+|&");
  EXPECT_EQ(Ask(port, "GET", "http://test/d/self").body, "self");
  EXPECT_EQ(Ask(port, "GET", "/d/").status, 404);
  EXPECT_EQ(Ask(port, "GET", "/nowhere").status, 404);
  const auto refused = Ask(port, "DELETE", "/d/self");
  EXPECT_EQ(refused.status, 405);
  EXPECT_THAT(refused.Header("Allow"), HasSubstr("GET, HEAD"));
  const auto head = Ask(port, "HEAD", "/");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("Content-Length"), "4");
  EXPECT_EQ(head.body, "");
}

TEST(HttpServer, RefusesRoutesThatCollide) {
  EXPECT_FALSE(HttpServer::Start({}, {Route("GET", "/a", nullptr), Route("GET", "/a", nullptr)}).ok());
  EXPECT_FALSE(HttpServer::Start({}, {Route("GET", "/{a*}/b", nullptr)}).ok());
  EXPECT_FALSE(HttpServer::Start({.listen = "nonsense"}, {}).ok());
  EXPECT_FALSE(HttpServer::Start({.listen = "127.0.0.1:99999999"}, {}).ok());
}

TEST(HttpServer, LimitsBodies) {
  std::atomic<int> handled = 0;
  const auto server = Serve({Route(
      "POST", "/b",
      [&](HttpRequest& r) {
        ++handled;
        return Text(std::to_string(r.body.size()));
      },
      1000)});
  const int port = server->port();
  EXPECT_EQ(Ask(port, "POST", "/b", "", std::string(1000, 'x')).body, "1000");
  EXPECT_EQ(Ask(port, "POST", "/b", "", std::string(1001, 'x')).status, 413);
  EXPECT_EQ(Ask(port, "POST", "/b", "Content-Length: 99999999999999999999\r\n").status / 100, 4);
  // In pieces, so that the size is not known before.
  RawConnection chunks(port);
  chunks.Send("POST /b HTTP/1.1\r\nHost: t\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 3; ++i) chunks.Send("190\r\n" + std::string(400, 'y') + "\r\n");
  chunks.Send("0\r\n\r\n");
  EXPECT_EQ(chunks.ReadAnswer().status, 413);
  // A body without an end is cut off.
  RawConnection endless(port);
  endless.Send("POST /b HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "1000\r\n" + std::string(4096, 'z') + "\r\n";
  bool open = true;
  for (int i = 0; open && i < 100000; ++i) open = endless.Send(chunk);
  EXPECT_FALSE(open);
  EXPECT_EQ(handled, 1);
}

TEST(HttpServer, UndoesGzipWithinTheLimit) {
  const auto server = Serve({Route("POST", "/b", [](HttpRequest& r) { return Text(r.body); }, 100000)});
  const int port = server->port();
  const std::string text(50000, 'a');
  EXPECT_EQ(Ask(port, "POST", "/b", "Content-Encoding: gzip\r\n", Gzip(text)).body, text);
  EXPECT_EQ(Ask(port, "POST", "/b", "Content-Encoding: gzip\r\n", Gzip("a") + Gzip("b")).body, "ab");
  EXPECT_EQ(Ask(port, "POST", "/b", "Content-Encoding: gzip\r\n", Gzip(std::string(50000000, 'a'))).status,
            413);
  EXPECT_EQ(Ask(port, "POST", "/b", "Content-Encoding: gzip\r\n", "not gzip at all").status, 400);
  EXPECT_EQ(Ask(port, "POST", "/b", "Content-Encoding: gzip\r\n", Gzip(text).substr(0, 40)).status, 400);
  EXPECT_EQ(Ask(port, "POST", "/b", "Content-Encoding: br\r\n", "x").status, 415);
}

TEST(HttpServer, SurvivesWhatIsNotHttp) {
  HttpServerOptions options;
  options.idle_timeout_s = 1;
  const auto server = Serve({Route("GET", "/{p*}", [](HttpRequest& r) { return Text(r.path); })}, options);
  const int port = server->port();
  EXPECT_EQ(Ask(port, "GET", "/%00").status, 400);
  EXPECT_EQ(Ask(port, "GET", "/%zz").status, 400);
  EXPECT_EQ(Ask(port, "GET", "/%").status, 400);
  EXPECT_EQ(Ask(port, "GET", "/a?b=%f").status, 400);
  EXPECT_EQ(Ask(port, "GET", "*").status, 400);
  for (const std::string& text :
       {std::string("\r\n\r\n\r\n"), std::string("\0\0\0\0\r\n\r\n", 8), std::string("GET\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nA: ") + std::string(100000, 'h') + "\r\n\r\n",
        std::string("GET /") + std::string(100000, 'u') + " HTTP/1.1\r\n\r\n",
        std::string(
            "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n")}) {
    RawConnection connection(port);
    connection.Send(text);
    ::shutdown(connection.fd(), SHUT_WR);
    const int status = connection.ReadAnswer().status;
    EXPECT_TRUE(status == 0 || status / 100 == 4 || status == 501) << status << " " << text.substr(0, 40);
  }
  EXPECT_EQ(Ask(port, "GET", "/fine").body, "/fine");
}

TEST(HttpServer, EndsSlowRequests) {
  HttpServerOptions options;
  options.request_timeout_s = 1;
  const auto server =
      Serve({Route("POST", "/b", [](HttpRequest&) { return Text("ok"); }, 1000)}, std::move(options));
  for (const char* start : {"GET / HT", "POST /b HTTP/1.1\r\nHost: t\r\nContent-Length: 900\r\n\r\n"}) {
    RawConnection slow(server->port());
    slow.Send(start);
    bool open = true;
    for (int i = 0; open && i < 600; ++i) {
      open = slow.Send("x");
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_FALSE(open) << start;
  }
}

TEST(HttpServer, AnExceptionIsAnAnswer) {
  const auto server = Serve({
      Route("GET", "/throw", [](HttpRequest&) -> HttpResponse { throw std::runtime_error("secret detail"); }),
      AsyncRoute("GET", "/async", [](HttpRequest&, HttpReply) { throw 5; }),
      AsyncRoute("GET", "/forgotten", [](HttpRequest&, HttpReply) {}),
  });
  for (const char* path : {"/throw", "/async", "/forgotten"}) {
    const auto answer = Ask(server->port(), "GET", path);
    EXPECT_EQ(answer.status, 500) << path;
    EXPECT_THAT(answer.body, Not(HasSubstr("secret")));
  }
}

TEST(HttpServer, AuthorizesBeforeTheBodyIsSent) {
  HttpServerOptions options;
  options.headers = {{"X-Content-Type-Options", "nosniff"}};
  options.authorize = [](HttpRequest& request, const HttpRoute& route) -> std::unique_ptr<HttpResponse> {
    if (route.access.empty()) return nullptr;
    if (request.Header("authorization") != "Bearer secret") {
      return std::make_unique<HttpResponse>(HttpError(401, "who are you?"));
    }
    request.user = std::string("operator");
    return nullptr;
  };
  auto route =
      Route("POST", "/b", [](HttpRequest& r) { return Text(std::any_cast<std::string>(r.user)); }, 1 << 20);
  route.access = "operator";
  const auto server = Serve({std::move(route)}, std::move(options));
  RawConnection connection(server->port());
  connection.Send("POST /b HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\n");
  const auto refused = connection.ReadAnswer();
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.Header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(refused.body, R"({"error":{"code":"unauthorized","message":"who are you?"}})"
                          "\n");
  EXPECT_EQ(Ask(server->port(), "POST", "/b", "Authorization: Bearer secret\r\n", "x").body, "operator");
}

// Answers that come later hold no thread: 200 requests wait at once on two threads.
TEST(HttpServer, AnswersLaterFromAnotherThread) {
  std::mutex mutex;
  std::vector<HttpReply> waiting;
  std::condition_variable all_there;
  const auto server = Serve({AsyncRoute(
                                 "POST", "/later",
                                 [&](HttpRequest&, HttpReply reply) {
                                   const std::lock_guard lock(mutex);
                                   waiting.push_back(std::move(reply));
                                   all_there.notify_all();
                                 },
                                 100),
                             AsyncRoute("GET", "/now", [](HttpRequest&, HttpReply reply) {
                               reply.Send(Text("now"));
                               reply.Send(Text("twice"));
                             })});
  constexpr size_t kClients = 200;
  std::vector<std::unique_ptr<RawConnection>> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawConnection>(server->port()));
    ASSERT_TRUE(clients.back()->connected());
    clients.back()->Send(
        "POST /later HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
  }
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(
        all_there.wait_for(lock, std::chrono::seconds(30), [&] { return waiting.size() == kClients; }));
  }
  EXPECT_EQ(Ask(server->port(), "GET", "/now").body, "now");
  for (size_t i = 0; i < kClients; ++i) waiting[i].Send(Text("committed"));
  for (const auto& client : clients) EXPECT_EQ(client->ReadAnswer().body, "committed");
}

TEST(HttpServer, StopsWhileRequestsWait) {
  std::vector<HttpReply> waiting;
  std::mutex mutex;
  std::condition_variable there;
  EventHub hub;
  auto server = Serve({AsyncRoute("GET", "/later",
                                  [&](HttpRequest&, HttpReply reply) {
                                    const std::lock_guard lock(mutex);
                                    waiting.push_back(std::move(reply));
                                    there.notify_all();
                                  }),
                       Route("GET", "/events", [&](HttpRequest&) { return hub.Subscribe(); })});
  RawConnection events(server->port());
  events.Send("GET /events HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_THAT(events.ReadUntil("retry"), HasSubstr("text/event-stream"));
  RawConnection client(server->port());
  client.Send("GET /later HTTP/1.1\r\nHost: t\r\n\r\n");
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(there.wait_for(lock, std::chrono::seconds(30), [&] { return waiting.size() == 1; }));
  }
  server->Stop(0.05);
  EXPECT_THAT(events.ReadUntil(""), HasSubstr("retry"));  // and then its end
  const int status = client.ReadAnswer().status;
  EXPECT_TRUE(status == 503 || status == 0) << status;
  const int port = server->port();
  server.reset();
  waiting.front().Send(Text("too late"));
  EXPECT_FALSE(RawConnection(port).connected());
}

TEST(HttpServer, StreamsEvents) {
  EventHub hub(0.05);
  const auto server = Serve({Route("GET", "/events", [&](HttpRequest&) { return hub.Subscribe(); })});
  RawConnection reader(server->port());
  reader.Send("GET /events HTTP/1.1\r\nHost: t\r\n\r\n");
  reader.ReadUntil("retry: 2000\n\n");
  RawConnection slow(server->port());
  slow.Send("GET /events HTTP/1.1\r\nHost: t\r\n\r\n");
  slow.ReadUntil("retry: 2000\n\n");
  hub.Publish("rollout", "{\"a\":1}\n{\"b\":2}");
  EXPECT_THAT(reader.ReadUntil("{\"b\":2}\n\n"),
              HasSubstr("event: rollout\ndata: {\"a\":1}\ndata: {\"b\":2}\n\n"));
  reader.ReadUntil("\n:\n\n");  // a heartbeat
  // Who does not read is cut off; who reads gets everything.
  const std::string big(100000, 'x');
  for (int i = 0; i < 400 && hub.subscribers() == 2; ++i) {
    hub.Publish("big", big + Format("end%d", i));
    const std::string end = Format("end%d\n\n", i);
    EXPECT_THAT(reader.ReadUntil(end), HasSubstr(end));
  }
  hub.Publish("rollout", "last");
  EXPECT_THAT(reader.ReadUntil("data: last"), HasSubstr("data: last"));
  EXPECT_EQ(hub.subscribers(), 1U);
}

TEST(HttpServer, ListensOnAUnixSocket) {
  const TemporaryFolder folder;
  const std::string path = folder / "whet.sock";
  HttpServerOptions options;
  options.listen = "unix:" + path;
  options.unix_mode = 0600;
  options.threads = 1;
  auto server = Serve({Route("GET", "/who", [](HttpRequest& r) { return Text(r.remote); })}, options);
  EXPECT_EQ(server->url(), "unix:" + path);
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  RawConnection client(path);
  client.Send("GET /who HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer().body, "unix");
  EXPECT_FALSE(HttpServer::Start(options, {}).ok()) << "two servers on one socket";
  server->Stop(1);
  EXPECT_FALSE(std::filesystem::exists(path));
  // What a process that was killed left behind is replaced; what is no socket is not.
  const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(left, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(left);
  EXPECT_TRUE(HttpServer::Start(options, {}).ok());
  folder.Write("whet.sock", "a file");
  EXPECT_FALSE(HttpServer::Start(options, {}).ok());
}

TEST(HttpServer, SpeaksTls) {
  const TemporaryFolder folder;
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
      "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout " +
      (folder / "key.pem") + " -out " + (folder / "cert.pem") + " 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  HttpServerOptions options;
  options.tls_certificate = folder / "cert.pem";
  options.tls_key = folder / "key.pem";
  const auto server = Serve({Route("GET", "/", [](HttpRequest&) { return Text("safe"); })}, options);
  FetchOptions fetch_options;
  fetch_options.ca_file = folder / "cert.pem";
  auto fetcher = MakeFetcher(fetch_options);
  ASSERT_TRUE(fetcher.ok());
  FetchRequest request;
  request.url = server->url() + "/";
  auto text = FetchText(**fetcher, request);
  ASSERT_TRUE(text.ok()) << text.status().ToString();
  EXPECT_EQ(*text, "safe");
  options.tls_key = folder / "absent.pem";
  EXPECT_FALSE(HttpServer::Start(options, {}).ok());
  options.tls_key = folder / "cert.pem";
  EXPECT_FALSE(HttpServer::Start(options, {}).ok());
}

class FilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.Write("root/index.html", "<h1>hi</h1>");
    folder_.Write("root/metadata/2.models%2Fdetector.json", "{}");
    folder_.Write("root/targets/a/model.whet", "0123456789");
    folder_.Write("secret", "outside");
    std::filesystem::create_symlink(folder_ / "secret", folder_ / "root/link");
    std::filesystem::create_symlink(folder_.path(), folder_ / "root/up");
    ASSERT_EQ(::mkfifo((folder_ / "root/pipe").c_str(), 0600), 0);
    ServedFolder::Options options;
    options.index = "index.html";
    options.cache_control = [](std::string_view path) {
      return std::string(path.starts_with("targets/") ? "public, max-age=31536000, immutable" : "no-cache");
    };
    auto folder = ServedFolder::Open(folder_ / "root", std::move(options));
    ASSERT_TRUE(folder.ok());
    served_ = std::make_unique<ServedFolder>(std::move(*folder));
    server_ = Serve({Route("GET", "/f/{path*}",
                           [this](HttpRequest& r) { return served_->Serve(r, r.PathParameter("path")); })});
  }
  testing::RawAnswer Get(std::string_view path, std::string_view headers = "",
                         std::string_view method = "GET") {
    return Ask(server_->port(), method, "/f/" + std::string(path), headers);
  }
  TemporaryFolder folder_;
  std::unique_ptr<ServedFolder> served_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(FilesTest, ServesFiles) {
  const auto index = Get("");
  EXPECT_EQ(index.body, "<h1>hi</h1>");
  EXPECT_EQ(index.Header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(index.Header("Cache-Control"), "no-cache");
  // A role's name keeps its %2F, however often the client encodes it.
  EXPECT_EQ(Get("metadata/2.models%2Fdetector.json").body, "{}");
  EXPECT_EQ(Get("metadata/2.models%252Fdetector.json").body, "{}");
  EXPECT_EQ(Get("metadata").status, 404);
  EXPECT_EQ(Get("absent").status, 404);
  const auto head = Get("targets/a/model.whet", "", "HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("Content-Length"), "10");
  EXPECT_EQ(head.body, "");
}

TEST_F(FilesTest, NothingOutsideTheFolder) {
  for (const char* path : {"../secret", "..%2fsecret", "%2e%2e/secret", "targets/../../secret", "/etc/passwd",
                           "link", "up/secret", "up", "pipe", "./index.html", "targets//a/model.whet",
                           "..%5csecret", "targets/a/model.whet/", "%2fetc%2fpasswd"}) {
    const auto answer = Get(path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_THAT(answer.body, Not(HasSubstr("outside")));
  }
}

TEST_F(FilesTest, EtagAndRange) {
  const auto whole = Get("targets/a/model.whet");
  EXPECT_EQ(whole.body, "0123456789");
  EXPECT_EQ(whole.Header("Cache-Control"), "public, max-age=31536000, immutable");
  const std::string etag = whole.Header("ETag");
  ASSERT_FALSE(etag.empty());
  const auto same = Get("targets/a/model.whet", "If-None-Match: \"other\", W/" + etag + "\r\n");
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(same.Header("ETag"), etag);
  EXPECT_EQ(Get("targets/a/model.whet", "If-None-Match: \"other\"\r\n").status, 200);

  const auto part = Get("targets/a/model.whet", "Range: bytes=3-5\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "345");
  EXPECT_EQ(part.Header("Content-Range"), "bytes 3-5/10");
  EXPECT_EQ(Get("targets/a/model.whet", "Range: bytes=7-\r\n").body, "789");
  EXPECT_EQ(Get("targets/a/model.whet", "Range: bytes=-2\r\n").body, "89");
  EXPECT_EQ(Get("targets/a/model.whet", "Range: bytes=8-99999999999999999999\r\n").status, 200);
  EXPECT_EQ(Get("targets/a/model.whet", "Range: bytes=8-18446744073709551615\r\n").body, "89");
  EXPECT_EQ(Get("targets/a/model.whet", "Range: bytes=5-3\r\n").status, 200);
  EXPECT_EQ(Get("targets/a/model.whet", "Range: bytes=0-1,3-4\r\n").status, 200);
  const auto beyond = Get("targets/a/model.whet", "Range: bytes=10-\r\n");
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(beyond.Header("Content-Range"), "bytes */10");
  EXPECT_EQ(Get("targets/a/model.whet", "Range: bytes=3-\r\nIf-Range: " + etag + "\r\n").status, 206);
  EXPECT_EQ(Get("targets/a/model.whet", "Range: bytes=3-\r\nIf-Range: \"old\"\r\n").status, 200);

  // Another file under the same name is another ETag.
  folder_.Write("root/new", "9876543210");
  std::filesystem::rename(folder_ / "root/new", folder_ / "root/targets/a/model.whet");
  EXPECT_EQ(Get("targets/a/model.whet", "If-None-Match: " + etag + "\r\n").body, "9876543210");
}

}  // namespace
}  // namespace whet::fleet
