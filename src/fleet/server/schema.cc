#include "fleet/server/schema.h"

#include <array>
#include <string>
#include <vector>

namespace whet::fleet {
namespace {

constexpr int64_t kDay = 86400;

// {id}: a key that the database counts up. {blob}: bytes. {partitioned}: by day, in PostgreSQL. Times are
// seconds since 1970.
constexpr std::array<const char*, kSchemaVersion> kMigrations = {R"(
CREATE TABLE tokens (
  id TEXT PRIMARY KEY, hash TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL, device TEXT NOT NULL,
  created BIGINT NOT NULL, revoked BIGINT NOT NULL);

CREATE TABLE audit (
  id {id}, time BIGINT NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL, action TEXT NOT NULL,
  object TEXT NOT NULL, detail TEXT NOT NULL);

CREATE TABLE devices (
  device TEXT PRIMARY KEY, channel TEXT NOT NULL, arch TEXT NOT NULL, agent TEXT NOT NULL,
  health BIGINT NOT NULL, first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL);
CREATE INDEX devices_by_channel ON devices (channel);
CREATE INDEX devices_by_last_seen ON devices (last_seen);

CREATE TABLE device_models (
  device TEXT NOT NULL, family TEXT NOT NULL, version TEXT NOT NULL, variant TEXT NOT NULL,
  rollout TEXT NOT NULL, health BIGINT NOT NULL, PRIMARY KEY (device, family));
CREATE INDEX device_models_by_version ON device_models (family, version);

CREATE TABLE device_boots (
  device TEXT NOT NULL, boot TEXT NOT NULL, seen TEXT NOT NULL, updated BIGINT NOT NULL,
  PRIMARY KEY (device, boot));
CREATE INDEX device_boots_by_updated ON device_boots (updated);

CREATE TABLE device_events (
  id {id}, device TEXT NOT NULL, time BIGINT NOT NULL, kind TEXT NOT NULL, family TEXT NOT NULL,
  version TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX device_events_by_device ON device_events (device, time);
CREATE INDEX device_events_by_time ON device_events (time);

CREATE TABLE telemetry (
  received BIGINT NOT NULL, device TEXT NOT NULL, boot TEXT NOT NULL, sequence BIGINT NOT NULL,
  family TEXT NOT NULL, version TEXT NOT NULL, variant TEXT NOT NULL, rollout TEXT NOT NULL,
  inferences BIGINT NOT NULL, errors BIGINT NOT NULL, crashes BIGINT NOT NULL, p50_ms DOUBLE PRECISION,
  p95_ms DOUBLE PRECISION, drift DOUBLE PRECISION, memory_bytes BIGINT, energy_mj DOUBLE PRECISION) {partitioned};
CREATE INDEX telemetry_by_device ON telemetry (device, received);

CREATE TABLE minutes (
  minute BIGINT NOT NULL, family TEXT NOT NULL, version TEXT NOT NULL, rollout TEXT NOT NULL, arm TEXT NOT NULL,
  writer TEXT NOT NULL, sums {blob} NOT NULL,
  PRIMARY KEY (minute, family, version, rollout, arm, writer));
CREATE INDEX minutes_by_rollout ON minutes (rollout, minute);

CREATE TABLE rollouts (
  id TEXT PRIMARY KEY, channel TEXT NOT NULL, family TEXT NOT NULL, state TEXT NOT NULL,
  sequence BIGINT NOT NULL, created BIGINT NOT NULL, published BIGINT NOT NULL, body TEXT NOT NULL,
  gate TEXT NOT NULL);
CREATE INDEX rollouts_by_state ON rollouts (state);

CREATE TABLE tallies (
  rollout TEXT NOT NULL, stage BIGINT NOT NULL, device TEXT NOT NULL, arm TEXT NOT NULL, sums {blob} NOT NULL,
  PRIMARY KEY (rollout, stage, device));

CREATE TABLE latency_limits (
  rollout TEXT NOT NULL, stratum TEXT NOT NULL, p95_ms DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (rollout, stratum));

CREATE TABLE channels (
  channel TEXT NOT NULL, family TEXT NOT NULL, version TEXT NOT NULL, release_sha256 TEXT NOT NULL,
  rollout TEXT NOT NULL, PRIMARY KEY (channel, family));

CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until BIGINT NOT NULL);
)"};

std::string ForDatabase(std::string sql, bool postgres) {
  const std::array<std::array<const char*, 3>, 3> words = {{
      {"{id}", "INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"},
      {"{blob}", "BLOB", "BYTEA"},
      {"{partitioned}", "", "PARTITION BY RANGE (received)"},
  }};
  for (const auto& word : words) {
    const std::string_view from = word[0];
    for (size_t at = sql.find(from); at != std::string::npos; at = sql.find(from, at)) {
      sql.replace(at, from.size(), word[postgres ? 2 : 1]);
    }
  }
  return sql;
}

}  // namespace

Status Migrate(SqlConnection& connection) {
  return InTransaction(connection, [&]() -> Status {
    // SQLite's transaction is the only writer already.
    if (connection.is_postgres())
      WHET_RETURN_IF_ERROR(connection.Run("SELECT pg_advisory_xact_lock(7234501)"));
    WHET_RETURN_IF_ERROR(
        connection.RunScript("CREATE TABLE IF NOT EXISTS whet_schema (version BIGINT PRIMARY KEY)"));
    int64_t version = 0;
    WHET_RETURN_IF_ERROR(connection.Run("SELECT COALESCE(MAX(version), 0) FROM whet_schema", {},
                                        [&](const SqlRow& row) { version = row.Int(0); }));
    if (version > kSchemaVersion) {
      return Error(Code::kUnsupported,
                   "the database is of version %lld, and this program knows up to %d; install a newer Whet",
                   static_cast<long long>(version), kSchemaVersion);
    }
    for (; version < kSchemaVersion; ++version) {
      WHET_RETURN_IF_ERROR(connection.RunScript(
          ForDatabase(kMigrations[static_cast<size_t>(version)], connection.is_postgres())));
      WHET_RETURN_IF_ERROR(connection.Run("INSERT INTO whet_schema (version) VALUES ($1)", {version + 1}));
    }
    return {};
  });
}

Status MakePartitions(SqlConnection& connection, int64_t now_unix_s) {
  if (!connection.is_postgres()) return {};
  for (int64_t day = now_unix_s / kDay; day <= now_unix_s / kDay + 1; ++day) {
    const auto text = [](int64_t number) { return std::to_string(number); };
    bool there = false;
    WHET_RETURN_IF_ERROR(connection.Run("SELECT 1 FROM pg_class WHERE relname = $1",
                                        {"telemetry_" + text(day)}, [&](const SqlRow&) { there = true; }));
    if (there) continue;
    Status status = InTransaction(connection, [&]() -> Status {
      WHET_RETURN_IF_ERROR(connection.Run("SELECT pg_advisory_xact_lock(7234502)"));
      return connection.RunScript("CREATE TABLE IF NOT EXISTS telemetry_" + text(day) +
                                  " PARTITION OF telemetry FOR VALUES FROM (" + text(day * kDay) + ") TO (" +
                                  text((day + 1) * kDay) + ")");
    });
    if (!status.ok()) return status;
  }
  return {};
}

Status DropBefore(SqlConnection& connection, int64_t before_unix_s) {
  if (connection.is_postgres()) {
    std::vector<std::string> old;
    WHET_RETURN_IF_ERROR(connection.Run(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = 'telemetry'",
        {}, [&](const SqlRow& row) {
          const std::string name(row.Text(0));
          const int64_t day = std::strtoll(name.c_str() + std::string_view("telemetry_").size(), nullptr, 10);
          if ((day + 1) * kDay <= before_unix_s) old.push_back(name);
        }));
    for (const std::string& name : old)
      WHET_RETURN_IF_ERROR(connection.RunScript("DROP TABLE IF EXISTS " + name));
  } else {
    WHET_RETURN_IF_ERROR(connection.Run("DELETE FROM telemetry WHERE received < $1", {before_unix_s}));
  }
  WHET_RETURN_IF_ERROR(connection.Run("DELETE FROM minutes WHERE minute < $1", {before_unix_s}));
  WHET_RETURN_IF_ERROR(connection.Run("DELETE FROM device_events WHERE time < $1", {before_unix_s}));
  // A rollout's tallies are of no use once it has ended.
  WHET_RETURN_IF_ERROR(
      connection.Run("DELETE FROM tallies WHERE rollout IN (SELECT id FROM rollouts WHERE state IN ('done', "
                     "'rolled-back') AND created < $1)",
                     {before_unix_s}));
  return connection.Run("DELETE FROM device_boots WHERE updated < $1", {before_unix_s});
}

}  // namespace whet::fleet
