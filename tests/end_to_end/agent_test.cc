// The agent from end to end on this machine: the programs that devices install, a repository of static files
// behind a web server, real models, and an application that reports.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "agent/client/local_request.h"
#include "agent/worker/repository_testing.h"
#include "base/hex.h"
#include "base/status.h"
#include "fleet/http/server.h"
#include "fleet/telemetry/otlp.h"
#include "model_file/sha256.h"
#include "whet/whet.h"
#include "whet/whet_agent.h"

extern char** environ;

namespace whet::agent {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// What a model answers to one input, as golden.bin and the samples of release.json.
struct Golden {
  std::string bin;
  json samples;
};

Golden MakeGolden(const std::string& model_path) {
  whet_model* model = nullptr;
  whet_session* session = nullptr;
  EXPECT_EQ(whet_model_open(model_path.c_str(), &model), nullptr);
  whet_tensor_info info;
  EXPECT_EQ(whet_model_input(model, 0, &info), nullptr);
  for (int i = 0; i < info.rank; ++i) info.dims[i] = std::max<int64_t>(info.dims[i], 1);
  const whet_binding binding{.name = info.name, .rank = info.rank, .dims = info.dims, .value = nullptr};
  EXPECT_EQ(whet_session_create(model, nullptr, &binding, 1, &session), nullptr);
  Golden golden;
  const auto add = [&](const whet_tensor& tensor) {
    golden.bin.resize((golden.bin.size() + 63) / 64 * 64);
    json dims = json::array();
    for (int i = 0; i < tensor.rank; ++i) dims.push_back(tensor.dims[i]);
    const json object = {
        {"name", tensor.name},   {"dtype", "f32"}, {"dims", dims}, {"offset", golden.bin.size()},
        {"bytes", tensor.bytes}, {"rtol", 1e-3},   {"atol", 1e-4}};
    golden.bin.append(static_cast<const char*>(tensor.data), tensor.bytes);
    return object;
  };
  whet_tensor tensor;
  EXPECT_EQ(whet_session_input(session, 0, &tensor), nullptr);
  for (size_t i = 0; i < tensor.bytes / 4; ++i)
    static_cast<float*>(tensor.data)[i] = static_cast<float>(i % 17) / 17;
  json sample = {{"inputs", {add(tensor)}}, {"outputs", json::array()}};
  EXPECT_EQ(whet_session_run(session), nullptr);
  EXPECT_EQ(whet_session_output(session, 0, &tensor), nullptr);
  sample["outputs"].push_back(add(tensor));
  golden.samples = {sample};
  whet_session_free(session);
  whet_model_free(model);
  return golden;
}

// Passes connections on to a server, but ends one when so many bytes have come back of a file whose name ends
// in `ending`: a link that breaks in the middle of a download, `times` times.
class BreakingLink {
 public:
  BreakingLink(int upstream_port, std::string ending, size_t bytes, int times)
      : upstream_port_(upstream_port), ending_(std::move(ending)), bytes_(bytes), times_(times) {
    listener_ = Socket();
    sockaddr_in address = Address(0);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    EXPECT_EQ(::listen(listener_, 16), 0);
    thread_ = std::thread([this] { Serve(); });
  }
  ~BreakingLink() {
    stop_ = true;
    thread_.join();
    ::close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int broken() const { return broken_; }

 private:
  static int Socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }
  static sockaddr_in Address(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static bool Wait(int socket) {
    pollfd wait{socket, POLLIN, 0};
    return ::poll(&wait, 1, 20) > 0;
  }
  // The agent's worker is one process with one connection at a time.
  void Serve() {
    while (!stop_) {
      if (!Wait(listener_)) continue;
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const int server = Socket();
      const sockaddr_in address = Address(upstream_port_);
      if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
        Pass(client, server);
      ::close(client);
      ::close(server);
    }
  }
  void Pass(int client, int server) {
    std::vector<char> buffer(16384);
    bool counts = false;
    size_t count = 0;
    while (!stop_) {
      pollfd wait[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
      if (::poll(wait, 2, 20) <= 0) continue;
      const bool from_client = (wait[0].revents & (POLLIN | POLLHUP)) != 0;
      const ssize_t read = ::recv(from_client ? client : server, buffer.data(), buffer.size(), 0);
      if (read <= 0) return;
      size_t size = static_cast<size_t>(read);
      if (from_client) {
        counts = std::string_view(buffer.data(), size).find(ending_ + " HTTP") != std::string_view::npos;
        count = 0;
      } else if (counts && broken_ < times_) {
        size = std::min(size, bytes_ - count);
        count += size;
      }
      if (::send(from_client ? server : client, buffer.data(), size, MSG_NOSIGNAL) < 0) return;
      if (counts && broken_ < times_ && count == bytes_) {
        ++broken_;
        return;
      }
    }
  }

  int upstream_port_;
  std::string ending_;
  size_t bytes_;
  int times_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> broken_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class AgentTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    for (const char* name : {"mobile", "residual"}) {
      const std::string command = std::string(WHET_PROGRAM) + " import " + WHET_MODELS + "/" + name +
                                  ".onnx -o " + folder_ + "/" + name + ".whet";
      ASSERT_EQ(std::system(command.c_str()), 0) << command;
    }
    repo_ = std::make_unique<TestRepository>(folder_ + "/repo", "classifier", "stable");
    std::vector<fleet::HttpRoute> routes(2);
    routes[0].method = "GET";
    routes[0].pattern = "/repo/{path*}";
    routes[0].handler = [this](fleet::HttpRequest& request) { return ServeRepository(request); };
    routes[1].method = "POST";
    routes[1].pattern = "/v1/metrics";
    routes[1].max_body = fleet::kMaxOtlpBytes;
    routes[1].handler = [this](fleet::HttpRequest& request) { return TakeReport(request); };
    auto server = fleet::HttpServer::Start({}, std::move(routes));
    ASSERT_TRUE(server.ok()) << server.status().ToString();
    server_ = std::move(*server);
  }

  void TearDown() override {
    StopAgent(SIGKILL);
    if (server_ != nullptr) server_->Stop(0);
    if (!HasFailure()) std::filesystem::remove_all(folder_);
  }

  fleet::HttpResponse ServeRepository(fleet::HttpRequest& request) {
    std::string path;
    if (!fleet::PercentDecode(request.PathParameter("path"), path) || path.find("..") != std::string::npos) {
      return fleet::HttpError(400, "no");
    }
    const std::lock_guard lock(mutex_);
    ++requests_[path];
    if (busy_) {
      fleet::HttpResponse response = fleet::HttpError(503, "busy");
      response.headers.emplace_back("Retry-After", "3600");
      return response;
    }
    // Role names keep their escapes in file names; everything else has none.
    std::string body = ReadFile(repo_->folder() + "/" + path);
    if (body.empty() && !std::filesystem::exists(repo_->folder() + "/" + path))
      return fleet::HttpError(404, "not here");
    Sha256Hasher hash;
    hash.Update(std::as_bytes(std::span(body.data(), body.size())));
    const std::string etag = "\"" + ToHex(hash.Finish()).substr(0, 16) + "\"";
    fleet::HttpResponse response;
    response.headers.emplace_back("ETag", etag);
    if (request.Header("if-none-match") == etag) {
      response.status = 304;
      ++not_modified_;
      return response;
    }
    const std::string range(request.Header("range"));
    if (range.starts_with("bytes=")) {
      const size_t first = std::strtoul(range.c_str() + 6, nullptr, 10);
      response.status = 206;
      response.headers.emplace_back("Content-Range",
                                    Format("bytes %zu-%zu/%zu", first, body.size() - 1, body.size()));
      body.erase(0, first);
      ++ranges_;
    }
    response.content_type = "application/octet-stream";
    response.body = std::move(body);
    return response;
  }

  int Requests(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return requests_[path];
  }

  fleet::HttpResponse TakeReport(fleet::HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    auto report = fleet::FromOtlpJson(request.body);
    if (!report.ok()) {
      bad_reports_.push_back(report.status().ToString());
      return fleet::HttpError(400, "bad");
    }
    reports_.push_back(std::move(*report));
    return {.status = 200, .body = "{}"};
  }

  TestRepository::Added AddRelease(const std::string& version, const std::string& model,
                                   json budgets = json::object()) {
    const std::string path = folder_ + "/" + model + ".whet";
    Golden golden = MakeGolden(path);
    if (spoil_golden_) golden.bin.back() = static_cast<char>(golden.bin.back() ^ 0x40);
    return repo_->AddRelease(version, ReadFile(path), golden.bin, golden.samples, std::move(budgets));
  }

  void Offer(const std::string& version, const TestRepository::Added& release, int trial_s) {
    const std::lock_guard lock(mutex_);
    repo_->SetRollout(Format("rollout-number-%04d", ++rollouts_), version, release.sha256, trial_s);
    repo_->Publish();
  }

  // `repository`: where it finds it; the server if empty.
  void StartAgent(const std::string& repository = {}) {
    std::ofstream(folder_ + "/agent.json")
        << json({{"device", "device-1"},
                 {"families", {"classifier"}},
                 {"repository", (repository.empty() ? server_->url() : repository) + "/repo"},
                 {"root", repo_->root_path()},
                 {"state_folder", folder_ + "/state"},
                 {"socket", folder_ + "/agent.sock"},
                 {"poll_s", 0.3},
                 {"conditions", {{"power_supply_folder", folder_ + "/power"}}},
                 {"telemetry", {{"url", server_->url() + "/v1/metrics"}, {"interval_s", 1}}}})
               .dump();
    const std::string config = folder_ + "/agent.json";
    std::string arguments[] = {WHET_AGENT_PROGRAM, "--config", config};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
    ASSERT_EQ(posix_spawn(&agent_, argv[0], nullptr, nullptr, argv, environ), 0);
  }
  void StopAgent(int signal) {
    if (agent_ <= 0) return;
    kill(agent_, signal);
    waitpid(agent_, nullptr, 0);
    agent_ = -1;
  }

  json AgentStatus() {
    const LocalAnswer answer = RequestLocally(folder_ + "/agent.sock", "GET", "/v1/status", "", 5);
    const json status = json::parse(answer.body, nullptr, false);
    return status.is_object() ? status : json::object();
  }
  // Waits for what `until` says of the family's status; the last status.
  template <typename Until>
  json WaitFor(const Until& until) {
    json family = json::object();
    for (const auto end = Clock::now() + std::chrono::seconds(60); Clock::now() < end;) {
      const json status = AgentStatus();
      if (status.contains("families")) family = status["families"][0];
      if (!family.empty() && until(family)) return family;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ADD_FAILURE() << "the agent did not get there: " << AgentStatus().dump(2);
    return family;
  }
  json WaitForVersion(const std::string& version) {
    return WaitFor([&](const json& family) {
      return family.value("version", "") == version && family.value("stage", "") == "steady";
    });
  }
  json WaitForQuarantine(const std::string& version) {
    return WaitFor([&](const json& family) {
      return family.contains("quarantine") && !family["quarantine"].empty() &&
             family["quarantine"].back()["version"] == version;
    });
  }

  const std::string folder_ = testing::TempDir() + "/whet_agent_end_to_end";
  std::unique_ptr<TestRepository> repo_;
  std::unique_ptr<fleet::HttpServer> server_;
  pid_t agent_ = -1;
  bool spoil_golden_ = false;
  int rollouts_ = 0;

  std::mutex mutex_;
  std::map<std::string, int> requests_;
  bool busy_ = false;
  int not_modified_ = 0;
  int ranges_ = 0;
  std::vector<fleet::Report> reports_;
  std::vector<std::string> bad_reports_;
};

TEST_F(AgentTest, InstallsUpdatesAndRefuses) {
  Offer("1.0.0", AddRelease("1.0.0", "mobile"), 0);
  StartAgent();
  const json first = WaitForVersion("1.0.0");
  EXPECT_TRUE(ReadFile(first["path"]) == ReadFile(folder_ + "/mobile.whet"));

  Offer("1.1.0", AddRelease("1.1.0", "residual"), 1);
  const json second = WaitForVersion("1.1.0");
  EXPECT_TRUE(ReadFile(second["path"]) == ReadFile(folder_ + "/residual.whet"));
  // The self-test's Plan waits for the application's first start.
  EXPECT_FALSE(std::filesystem::is_empty(
      std::filesystem::path(second["path"].get<std::string>()).parent_path() / "plans"));

  // Its golden outputs are not what the model answers.
  spoil_golden_ = true;
  Offer("1.2.0", AddRelease("1.2.0", "mobile"), 1);
  const json third = WaitForQuarantine("1.2.0");
  EXPECT_EQ(third["version"], "1.1.0");
  EXPECT_THAT(third["quarantine"].back()["reason"].get<std::string>(), HasSubstr("golden sample 0"));

  // It answers well, but not within a nanosecond.
  spoil_golden_ = false;
  Offer("1.3.0", AddRelease("1.3.0", "mobile", {{"latency_ms_mean", 1e-6}}), 1);
  const json fourth = WaitForQuarantine("1.3.0");
  EXPECT_EQ(fourth["version"], "1.1.0");
  EXPECT_THAT(fourth["quarantine"].back()["reason"].get<std::string>(), HasSubstr("budget"));

  // Signed, but no model at all.
  std::ofstream(folder_ + "/garbage.whet") << std::string(5000, '?');
  const Golden golden = MakeGolden(folder_ + "/mobile.whet");
  Offer("1.4.0", repo_->AddRelease("1.4.0", ReadFile(folder_ + "/garbage.whet"), golden.bin, golden.samples),
        1);
  EXPECT_EQ(WaitForQuarantine("1.4.0")["version"], "1.1.0");

  // All of this was reported, and polls that brought nothing cost one conditional request.
  WaitFor([&](const json&) {
    const std::lock_guard lock(mutex_);
    uint64_t installed = 0;
    uint64_t failed = 0;
    for (const fleet::Report& report : reports_) {
      for (const fleet::ModelReport& model : report.models) {
        installed += model.installs[static_cast<size_t>(fleet::InstallOutcome::kInstalled)];
        failed += model.InstallFailures();
      }
    }
    return installed == 2 && failed == 3;
  });
  const std::lock_guard lock(mutex_);
  EXPECT_THAT(bad_reports_, testing::IsEmpty());
  EXPECT_GT(not_modified_, 0);
  for (size_t i = 0; i < reports_.size(); ++i) EXPECT_EQ(reports_[i].sequence, i + 1);
}

// A model that passes its self-test and then fails in the application's hands: a release whose self-test
// lies.
TEST_F(AgentTest, ATrialThatTheApplicationFindsBadIsRolledBack) {
  Offer("1.0.0", AddRelease("1.0.0", "mobile"), 0);
  StartAgent();
  WaitForVersion("1.0.0");
  Offer("1.1.0", AddRelease("1.1.0", "residual", {{"latency_ms_mean", 1000}}), 3600);
  WaitFor([](const json& family) { return family.value("stage", "") == "trial"; });

  whet_agent* agent = whet_agent_new((folder_ + "/agent.sock").c_str());
  whet_agent_model_info info;
  ASSERT_EQ(whet_agent_model(agent, "classifier", &info), WHET_AGENT_OK) << whet_agent_error(agent);
  EXPECT_STREQ(info.version, "1.1.0");
  const uint64_t generation = info.generation;
  whet_agent_inference inference;
  whet_agent_inference_init(&inference);
  inference.latency_ms = 2000;
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(whet_agent_report(agent, "classifier", "1.1.0", &inference), WHET_AGENT_OK);
  const auto start = Clock::now();
  ASSERT_EQ(whet_agent_wait(agent, "classifier", generation, 60, &info), WHET_AGENT_OK);
  RecordProperty("rollback_ms",
                 static_cast<int>(std::chrono::duration<double, std::milli>(Clock::now() - start).count()));
  std::printf("rolled back after %.0f ms\n",
              std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  EXPECT_STREQ(info.version, "1.0.0");
  EXPECT_TRUE(ReadFile(info.path) == ReadFile(folder_ + "/mobile.whet"));
  whet_agent_free(agent);
  // The notice of the swap comes before what the agent says of itself is written anew.
  const json family = WaitForQuarantine("1.1.0");
  EXPECT_THAT(family["quarantine"][0]["reason"].get<std::string>(), HasSubstr("mean latency"));
}

TEST_F(AgentTest, AnApplicationThatDiesInATrialEndsIt) {
  Offer("1.0.0", AddRelease("1.0.0", "mobile"), 0);
  StartAgent();
  WaitForVersion("1.0.0");
  Offer("1.1.0", AddRelease("1.1.0", "residual"), 3600);
  WaitFor([](const json& family) { return family.value("stage", "") == "trial"; });
  const pid_t application = fork();
  if (application == 0) {
    whet_agent* agent = whet_agent_new((folder_ + "/agent.sock").c_str());
    _exit(whet_agent_started(agent, "classifier", "1.1.0"));
  }
  int status = 1;
  waitpid(application, &status, 0);
  ASSERT_EQ(status, 0);
  const json family = WaitForQuarantine("1.1.0");
  EXPECT_EQ(family["version"], "1.0.0");
  EXPECT_THAT(family["quarantine"][0]["reason"].get<std::string>(), HasSubstr("crashed 1 times"));
}

TEST_F(AgentTest, LivesOfflineAndIsKilledAtAnyMoment) {
  Offer("1.0.0", AddRelease("1.0.0", "mobile"), 0);
  StartAgent();
  WaitForVersion("1.0.0");
  StopAgent(SIGKILL);
  Offer("1.1.0", AddRelease("1.1.0", "residual"), 0);
  // Killed again and again while it updates, it gets there all the same.
  for (int round = 0; round < 6; ++round) {
    StartAgent();
    std::this_thread::sleep_for(std::chrono::milliseconds(100 + 150 * round));
    StopAgent(SIGKILL);
  }
  StartAgent();
  WaitForVersion("1.1.0");
  StopAgent(SIGTERM);
  // The network is gone, and the metadata with it.
  server_->Stop(0);
  StartAgent();
  const json family = WaitForVersion("1.1.0");
  EXPECT_TRUE(ReadFile(family["path"]) == ReadFile(folder_ + "/residual.whet"));
  const json status = AgentStatus();
  WaitFor([&](const json&) { return !AgentStatus()["poll_error"].get<std::string>().empty(); });
}

// The link breaks three times in the middle of the model: what had come is not fetched again.
TEST_F(AgentTest, GoesOnWhereABrokenLinkEnded) {
  const auto size = static_cast<size_t>(std::filesystem::file_size(folder_ + "/residual.whet"));
  BreakingLink link(server_->port(), ".whet", size / 5, 3);
  Offer("1.0.0", AddRelease("1.0.0", "residual"), 0);
  StartAgent(link.url());
  const json family = WaitForVersion("1.0.0");
  EXPECT_TRUE(ReadFile(family["path"]) == ReadFile(folder_ + "/residual.whet"));
  EXPECT_EQ(link.broken(), 3);
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(ranges_, 3) << "each try after the first asks for the rest";
}

// A server that asks for patience gets it; an application that wants to know now may ask all the same.
TEST_F(AgentTest, HonoursRetryAfter) {
  Offer("1.0.0", AddRelease("1.0.0", "mobile"), 0);
  {
    const std::lock_guard lock(mutex_);
    busy_ = true;
  }
  const std::string path = "metadata/timestamp.json";
  StartAgent();
  WaitFor([&](const json&) { return !AgentStatus()["poll_error"].get<std::string>().empty(); });
  const int asked = Requests(path);
  std::this_thread::sleep_for(std::chrono::seconds(2));  // six times the interval of polls
  EXPECT_EQ(Requests(path), asked);
  {
    const std::lock_guard lock(mutex_);
    busy_ = false;
  }
  EXPECT_EQ(RequestLocally(folder_ + "/agent.sock", "POST", "/v1/check", "", 5).status, 204);
  WaitForVersion("1.0.0");
}

TEST_F(AgentTest, WaitsForTheBattery) {
  std::filesystem::create_directories(folder_ + "/power/BAT0");
  std::ofstream(folder_ + "/power/BAT0/type") << "Battery\n";
  std::ofstream(folder_ + "/power/BAT0/capacity") << "12\n";
  Offer("1.0.0", AddRelease("1.0.0", "mobile"), 0);
  StartAgent();
  const json waiting = WaitFor([](const json& family) { return !family.value("waiting", "").empty(); });
  EXPECT_THAT(waiting["waiting"].get<std::string>(), HasSubstr("12 %"));
  EXPECT_EQ(waiting["version"], "");
  std::ofstream(folder_ + "/power/BAT0/capacity") << "80\n";
  WaitForVersion("1.0.0");
}

}  // namespace
}  // namespace whet::agent
