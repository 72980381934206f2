// `whet serve`: the fleet's server. Everything that must last is in the database and in the repository, so
// any number of replicas can run over the same two, and each can be killed at any moment.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "fleet/tuf/signing_key.h"

namespace whet::fleet {

struct FleetServerOptions {
  std::string listen = "127.0.0.1:8080";
  std::string database = {};    // an SQLite file's path, or postgres://…
  std::string repository = {};  // its folder
  // Online keys (timestamp, snapshot, rollouts, deltas) to publish with; null: rollouts cannot be changed.
  std::shared_ptr<const KeyStore> keys = nullptr;
  std::string dashboard = {};       // a folder; empty: none is served
  bool private_repository = false;  // /repo/ wants a token
  bool behind_proxy = false;        // believe X-Forwarded-For
  std::string tls_certificate = {};
  std::string tls_key = {};
  std::string mqtt = {};     // "mqtt://[user:password@]host[:port]" or mqtts://; empty: none
  std::string mqtt_ca = {};  // PEM; for mqtts
  int threads = 4;
  double gate_interval_s = 30;
  int64_t retention_days = 30;
  int64_t dark_after_s = 7200;  // a device silent for so long is shown as dark
  // Requests per second and at once: of one token, of one address, and of one address without a good token.
  double token_rate = 50, token_burst = 200;
  double address_rate = 500, address_burst = 2000;
  double refused_rate = 1, refused_burst = 20;
  std::function<int64_t()> clock = {};                    // seconds since 1970; the system's if empty
  std::function<void(const std::string& line)> log = {};  // what an operator should know; may be empty
};

class FleetServer {
 public:
  // Migrates the database, opens the repository, listens. An error says which of these failed.
  static Result<std::unique_ptr<FleetServer>> Start(FleetServerOptions options);
  virtual ~FleetServer() = default;

  virtual std::string url() const = 0;
  virtual int port() const = 0;
  // Answers what is being handled, writes what waits, ends.
  virtual void Stop() = 0;
};

}  // namespace whet::fleet
