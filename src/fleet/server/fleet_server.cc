#include "fleet/server/fleet_server.h"

#include <sodium.h>
#include <sys/stat.h>

#include <chrono>

#include "fleet/json/nlohmann.h"
#include "fleet/server/background.h"
#include "fleet/server/context.h"
#include "fleet/server/mqtt.h"
#include "fleet/server/schema.h"

namespace whet::fleet {
namespace {

std::string RandomName() {
  unsigned char bytes[8];
  ::randombytes_buf(bytes, sizeof(bytes));
  char text[2 * sizeof(bytes) + 1];
  return ::sodium_bin2hex(text, sizeof(text), bytes, sizeof(bytes));
}

// A year for what is named by its content, nothing for what is replaced.
std::string RepositoryCacheControl(std::string_view path) {
  return path == "metadata/timestamp.json" ? "no-cache" : "public, max-age=31536000, immutable";
}

std::string DashboardCacheControl(std::string_view path) {
  return path.starts_with("assets/") ? "public, max-age=31536000, immutable" : "no-cache";
}

// The key that rollout documents of new channels are signed with: one of the timestamp's that we have.
Result<std::string> OnlineKey(const Repository& repository, const KeyStore& keys) {
  WHET_ASSIGN_OR_RETURN(const RootMetadata root, repository.Root());
  const auto role = root.roles.find(kTimestampRole);
  if (role != root.roles.end()) {
    for (const std::string& id : role->second.key_ids) {
      if (const SigningKey* key = keys.Find(id)) return key->public_hex();
    }
  }
  return Error(Code::kInvalidArgument, "none of the given keys may sign the repository's timestamp");
}

class Server final : public FleetServer {
 public:
  explicit Server(FleetServerOptions options) : context_(std::move(options)), name_(RandomName()) {}
  ~Server() override { Stop(); }

  Status Run() {
    const FleetServerOptions& options = context_.options;
    WHET_ASSIGN_OR_RETURN(context_.database, SqlDatabase::Open(options.database));
    {
      WHET_ASSIGN_OR_RETURN(const auto sql, context_.database->Connect());
      WHET_RETURN_IF_ERROR(Migrate(*sql));
      WHET_RETURN_IF_ERROR(MakePartitions(*sql, context_.Now()));
    }
    const auto keys = options.keys ? options.keys : std::make_shared<const KeyStore>();
    RepositoryOptions repository_options;
    repository_options.clock = options.clock;
    WHET_ASSIGN_OR_RETURN(auto repository, Repository::Open(options.repository, keys, repository_options));
    context_.repository = std::make_unique<Repository>(std::move(repository));
    context_.catalog = std::make_unique<Catalog>(*context_.repository);
    if (options.keys) {
      WHET_ASSIGN_OR_RETURN(std::string online, OnlineKey(*context_.repository, *keys));
      context_.publisher = std::make_unique<Publisher>(*context_.repository, std::move(online));
    }
    context_.tokens = std::make_unique<Tokens>(*context_.database);
    context_.overview = std::make_unique<Overview>(*context_.database, options.clock, options.dark_after_s);
    IngestOptions ingest;
    ingest.writer = name_;
    ingest.clock = options.clock;
    context_.ingest = Ingest::Start(*context_.database, std::move(ingest));
    {
      ServedFolder::Options served;
      served.cache_control = RepositoryCacheControl;
      WHET_ASSIGN_OR_RETURN(auto folder, ServedFolder::Open(options.repository, std::move(served)));
      context_.repository_files = std::make_unique<ServedFolder>(std::move(folder));
    }
    if (!options.dashboard.empty()) {
      ServedFolder::Options served;
      served.index = "index.html";
      served.cache_control = DashboardCacheControl;
      WHET_ASSIGN_OR_RETURN(auto folder, ServedFolder::Open(options.dashboard, std::move(served)));
      context_.dashboard_files = std::make_unique<ServedFolder>(std::move(folder));
    }

    HttpServerOptions http;
    http.listen = options.listen;
    http.threads = options.threads;
    http.behind_proxy = options.behind_proxy;
    http.tls_certificate = options.tls_certificate;
    http.tls_key = options.tls_key;
    http.headers = {{"X-Content-Type-Options", "nosniff"},
                    {"X-Frame-Options", "DENY"},
                    {"Referrer-Policy", "no-referrer"},
                    {"Cross-Origin-Resource-Policy", "same-origin"}};
    if (!options.tls_certificate.empty())
      http.headers.emplace_back("Strict-Transport-Security", "max-age=31536000");
    http.authorize = [this](HttpRequest& request, const HttpRoute& route) {
      return Authorize(context_, request, route);
    };
    http.observe = [this](std::string_view method, std::string_view pattern, int status, double seconds) {
      context_.metrics.Count(method, pattern, status, seconds);
    };
    WHET_ASSIGN_OR_RETURN(http_, HttpServer::Start(std::move(http), MakeRoutes(context_)));
    if (!options.mqtt.empty()) {
      WHET_ASSIGN_OR_RETURN(mqtt_, MqttIngest::Start(context_));
    }
    background_ = std::make_unique<Background>(context_, name_);
    return {};
  }

  std::string url() const override { return http_->url(); }
  int port() const override { return http_->port(); }

  void Stop() override {
    // From the outside in: nothing comes in any more, then what came in is written.
    mqtt_.reset();
    if (http_) http_->Stop(5);
    background_.reset();
    context_.ingest.reset();
  }

 private:
  ServerContext context_;
  const std::string name_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<MqttIngest> mqtt_;
  std::unique_ptr<Background> background_;
};

}  // namespace

Result<std::unique_ptr<FleetServer>> FleetServer::Start(FleetServerOptions options) {
  if (::sodium_init() < 0) return Error(Code::kInternal, "libsodium does not start");
  if (!options.clock) {
    options.clock = [] {
      return std::chrono::duration_cast<std::chrono::seconds>(
                 std::chrono::system_clock::now().time_since_epoch())
          .count();
    };
  }
  auto server = std::make_unique<Server>(std::move(options));
  WHET_RETURN_IF_ERROR(server->Run());
  return std::unique_ptr<FleetServer>(std::move(server));
}

}  // namespace whet::fleet
