// The server's tables, and how a database made by an older version becomes one of this version.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "fleet/server/sql.h"

namespace whet::fleet {

inline constexpr int kSchemaVersion = 1;

// Runs the migrations that the database lacks, each in a transaction; two servers that start at once do not
// disturb each other. A database of a newer version is an error.
Status Migrate(SqlConnection& connection);

// PostgreSQL keeps telemetry in one partition per day (of `received`, seconds since 1970): makes those of the
// given day and the next. Nothing to do for SQLite.
Status MakePartitions(SqlConnection& connection, int64_t now_unix_s);

// Drops (PostgreSQL) or deletes what was received before `before_unix_s`, and what belonged to it.
Status DropBefore(SqlConnection& connection, int64_t before_unix_s);

}  // namespace whet::fleet
