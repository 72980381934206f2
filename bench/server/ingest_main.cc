// Devices that each send one report over HTTP, as fast as the server answers: parsing, the token's check,
// deduplication, every table and the commit included. Client and server share the machine. Every acknowledged
// report is counted in the database at the end.

#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "fleet/http/server_testing.h"
#include "fleet/server/fleet_server.h"
#include "fleet/server/schema.h"
#include "fleet/server/sql.h"
#include "fleet/server/tokens.h"
#include "fleet/telemetry/otlp.h"
#include "fleet/tuf/repository.h"

namespace whet::fleet {
namespace {

constexpr int kConnections = 128;

std::string ReportOf(int device) {
  Report report;
  report.device = Format("device-%07d", device);
  report.boot = "boot";
  report.sequence = 1;
  report.channel = "stable";
  report.agent_version = "0.1.0";
  report.arch = "aarch64";
  report.start_unix_ns = 1'800'000'000'000'000'000;
  report.end_unix_ns = 1'800'000'060'000'000'000;
  ModelReport model;
  model.family = "detector";
  model.version = "1.0.0";
  model.variant = "int8";
  for (int i = 0; i < 200; ++i) {
    model.latency_ms.Record(8 + (i * 37 + device) % 50 * 0.3);
    model.confidence.Record(0.5 + (i * 13 + device) % 50 * 0.01);
  }
  model.memory_bytes = 4 << 20;
  model.drift = 0.2;
  model.health = Health::kHealthy;
  model.active = true;
  report.models.push_back(std::move(model));
  return ToOtlpJson(report);
}

Status Run(double seconds, std::string database) {
  char name[] = "/tmp/whet_ingest_XXXXXX";
  const std::string folder = ::mkdtemp(name);
  struct Remove {
    std::string folder;
    ~Remove() {
      std::error_code error;
      std::filesystem::remove_all(folder, error);
    }
  } const remove{folder};
  const bool sqlite = database.empty();
  if (sqlite) database = folder + "/whet.db";

  auto keys = std::make_shared<KeyStore>();
  WHET_ASSIGN_OR_RETURN(SigningKey key, SigningKey::Generate());
  const RoleSigners signers{{key.public_hex()}, 1};
  keys->Add(std::move(key));
  RepositoryPlan plan{signers, signers, signers, signers, signers};
  WHET_ASSIGN_OR_RETURN(const Repository repository, Repository::Create(folder + "/repo", keys, plan));

  FleetServerOptions options;
  options.listen = "127.0.0.1:0";
  options.database = database;
  options.repository = folder + "/repo";
  options.token_rate = options.token_burst = options.address_rate = options.address_burst = 1e9;
  WHET_ASSIGN_OR_RETURN(const auto server, FleetServer::Start(std::move(options)));
  WHET_ASSIGN_OR_RETURN(const auto sql_database, SqlDatabase::Open(database));
  Tokens tokens(*sql_database);
  WHET_ASSIGN_OR_RETURN(const std::string token, tokens.Create("bench", Role::kDevice, "", 0));

  std::atomic<int> next = 0;
  std::atomic<int> acknowledged = 0;
  std::atomic<bool> failed = false;
  const auto start = std::chrono::steady_clock::now();
  const auto end = start + std::chrono::duration<double>(seconds);
  std::vector<std::thread> clients;
  for (int c = 0; c < kConnections; ++c) {
    clients.emplace_back([&] {
      std::unique_ptr<testing::RawConnection> connection;
      for (int sent = 0; std::chrono::steady_clock::now() < end && !failed; ++sent) {
        // A device's connection does not live for ever; a new one for every tenth report.
        if (sent % 10 == 0) connection = std::make_unique<testing::RawConnection>(server->port());
        const std::string body = ReportOf(next++);
        connection->Send(Format("POST /v1/metrics HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"
                                "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                                token.c_str(), body.size()) +
                         body);
        if (connection->ReadOne().starts_with("HTTP/1.1 200")) {
          ++acknowledged;
        } else {
          failed = true;
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  server->Stop();
  if (failed) return Error(Code::kInternal, "the server refused a report");
  int64_t kept = 0;
  WHET_ASSIGN_OR_RETURN(const auto sql, sql_database->Connect());
  WHET_RETURN_IF_ERROR(
      sql->Run("SELECT COUNT(*) FROM telemetry", {}, [&](const SqlRow& row) { kept = row.Int(0); }));
  if (kept != acknowledged) {
    return Error(Code::kInternal, "%d reports were acknowledged, %lld are there", acknowledged.load(),
                 static_cast<long long>(kept));
  }
  std::printf(
      "%.0f devices per minute (%d reports of %zu bytes in %.1f s, all in the database; %s, %d "
      "connections)\n",
      acknowledged / took * 60, acknowledged.load(), ReportOf(0).size(), took,
      sqlite ? "SQLite" : "PostgreSQL", kConnections);
  return {};
}

}  // namespace
}  // namespace whet::fleet

int main(int argc, char** argv) {
  const whet::Status status =
      whet::fleet::Run(argc > 1 ? std::atof(argv[1]) : 30, argc > 2 ? std::string(argv[2]) : std::string());
  if (status.ok()) return 0;
  std::fprintf(stderr, "ingest: %s\n", status.ToString().c_str());
  return 1;
}
