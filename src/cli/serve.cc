// whet serve: the fleet's server, and its tokens.

#include <pthread.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/utc_time.h"
#include "cli/command.h"
#include "cli/console.h"
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

  void Define(CLI::App& app) override {
    app.add_option("--data", data_, "Folder of the SQLite database")->capture_default_str();
    app.add_option("--database", database_, "postgres://… instead of SQLite")->envname("WHET_DATABASE");
    app.add_option("--repo", options_.repository, "Folder of the repository");
    app.add_option("--keys", keys_, "Folder of the online keys, *.key; without, rollouts cannot be changed");
    app.add_option("--passphrase-file", passphrase_file_, "File with the keys' passphrase");
    app.add_option("--listen", options_.listen, "HOST:PORT, [IPV6]:PORT or unix:PATH")->capture_default_str();
    app.add_option("--dashboard", options_.dashboard,
                   "Folder of the dashboard (default: where it is installed)");
    app.add_option("--tls-cert", options_.tls_certificate, "PEM file of the certificate chain");
    app.add_option("--tls-key", options_.tls_key, "PEM file of its key");
    app.add_option("--mqtt", options_.mqtt,
                   "Take telemetry from mqtt://[USER:PASSWORD@]HOST[:PORT] too (or mqtts://)");
    app.add_option("--mqtt-ca", options_.mqtt_ca, "PEM file of the broker's certificate authority");
    app.add_option("--threads", options_.threads, "Threads for requests")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    app.add_option("--gate-interval", options_.gate_interval_s, "Seconds between evaluations of rollouts")
        ->check(CLI::Range(0.1, 86400.0))
        ->capture_default_str();
    app.add_option("--retention-days", options_.retention_days, "Days that telemetry is kept")
        ->check(CLI::Range(1, 36500))
        ->capture_default_str();
    app.add_option("--dark-after", options_.dark_after_s,
                   "Seconds of silence after which a device is shown as dark")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--token-rate", options_.token_rate, "Requests per second of one token")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--address-rate", options_.address_rate, "Requests per second of one address")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_flag("--private-repo", options_.private_repository, "The repository wants a token, too");
    app.add_flag("--behind-proxy", options_.behind_proxy, "Believe a proxy's X-Forwarded-For");
    app.add_flag("--demo", demo_,
                 "Make a repository with its keys and tokens in the data folder: to try it out");

    token_ = app.add_subcommand("token", "Make, list and revoke tokens");
    token_->require_subcommand(1);
    token_->fallthrough();
    create_ = token_->add_subcommand("create", "Make a token and print it, once");
    create_->fallthrough();
    create_->add_option("--role", role_, "device, viewer, operator or releaser")
        ->required()
        ->check(CLI::IsMember({"device", "viewer", "operator", "releaser"}));
    create_->add_option("--name", token_name_, "Whose it is; the audit log shows it")->required();
    create_->add_option("--device", device_, "For the role device: the only device that may use it");
    list_ = token_->add_subcommand("list", "List the tokens, without their secrets");
    list_->fallthrough();
    revoke_ = token_->add_subcommand("revoke", "Make a token useless");
    revoke_->fallthrough();
    revoke_->add_option("ID", token_id_, "As 'list' shows it")->required();
  }

  Status Run(Console& console) override {
    std::error_code error;
    if (database_.empty()) {
      std::filesystem::create_directories(data_, error);
      if (error) return Error(Code::kIo, "cannot make the folder: %s", error.message().c_str()).At(data_);
      database_ = data_ + "/whet.db";
    }
    if (*token_) return RunToken(console);
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
    if (*revoke_) return tokens.Revoke(token_id_, Now());
    if (*create_) {
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
  CLI::App* token_ = nullptr;
  CLI::App* create_ = nullptr;
  CLI::App* list_ = nullptr;
  CLI::App* revoke_ = nullptr;
  std::string role_;
  std::string token_name_;
  std::string token_id_;
  std::string device_;
};

}  // namespace

std::unique_ptr<Command> MakeServeCommand() { return std::make_unique<ServeCommand>(); }

}  // namespace whet::cli
