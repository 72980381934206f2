// whet serve: the fleet's server, and its tokens.

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <filesystem>

#include "base/utc_time.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "fleet/json/nlohmann.h"
#include "fleet/server/demo.h"
#include "fleet/server/fleet_server.h"
#include "fleet/server/schema.h"
#include "fleet/server/sql.h"
#include "fleet/server/tokens.h"
#include "fleet/tuf/store.h"

namespace whet::cli {
namespace {

using fleet::Role;

constexpr size_t kMaxPassphrase = 4096;

int64_t Now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class ServeCommand final : public Command {
 public:
  std::string_view name() const override { return "serve"; }
  std::string_view summary() const override {
    return "Run the fleet's server: telemetry, rollouts, dashboard";
  }
  std::string_view example() const override {
    return "  whet serve --demo --data /tmp/fleet\n"
           "  whet serve token create --role operator --name anna --data /var/lib/whet\n"
           "  whet serve --data /var/lib/whet --repo /srv/whet/repo --keys /etc/whet/online "
           "--passphrase-file "
           "/etc/whet/passphrase --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem";
  }

  void Define(Arguments& args) override {
    args.Add("--data", data_, "Folder of the SQLite database").Type("FOLDER").ShowDefault();
    args.Add("--database", database_, "postgres://… instead of SQLite")
        .Type("URL")
        .Environment("WHET_DATABASE");
    args.Add("--repo", options_.repository, "Folder of the repository").Type("FOLDER");
    args.Add("--keys", keys_, "Folder of the online keys, *.key; without, rollouts cannot be changed")
        .Type("FOLDER");
    args.Add("--passphrase-file", passphrase_file_, "File with the keys' passphrase").Type("FILE");
    args.Add("--listen", options_.listen, "HOST:PORT, [IPV6]:PORT or unix:PATH")
        .Type("ADDRESS")
        .ShowDefault();
    args.Add("--dashboard", options_.dashboard, "Folder of the dashboard (default: where it is installed)")
        .Type("FOLDER");
    args.Add("--tls-cert", options_.tls_certificate, "PEM file of the certificate chain").Type("FILE");
    args.Add("--tls-key", options_.tls_key, "PEM file of its key").Type("FILE");
    args.Add("--mqtt", options_.mqtt,
             "Take telemetry from mqtt://[USER:PASSWORD@]HOST[:PORT] too (or mqtts://)")
        .Type("URL");
    args.Add("--mqtt-ca", options_.mqtt_ca, "PEM file of the broker's certificate authority").Type("FILE");
    args.Add("--threads", options_.threads, "Threads for requests").InRange(1, 64).ShowDefault();
    args.Add("--gate-interval", options_.gate_interval_s, "Seconds between evaluations of rollouts")
        .InRange(0.1, 86400.0)
        .ShowDefault();
    args.Add("--retention-days", options_.retention_days, "Days that telemetry is kept")
        .InRange(1, 36500)
        .ShowDefault();
    args.Add("--dark-after", options_.dark_after_s,
             "Seconds of silence after which a device is shown as dark")
        .Positive()
        .ShowDefault();
    args.Add("--token-rate", options_.token_rate, "Requests per second of one token")
        .Positive()
        .ShowDefault();
    args.Add("--address-rate", options_.address_rate, "Requests per second of one address")
        .Positive()
        .ShowDefault();
    args.AddFlag("--private-repo", options_.private_repository, "The repository wants a token, too");
    args.AddFlag("--behind-proxy", options_.behind_proxy, "Believe a proxy's X-Forwarded-For");
    args.AddFlag("--demo", demo_,
                 "Make a repository with its keys and tokens in the data folder: to try it out");

    token_ = args.AddAction("token", "Make, list and revoke tokens");
    token_.RequireAction();
    create_ = token_.AddAction("create", "Make a token and print it, once");
    create_.Add("--role", role_, "What its bearer may do")
        .Required()
        .OneOf({"device", "viewer", "operator", "releaser"});
    create_.Add("--name", token_name_, "Whose it is; the audit log shows it").Type("NAME").Required();
    create_.Add("--device", device_, "For the role device: the only device that may use it").Type("ID");
    list_ = token_.AddAction("list", "List the tokens, without their secrets");
    revoke_ = token_.AddAction("revoke", "Make a token useless");
    revoke_.Add("ID", token_id_, "As 'list' shows it").Required();
  }

  Status Run(Console& console) override {
    std::error_code error;
    if (database_.empty()) {
      std::filesystem::create_directories(data_, error);
      if (error) return Error(Code::kIo, "cannot make the folder: %s", error.message().c_str()).At(data_);
      database_ = data_ + "/whet.db";
    }
    if (token_.given()) return RunToken(console);
    return Serve(console);
  }

 private:
  Status RunToken(Console& console) {
    WHET_ASSIGN_OR_RETURN(const auto database, fleet::SqlDatabase::Open(database_));
    {
      WHET_ASSIGN_OR_RETURN(const auto sql, database->Connect());
      WHET_RETURN_IF_ERROR(fleet::Migrate(*sql));
    }
    fleet::Tokens tokens(*database);
    if (revoke_.given()) return tokens.Revoke(token_id_, Now());
    if (create_.given()) {
      WHET_ASSIGN_OR_RETURN(const std::string token,
                            tokens.Create(token_name_, *fleet::RoleOf(role_), device_, Now()));
      if (console.json()) {
        console.PrintJson({{"token", token}});
      } else {
        console.Print(token + "\n");
      }
      return {};
    }
    WHET_ASSIGN_OR_RETURN(const auto list, tokens.List());
    auto array = nlohmann::ordered_json::array();
    Table table({"id", "name", "role", "device", "created", "revoked"});
    for (const fleet::TokenInfo& info : list) {
      const std::string revoked = info.revoked_unix_s == 0 ? "" : FormatUtcTime(info.revoked_unix_s);
      table.Add({info.principal.id, info.principal.name, std::string(fleet::RoleName(info.principal.role)),
                 info.principal.device, FormatUtcTime(info.created_unix_s), revoked});
      array.push_back({{"id", info.principal.id},
                       {"name", info.principal.name},
                       {"role", fleet::RoleName(info.principal.role)},
                       {"device", info.principal.device},
                       {"created", FormatUtcTime(info.created_unix_s)},
                       {"revoked", revoked}});
    }
    if (console.json()) {
      console.PrintJson({{"tokens", std::move(array)}});
    } else {
      console.Print(table.ToString());
    }
    return {};
  }

  Status Serve(Console& console) {
    fleet::DemoTokens demo_tokens;
    if (demo_) {
      WHET_ASSIGN_OR_RETURN(const fleet::Demo demo, fleet::PrepareDemo(data_));
      options_.repository = demo.repository;
      keys_ = demo.keys;
      passphrase_file_ = demo.passphrase_file;
      WHET_ASSIGN_OR_RETURN(demo_tokens, fleet::PrepareDemoTokens(data_, database_, Now()));
    }
    if (options_.repository.empty()) {
      return Error(Code::kInvalidArgument,
                   "name the repository's folder with --repo, or try it out with --demo");
    }
    if (options_.tls_certificate.empty() != options_.tls_key.empty()) {
      return Error(Code::kInvalidArgument, "--tls-cert and --tls-key go together");
    }
    if (!keys_.empty()) {
      if (passphrase_file_.empty()) {
        return Error(Code::kInvalidArgument,
                     "--keys needs --passphrase-file, the file with their passphrase");
      }
      WHET_ASSIGN_OR_RETURN(std::string passphrase, fleet::ReadSmallFile(passphrase_file_, kMaxPassphrase));
      while (passphrase.ends_with('\n')) passphrase.pop_back();
      WHET_ASSIGN_OR_RETURN(auto store, fleet::KeyStore::OpenFolder(keys_, passphrase));
      options_.keys = std::make_shared<const fleet::KeyStore>(std::move(store));
    }
    if (options_.dashboard.empty()) options_.dashboard = InstalledDashboard();
    options_.database = database_;
    options_.log = [](const std::string& line) { std::fprintf(stderr, "whet serve: %s\n", line.c_str()); };

    // Before any thread is made, so that the signals come here and nowhere else.
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    WHET_ASSIGN_OR_RETURN(const auto server, fleet::FleetServer::Start(options_));
    if (console.json()) {
      nlohmann::ordered_json json = {{"url", server->url()}};
      if (demo_)
        json.update({{"releaser_token", demo_tokens.releaser}, {"device_token", demo_tokens.device}});
      console.PrintJson(json);
    } else {
      console.Print("serving at " + server->url() + "\n");
      if (demo_) {
        console.Print("token for the dashboard (releaser): " + demo_tokens.releaser +
                      "\ntoken for devices:                  " + demo_tokens.device + "\n");
      }
    }
    std::fflush(stdout);
    int signal = 0;
    ::sigwait(&signals, &signal);
    server->Stop();
    return {};
  }

  // share/whet/dashboard beside bin/, or build/web when run from a build folder; "" if there is neither.
  static std::string InstalledDashboard() {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
    for (const auto& folder : {program / "../share/whet/dashboard", program / "../web"}) {
      if (std::filesystem::exists(folder / "index.html", error)) return folder.string();
    }
    return {};
  }

  std::string data_ = "whet-server";
  std::string database_;
  std::string keys_;
  std::string passphrase_file_;
  bool demo_ = false;
  fleet::FleetServerOptions options_;
  Arguments token_;
  Arguments create_;
  Arguments list_;
  Arguments revoke_;
  std::string role_;
  std::string token_name_;
  std::string token_id_;
  std::string device_;
};

}  // namespace

std::unique_ptr<Command> MakeServeCommand() { return std::make_unique<ServeCommand>(); }

}  // namespace whet::cli
