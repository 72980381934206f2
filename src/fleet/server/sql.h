// The little of SQL databases that the server needs, over SQLite and PostgreSQL. Statements are written once,
// in what both understand; parameters are $1, $2, …; where they differ, the schema differs (schema.h).
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"

namespace whet::fleet {

struct Blob {
  std::string bytes;
};

using SqlValue = std::variant<std::monostate, int64_t, double, std::string, Blob>;

// One row of an answer. A column of another kind than asked for is 0 or "".
class SqlRow {
 public:
  explicit SqlRow(std::vector<SqlValue> columns) : columns_(std::move(columns)) {}
  bool IsNull(size_t column) const { return std::holds_alternative<std::monostate>(columns_[column]); }
  int64_t Int(size_t column) const;
  double Real(size_t column) const;
  std::string_view Text(size_t column) const;   // of a text
  std::string_view Bytes(size_t column) const;  // of a blob

 private:
  std::vector<SqlValue> columns_;
};

using SqlRowFunction = std::function<void(const SqlRow& row)>;

// One connection; not thread-safe. Statements are prepared once and kept.
class SqlConnection {
 public:
  virtual ~SqlConnection() = default;

  // `row` is called for each row. kIo when the database is away or busy (a retry may help), kInternal for a
  // statement that it refuses.
  virtual Status Run(std::string_view sql, std::span<const SqlValue> parameters,
                     const SqlRowFunction& row) = 0;
  Status Run(std::string_view sql, std::initializer_list<SqlValue> parameters = {},
             const SqlRowFunction& row = {}) {
    return Run(sql, std::span(parameters.begin(), parameters.size()), row);
  }
  // Several statements without parameters.
  virtual Status RunScript(const std::string& sql) = 0;
  // How many rows the last INSERT, UPDATE or DELETE changed.
  virtual int64_t changes() const = 0;
  virtual bool is_postgres() const = 0;
  // False when it is broken and a new one is needed.
  virtual bool alive() const = 0;

  // For a transaction that writes.
  Status Begin() { return Run(is_postgres() ? "BEGIN" : "BEGIN IMMEDIATE"); }
  Status Commit() { return Run("COMMIT"); }
  void Rollback() {
    if (!Run("ROLLBACK").ok()) return;  // what is not committed is gone with the connection, too
  }
};

// Runs `body` between Begin and Commit, or rolls back what it did.
Status InTransaction(SqlConnection& connection, const std::function<Status()>& body);

// A database and its idle connections. Thread-safe.
class SqlDatabase {
 public:
  // "postgres://…" or "postgresql://…" (libpq's connection strings), else the path of an SQLite file, which
  // is made if it is not there. Tries to connect.
  static Result<std::unique_ptr<SqlDatabase>> Open(const std::string& url);

  // A connection that goes back to the idle ones when it is let go.
  class Lease {
   public:
    Lease(SqlDatabase* database, std::unique_ptr<SqlConnection> connection)
        : database_(database), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    SqlConnection* operator->() const { return connection_.get(); }
    SqlConnection& operator*() const { return *connection_; }

   private:
    SqlDatabase* database_;
    std::unique_ptr<SqlConnection> connection_;
  };
  Result<Lease> Connect();

  bool is_postgres() const { return postgres_; }

 private:
  explicit SqlDatabase(std::string url, bool postgres) : url_(std::move(url)), postgres_(postgres) {}

  const std::string url_;
  const bool postgres_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<SqlConnection>> idle_;
};

namespace internal {
Result<std::unique_ptr<SqlConnection>> ConnectSqlite(const std::string& path);
Result<std::unique_ptr<SqlConnection>> ConnectPostgres(const std::string& url);
}  // namespace internal

}  // namespace whet::fleet
